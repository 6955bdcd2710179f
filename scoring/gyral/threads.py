"""How many threads a computation may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

# Problems with fewer rows and fewer units than this run on one thread.
_SMALL = 1500


@lru_cache(maxsize=1)
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def few_threads(size: int) -> Iterator[None]:
    """One thread for problems of few rows and units (the larger of both is ``size``); others run as the caller has it.

    numpy, scipy and torch each bring threads of their own, which stay awake for a while after each product and keep the
    others from their core: a loop of solves of 410 x 410 that goes through all three took 35 times as long with two threads
    as with one on two idle cores, 44 times on busy ones.
    """
    if size >= _SMALL:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _pools().limit(limits=1):
            yield
    finally:
        torch.set_num_threads(before)
