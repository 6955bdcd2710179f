"""What people do with runs: create, cancel, retry."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from gyral_submissions.domain import attempt, fault, log, run
from gyral_submissions.enums import Format, State, Tier, Twin
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def count(messages: Path) -> int:
    return len(list(messages.iterdir()))


def test_create_publishes_model_and_twin(submission: Submission, benchmark_row: Benchmark, messages: Path) -> None:
    runs = run.create(submission, [benchmark_row])
    assert [r.twin for r in runs] == [Twin.NONE, Twin.UNTRAINED]
    assert count(messages) == 2


def test_create_publishes_nothing_that_is_rolled_back(
    submission: Submission, benchmark_row: Benchmark, messages: Path
) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        run.create(submission, [benchmark_row])
        raise ZeroDivisionError
    assert (count(messages), Run.objects.count()) == (0, 0)


def test_features_have_no_twin(make_submission: Callable[..., Submission], benchmark_row: Benchmark) -> None:
    features = make_submission(format=Format.FEATURES, tier=Tier.SELF_REPORTED, has_twin=False)
    assert [r.twin for r in run.create(features, [benchmark_row])] == [Twin.NONE]


def test_broker_away_leaves_the_run_queued(
    submission: Submission, benchmark_row: Benchmark, messages: Path
) -> None:
    messages.rmdir()
    messages.write_text("a file where the folder should be")
    found = run.create(submission, [benchmark_row], twin=False)[0]
    assert Run.objects.get(pk=found.pk).state == State.QUEUED


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"modality": "language"}, "modality"), ({"retired": True}, "retired")],
)
def test_create_refuses_a_benchmark_that_does_not_fit(
    fields: dict[str, Any],
    code: str,
    submission: Submission,
    make_benchmark: Callable[..., Benchmark],
) -> None:
    with pytest.raises(run.CannotRun) as refused:
        run.create(submission, [make_benchmark(), make_benchmark(**fields)])
    assert (refused.value.code, Run.objects.count()) == (code, 0)


def test_withdrawn_submissions_take_no_runs(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    with pytest.raises(run.CannotRun, match="withdrawn"):
        run.create(make_submission(withdrawn=timezone.now()), [benchmark_row])


def test_create_refuses_what_is_active_or_scored(submission: Submission, benchmark_row: Benchmark) -> None:
    run.create(submission, [benchmark_row], twin=False)
    with pytest.raises(run.CannotRun) as refused:
        run.create(submission, [benchmark_row], twin=False)
    assert refused.value.code == "already-active"
    Run.objects.update(state=State.FINISHED)
    with pytest.raises(run.CannotRun) as refused:
        run.create(submission, [benchmark_row], twin=False)
    assert refused.value.code == "already-scored"


def test_cancel_of_a_model_cancels_its_twin_and_no_other(
    submission: Submission, make_benchmark: Callable[..., Benchmark]
) -> None:
    here, there = make_benchmark(), make_benchmark()
    first = run.create(submission, [here, there])[0]
    assert run.cancel(first)
    assert set(Run.objects.filter(benchmark=here).values_list("state", flat=True)) == {State.CANCELLED}
    assert set(Run.objects.filter(benchmark=there).values_list("state", flat=True)) == {State.QUEUED}
    assert not run.cancel(first)


def test_cancel_of_a_twin_leaves_the_model(submission: Submission, benchmark_row: Benchmark) -> None:
    model, twin = run.create(submission, [benchmark_row])
    run.cancel(twin)
    assert Run.objects.get(pk=model.pk).state == State.QUEUED


def test_retry_publishes_the_next_attempt(
    submission: Submission, benchmark_row: Benchmark, messages: Path
) -> None:
    found = run.create(submission, [benchmark_row], twin=False, publish=False)[0]
    attempt.start(found.pk, 1, "worker")
    attempt.fail(found.pk, 1, fault.ours("child-died"))
    found.refresh_from_db()
    assert run.retry(found).attempt == 2
    assert count(messages) == 1


def test_retry_refuses_a_run_that_was_replaced(submission: Submission, benchmark_row: Benchmark) -> None:
    old = run.create(submission, [benchmark_row], twin=False)[0]
    run.cancel(old)
    run.create(submission, [benchmark_row], twin=False)
    old.refresh_from_db()
    with pytest.raises(run.CannotRun) as refused:
        run.retry(old)
    assert refused.value.code == "already-active"


def test_retry_after_cancel_queues_the_cancelled_twin_too(
    submission: Submission, benchmark_row: Benchmark, messages: Path
) -> None:
    model, twin = run.create(submission, [benchmark_row], publish=False)
    run.cancel(model)
    model.refresh_from_db()
    run.retry(model)
    assert set(Run.objects.values_list("state", "attempt")) == {(State.QUEUED, 2)}
    assert count(messages) == 2
    twin.refresh_from_db()
    assert twin.state == State.QUEUED


def test_retry_of_a_twin_leaves_the_model(submission: Submission, benchmark_row: Benchmark) -> None:
    model, twin = run.create(submission, [benchmark_row], publish=False)
    run.cancel(model)
    twin.refresh_from_db()
    run.retry(twin)
    assert Run.objects.get(pk=model.pk).state == State.CANCELLED


@pytest.mark.parametrize(
    ("why", "state"),
    [(fault.submitters("onnx", "no."), State.CANCELLED), (fault.ours("child-died"), State.QUEUED)],
)
def test_twin_waits_no_longer_once_its_model_cannot_be_scored(
    submission: Submission, benchmark_row: Benchmark, why: fault.Fault, state: State
) -> None:
    model, twin = run.create(submission, [benchmark_row], publish=False)
    attempt.start(model.pk, 1, "worker")
    attempt.fail(model.pk, 1, why)
    assert Run.objects.get(pk=twin.pk).state == state
    assert ("cannot be scored" in log.read_log(twin.pk)) == (state == State.CANCELLED)
