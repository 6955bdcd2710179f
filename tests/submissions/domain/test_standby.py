"""Standby: the next run of a worker meets a child that is ready; it is used once, and never left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from guests import gone, working_in
from gyral.isolation.tier import LEAST, probe
from gyral.result import load_record
from gyral_submissions.domain import execution, log
from gyral_submissions.domain.standby import Standby
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run, Submission

CONV = Path(__file__).resolve().parents[3] / "fixtures" / "uploads" / "conv"
HELD = pytest.mark.skipif(probe() == "process", reason="no guest can be held here")


@pytest.fixture
def variables() -> dict[str, str]:
    """What the child of an upload's run is started with."""
    return execution.environment(os.environ) | {LEAST: probe()}


@pytest.fixture
def standby(home: Path) -> Iterator[Standby]:
    """None waits yet; none is left."""
    made = Standby()
    yield made
    made.end()


def _ready(standby: Standby) -> int:
    """Wait for the child; its process id."""
    until = time.monotonic() + 60
    while standby._child is not None and time.monotonic() < until:
        if standby._child.said.is_ready:
            return standby._child.pid
        assert not standby._child.has_ended(0.05)
    raise AssertionError("no child became ready")


@HELD
def test_a_ready_child_makes_the_record_a_person_gets_at_home(
    standby: Standby, variables: dict[str, str], home: Path, cold_cache: Path, tmp_path: Path
) -> None:
    variables["GYRAL_CACHE"] = str(cold_cache)
    standby.start(variables)
    pid = _ready(standby)
    waiting = working_in(cold_cache)
    assert waiting, "no guest waits"
    standby.start(variables)
    assert _ready(standby) == pid, "a second one was started"
    argv = ["score", str(CONV), "--benchmark", "sim-vision@1", "--progress", "json", "--controls", "none"]
    with closing(log.CappedFile(tmp_path / "errors", 1 << 16)) as errors:
        child = standby.take(
            [*argv, "--isolated", "--out", str(tmp_path / "warm")], environment=variables, errors=errors, folder=tmp_path
        )  # fmt: skip
        assert child is not None and child.pid == pid
        with child:
            while not child.has_ended(0.2):
                assert working_in(cold_cache) <= waiting, "another guest was started"
            assert child.end() == 0 and child.said.record, (tmp_path / "errors").read_text()
    assert gone(waiting)
    cold = [sys.executable, "-m", "gyral.cli.main", *argv, "--out", str(tmp_path / "cold")]
    subprocess.run(cold, env=variables, check=True, stdout=subprocess.DEVNULL)
    assert load_record(tmp_path / "warm").same_scores_as(load_record(tmp_path / "cold"))


@HELD
@pytest.mark.django_db(transaction=True)
def test_a_run_takes_the_child_that_waits_and_its_fault_is_the_same(
    standby: Standby,
    variables: dict[str, str],
    make_submission: Callable[..., Submission],
    benchmark_row: Benchmark,
    settings: Any,
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    standby.start(variables)
    pid = _ready(standby)
    found = Run.objects.create(submission=make_submission(), benchmark=benchmark_row, readout="ridge")
    taken = []
    take = standby.take
    standby.take = lambda *a, **k: taken.append(take(*a, **k)) or taken[-1]  # type: ignore[method-assign]
    assert execution.execute(found.pk, 1, standby=standby) == State.FAILED
    found.refresh_from_db()
    assert [child.pid for child in taken] == [pid] and not Path(f"/proc/{pid}").exists()
    assert (found.fault, found.fault_code) == ("site", "unknown-benchmark"), log.read_errors(found.pk)


@pytest.mark.parametrize("change", [{"OMP_NUM_THREADS": "3"}, None])
def test_a_child_started_for_something_else_is_ended(
    change: dict[str, str] | None, standby: Standby, variables: dict[str, str], tmp_path: Path, settings: Any
) -> None:
    standby.start(variables)
    pid = _ready(standby)
    if change is None:
        settings.GYRAL_SCORE_COMMAND = ["gyral"]
    with closing(log.CappedFile(tmp_path / "errors", 1000)) as errors:
        taken = standby.take(["list"], environment=variables | (change or {}), errors=errors, folder=tmp_path)
    assert taken is None and not Path(f"/proc/{pid}").exists()


def test_a_command_that_cannot_wait_is_not_used(standby: Standby, variables: dict[str, str], tmp_path: Path, settings: Any) -> None:  # fmt: skip
    settings.GYRAL_SCORE_COMMAND = [sys.executable, "-c", "raise SystemExit(2)"]
    standby.start(variables)
    with closing(log.CappedFile(tmp_path / "errors", 1000)) as errors:
        assert standby.take(["list"], environment=variables, errors=errors, folder=tmp_path) is None


def test_it_goes_where_no_run_comes_in_time(standby: Standby, variables: dict[str, str], settings: Any) -> None:
    settings.GYRAL_WARM_SECONDS = 0.2
    standby.start(variables)
    assert standby._child is not None
    until = time.monotonic() + 60
    while not standby._child.has_ended(0.1):
        assert time.monotonic() < until
    settings.GYRAL_WARM_SECONDS = 0
    standby.end()
    standby.start(variables)
    assert standby._child is None


@HELD
def test_nothing_is_left_when_its_worker_is_killed(
    variables: dict[str, str], home: Path, cold_cache: Path
) -> None:
    variables["GYRAL_CACHE"] = str(cold_cache)
    read, write = os.pipe()
    worker = os.fork()
    if worker == 0:
        try:
            standby = Standby()
            standby.start(variables)
            os.write(write, f"{_ready(standby)}\n".encode())
            time.sleep(600)
        finally:
            os._exit(1)
    child, waiting = int(os.read(read, 32)), working_in(cold_cache)
    assert waiting
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    assert gone({child, *waiting})
    os.close(read), os.close(write)
