"""Real worker processes on the file transport: killed, doubled, told to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app

from database_url import database_url
from gyral_submissions import conf
from gyral_submissions.domain import log, run, sweeper, transition
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Run, Score, Submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_score")]

StartWorker = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start_worker(home: Path, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers as `gyral serve` does; all are gone at the end."""
    workers: list[subprocess.Popen[bytes]] = []

    def start(**variables: str) -> "subprocess.Popen[bytes]":
        number = len(workers)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "gyral_portal.settings",
            "DATABASE_URL": database_url(),
            "BROKER_URL": os.environ.get("BROKER_URL", ""),
            "GYRAL_HOME": str(home),
            "GYRAL_SCORE_COMMAND": " ".join(conf.SCORE_COMMAND()),
            "GYRAL_LEASE_SECONDS": str(conf.LEASE_SECONDS()),
            "GYRAL_WARM_SECONDS": "0",
            "PYTHONWARNINGS": "",
        }
        argv = [sys.executable, "-m", "celery", "--app", "gyral_portal.worker", "--quiet", "worker"]
        argv += ["--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        argv += ["--hostname", f"test{number}@%h", "--loglevel", "INFO"]
        with (tmp_path / f"worker{number}.log").open("wb") as output:
            worker = subprocess.Popen(argv, env=environment | variables, stdout=output, stderr=output)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def state_of(found: Run) -> State:
    return State(Run.objects.values_list("state", flat=True).get(pk=found.pk))


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_worker_scores_what_was_published(
    submission: Submission, benchmark_row: Benchmark, start_worker: StartWorker
) -> None:
    start_worker()
    runs = run.create(submission, [benchmark_row])
    wait_for(lambda: all(state_of(one) == State.FINISHED for one in runs))
    assert Score.objects.count() == 24


def test_run_of_a_killed_worker_is_scored_once_by_another(
    make_submission: Callable[..., Submission],
    benchmark_row: Benchmark,
    start_worker: StartWorker,
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.GYRAL_LEASE_SECONDS = 2.0
    pid_file = tmp_path / "pid"
    submission = make_submission(does={"sleep": 4, "spawn": str(pid_file)})
    first = start_worker()
    found = run.create(submission, [benchmark_row], twin=False)[0]
    grandchild = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_for(lambda: not is_alive(grandchild), 5)
    start_worker()
    time.sleep(1)
    assert state_of(found) == State.RUNNING  # nobody has redelivered it
    wait_for(lambda: sweeper.sweep().queued_again, 10)
    wait_for(lambda: state_of(found) == State.FINISHED)
    found.refresh_from_db()
    assert (found.attempt, Score.objects.count()) == (2, 12)
    assert "The worker went away" in log.read_log(found.pk)


def test_two_workers_on_one_job_have_one_outcome(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, start_worker: StartWorker
) -> None:
    start_worker()
    start_worker()
    submission = make_submission(does={"pause": 0.2})
    found = run.create(submission, [benchmark_row], twin=False)[0]
    for _ in range(5):
        transition.publish(found.pk, 1)
    wait_for(lambda: state_of(found) == State.FINISHED)
    transition.publish(found.pk, 1)
    time.sleep(2)
    found.refresh_from_db()
    assert (found.attempt, found.state, Score.objects.count()) == (1, State.FINISHED, 12)
    assert log.read_log(found.pk).count("Scoring") == 1


def test_worker_told_to_end_hands_its_run_over(
    make_submission: Callable[..., Submission],
    benchmark_row: Benchmark,
    start_worker: StartWorker,
    tmp_path: Path,
) -> None:
    pid_file = tmp_path / "pid"
    worker = start_worker()
    submission = make_submission(does={"sleep": 600, "spawn": str(pid_file)})
    found = run.create(submission, [benchmark_row], twin=False)[0]
    grandchild = int(wait_for(lambda: pid_file.exists() and pid_file.read_text()))
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=5)
    wait_for(lambda: not is_alive(grandchild), 5)
    assert sweeper.sweep().queued_again == 1
    assert state_of(found) == State.QUEUED


def test_lost_message_is_published_again(
    submission: Submission,
    benchmark_row: Benchmark,
    start_worker: StartWorker,
    settings: Any,
) -> None:
    settings.GYRAL_REPUBLISH_SECONDS = 0.5
    found = run.create(submission, [benchmark_row], twin=False)[0]
    assert current_app.control.purge() == 1
    start_worker()
    time.sleep(1)
    assert sweeper.sweep().published_again == 1
    wait_for(lambda: state_of(found) == State.FINISHED)
