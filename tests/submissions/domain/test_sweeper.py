"""The sweeper: which runs it takes up, and what it removes."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from gyral_submissions import conf
from gyral_submissions.domain import attempt, log, run, sweeper
from gyral_submissions.enums import Format, State
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting(make_submission: Callable[..., Submission], benchmark_row: Benchmark) -> Callable[[float], Run]:
    """Makes a queued run whose message left so many seconds ago."""

    def make(seconds: float) -> Run:
        found = run.create(make_submission(), [benchmark_row], twin=False, publish=False)[0]
        Run.objects.filter(pk=found.pk).update(published=timezone.now() - timedelta(seconds=seconds))
        found.refresh_from_db()
        return found

    return make


def test_sweep_leaves_leases_that_hold(waiting: Callable[[float], Run]) -> None:
    found = waiting(1)
    attempt.start(found.pk, 1, "worker")
    assert sweeper.sweep() == sweeper.Swept()


def test_sweep_queues_an_expired_lease_again_once(waiting: Callable[[float], Run], messages: Path) -> None:
    found = waiting(1)
    attempt.start(found.pk, 1, "worker")
    attempt.release(found.pk, 1)
    assert [sweeper.sweep().queued_again, sweeper.sweep().queued_again] == [1, 0]
    found.refresh_from_db()
    assert (found.state, found.attempt, found.worker) == (State.QUEUED, 2, "")
    assert len(list(messages.iterdir())) == 1


def test_sweepers_at_once_queue_each_run_once(waiting: Callable[[float], Run], messages: Path) -> None:
    for found in [waiting(1) for _ in range(5)]:
        attempt.start(found.pk, 1, "worker")
        attempt.release(found.pk, 1)
    together, swept = threading.Barrier(4), []

    def sweep() -> None:
        try:
            together.wait()
            swept.append(sweeper.sweep().queued_again)
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (sum(swept), len(swept), len(list(messages.iterdir()))) == (5, 4, 5)
    assert set(Run.objects.values_list("attempt", flat=True)) == {2}


def test_old_message_of_an_idle_queue_is_published_again(waiting: Callable[[float], Run], messages: Path) -> None:
    waiting(conf.REPUBLISH_SECONDS() + 1)
    waiting(1)
    assert [sweeper.sweep().published_again, sweeper.sweep().published_again] == [1, 0]
    assert len(list(messages.iterdir())) == 1


def test_run_that_waits_behind_a_busy_worker_is_left_alone(waiting: Callable[[float], Run]) -> None:
    busy = waiting(conf.REPUBLISH_SECONDS() + 900)
    attempt.start(busy.pk, 1, "worker")
    waiting(conf.REPUBLISH_SECONDS() + 600)
    assert sweeper.sweep().published_again == 0


def test_run_that_was_overtaken_is_published_again(waiting: Callable[[float], Run]) -> None:
    waiting(conf.REPUBLISH_SECONDS() + 600)
    later = waiting(conf.REPUBLISH_SECONDS() + 300)
    attempt.start(later.pk, 1, "worker")
    assert sweeper.sweep().published_again == 1


def test_run_that_was_overtaken_by_another_queue_is_left_alone(waiting: Callable[[float], Run]) -> None:
    behind = waiting(conf.REPUBLISH_SECONDS() + 600)
    Submission.objects.filter(pk=behind.submission_id).update(format=Format.REFERENCE)
    upload = waiting(conf.REPUBLISH_SECONDS() + 300)
    attempt.start(upload.pk, 1, "worker")
    assert sweeper.sweep().published_again == 0


def test_run_whose_message_never_left_is_published(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    found = run.create(make_submission(), [benchmark_row], twin=False, publish=False)[0]
    Run.objects.filter(pk=found.pk).update(created=timezone.now() - timedelta(hours=1))
    assert sweeper.sweep().published_again == 1


def test_tidy_removes_old_folders_that_no_row_names(submission: Submission, benchmark_row: Benchmark) -> None:
    found = run.create(submission, [benchmark_row], twin=False, publish=False)[0]
    kept = [conf.uploads() / submission.path, log.run_folder(found.pk), conf.uploads() / "just-arrived"]
    stale = [
        conf.incoming() / "half",
        conf.uploads() / "orphan",
        conf.runs() / "00000000-0000-0000-0000-000000000000",
    ]
    for folder in (*kept[2:], *stale):
        folder.mkdir()
    stale.append(conf.incoming() / "half.upload")
    stale[-1].write_text("what a request left")
    long_ago = time.time() - 2 * 86400
    for folder in (*kept[:2], *stale):
        os.utime(folder, (long_ago, long_ago))
    assert sweeper.tidy() == 4
    assert [p.exists() for p in (*kept, *stale)] == [True] * 3 + [False] * 4


def test_sweep_command_says_what_it_did(waiting: Callable[[float], Run], capsys: Any) -> None:
    waiting(conf.REPUBLISH_SECONDS() + 1)
    out = StringIO()
    call_command("sweep", "--once", stdout=out)
    assert out.getvalue() == "sweep: 0 queued again, 0 given up, 1 published again\n"
