"""States x events: what moves, what stays, and that nothing late has its way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gyral_submissions.domain import attempt, fault, run, sweeper
from gyral_submissions.domain.step import Step
from gyral_submissions.enums import ACTIVE, FINAL, State
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)

Event = Callable[[Run], Any]


def in_state(submission: Submission, benchmark: Benchmark, state: State, attempt: int = 2) -> Run:
    lapsed = timezone.now() - timedelta(seconds=1)
    return Run.objects.create(
        submission=submission,
        benchmark=benchmark,
        readout="ridge",
        state=state,
        attempt=attempt,
        published=timezone.now(),
        lease_until=lapsed if state == State.RUNNING else None,
    )


def start(found: Run) -> Any:
    return attempt.start(found.pk, found.attempt, "worker")


def report(found: Run) -> Any:
    return attempt.report(found.pk, found.attempt, [Step(step="ridge", done=1, total=4, seconds=1.0)])


def renew(found: Run) -> Any:
    return attempt.renew_lease(found.pk, found.attempt)


def release(found: Run) -> Any:
    return attempt.release(found.pk, found.attempt)


def fail_ours(found: Run) -> Any:
    return attempt.fail(found.pk, found.attempt, fault.ours("child-died"))


def fail_theirs(found: Run) -> Any:
    return attempt.fail(found.pk, found.attempt, fault.submitters("bad-upload", "no."))


def retry(found: Run) -> Any:
    try:
        return run.retry(found)
    except run.CannotRun:
        return False


EVENTS: dict[str, tuple[Event, dict[State, State]]] = {
    "start": (start, {State.QUEUED: State.RUNNING}),
    "report": (report, {State.RUNNING: State.RUNNING}),
    "renew": (renew, {State.RUNNING: State.RUNNING}),
    "release": (release, {State.RUNNING: State.RUNNING}),
    "fail, our fault": (fail_ours, {State.RUNNING: State.FAILED}),
    "fail, theirs": (fail_theirs, {State.RUNNING: State.FAILED}),
    "cancel": (run.cancel, {State.QUEUED: State.CANCELLED, State.RUNNING: State.CANCELLED}),
    "retry": (retry, {State.FAILED: State.QUEUED, State.CANCELLED: State.QUEUED}),
    "expire": (sweeper.expire, {State.RUNNING: State.QUEUED}),
}
RAISES_ATTEMPT = {"retry", "expire"}


def test_every_state_is_active_or_final() -> None:
    assert set(ACTIVE) | set(FINAL) == set(State)
    assert not set(ACTIVE) & set(FINAL)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("name", EVENTS)
def test_event_moves_only_from_its_states(
    name: str, state: State, submission: Submission, benchmark_row: Benchmark
) -> None:
    event, moves = EVENTS[name]
    found = in_state(submission, benchmark_row, state)
    happened = bool(event(found))
    after = Run.objects.get(pk=found.pk)
    assert happened == (state in moves)
    assert after.state == moves.get(state, state)
    assert after.attempt == (3 if happened and name in RAISES_ATTEMPT else 2)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("name", [n for n in EVENTS if n != "cancel"])
def test_event_of_an_old_attempt_matches_nothing(
    name: str, state: State, submission: Submission, benchmark_row: Benchmark
) -> None:
    event, _ = EVENTS[name]
    late = in_state(submission, benchmark_row, state)
    Run.objects.filter(pk=late.pk).update(attempt=3)
    before = Run.objects.filter(pk=late.pk).values().get()
    assert not event(late)
    assert Run.objects.filter(pk=late.pk).values().get() == before


def test_retry_forgets_the_attempt_before(submission: Submission, benchmark_row: Benchmark) -> None:
    found = in_state(submission, benchmark_row, State.RUNNING)
    report(found)
    fail_ours(found)
    found.refresh_from_db()
    assert found.reference and found.fault_text and found.steps
    again = run.retry(found)
    assert (again.state, again.attempt, again.fault, again.fault_text, again.reference) == (
        "queued",
        3,
        "",
        "",
        "",
    )
    assert (again.steps, again.step, again.progress, again.started, again.finished) == ([], "", 0.0, None, None)


def test_report_stores_step_progress_and_lease(submission: Submission, benchmark_row: Benchmark) -> None:
    found = in_state(submission, benchmark_row, State.RUNNING)
    assert report(found)
    found.refresh_from_db()
    assert (found.step, found.progress, found.remaining_seconds) == ("ridge", 0.25, 3.0)
    assert found.steps == [{"step": "ridge", "done": 1, "total": 4, "seconds": 1.0}]
    assert found.lease_until is not None and found.lease_until > timezone.now()


def test_expire_leaves_a_run_whose_worker_came_back(submission: Submission, benchmark_row: Benchmark) -> None:
    found = in_state(submission, benchmark_row, State.RUNNING)
    assert renew(found)
    assert not sweeper.expire(found)
    assert Run.objects.get(pk=found.pk).state == State.RUNNING
