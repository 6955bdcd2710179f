import numpy as np
import torch
from threadpoolctl import threadpool_info, threadpool_limits  # type: ignore[import-untyped]

from gyral.threads import few_threads


def threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info()} | {torch.get_num_threads()}


def test_small_problems_run_on_one_thread_and_leave_the_callers_as_they_were() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threadpool_limits(2):
            np.ones((4, 4)) @ np.ones((4, 4))
            with few_threads(1499):
                assert threads() == {1}
            assert threads() == {2}
            with few_threads(1500):
                assert threads() == {2}
    finally:
        torch.set_num_threads(before)
