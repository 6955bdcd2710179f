"""Lasting: the collector waits while something large is read, and comes back whatever happens."""

import gc
import threading

import pytest

from gyral_submissions.domain.queries.lasting import collector_waits, keep


def test_collector_waits_for_the_last_reader() -> None:
    inside, leave = threading.Event(), threading.Event()

    def read() -> None:
        with collector_waits():
            inside.set()
            leave.wait(10)

    other = threading.Thread(target=read)
    other.start()
    inside.wait(10)
    with collector_waits():
        assert not gc.isenabled()
    assert not gc.isenabled(), "the other one still reads"
    leave.set()
    other.join()
    assert gc.isenabled()


def test_collector_comes_back_after_a_fault() -> None:
    with pytest.raises(ZeroDivisionError), collector_waits():
        raise ZeroDivisionError
    assert gc.isenabled()


def test_only_what_is_large_is_left_alone() -> None:
    before = gc.get_freeze_count()
    keep(10)
    assert gc.get_freeze_count() == before
    try:
        keep(10_000)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
