"""Lasting: reading what a process keeps for long, without the garbage collector going through it again and again.

The collector takes a third of a second to look through the sheets of a large site, in the middle of somebody's page, and
does so dozens of times while they are read.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_MANY = 1000  # rows; fewer are not worth a collection
_lock = threading.Lock()
_inside = 0


@contextmanager
def collector_waits() -> Iterator[None]:
    """No cycles are looked for inside, in any thread."""
    global _inside
    with _lock:
        _inside += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                gc.enable()


def keep(rows: int) -> None:
    """Leave alone what is there now, for good: something of so many ``rows`` that holds no cycles was just made.

    What is dropped later is freed by its count of references as ever.
    """
    if rows >= _MANY:
        gc.collect()  # or cycles that nobody holds would be left alone, too
        gc.freeze()
