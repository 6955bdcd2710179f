"""One call in a process of its own: what it returns, its CPU seconds and its peak memory.

CPU seconds of one BLAS thread; the peak is of the whole process, with interpreter and inputs. The inputs are
made in that process by the call itself, so that nothing is counted twice.
"""

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, NamedTuple

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Measured(NamedTuple):
    """Result of a call, CPU seconds and peak memory in GiB."""

    result: Any
    seconds: float
    peak: float


def measured(prepare: Callable[..., Any], call: Callable[[Any], Any], *arguments: Any) -> Measured:
    """``call(prepare(*arguments))`` in a fresh process; only ``call`` is timed."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, prepare, call, arguments).result()


def _timed(prepare: Callable[..., Any], call: Callable[[Any], Any], arguments: tuple[Any, ...]) -> Measured:
    import torch  # nested: only the fresh process needs it

    torch.set_num_threads(1)
    inputs = prepare(*arguments)
    start = time.process_time()
    result = call(inputs)
    seconds = time.process_time() - start
    return Measured(result, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
