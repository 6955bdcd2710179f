"""Quota: what counts, what is given back, and that it cannot be raced."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from gyral_submissions.domain import attempt, fault, quota, run, sweeper
from gyral_submissions.enums import Format, State, Tier
from gyral_submissions.models import Benchmark, Charge, Run, Submission

pytestmark = pytest.mark.django_db(transaction=True)


def left(user: User) -> int:
    return quota.quota_of(user).remaining


@pytest.fixture(autouse=True)
def three_a_day(settings: Any) -> None:
    settings.GYRAL_RUNS_PER_DAY = 3


def test_evaluation_costs_one_and_its_twin_nothing(
    submission: Submission, benchmark_row: Benchmark, user: User
) -> None:
    runs = run.create(submission, [benchmark_row])
    assert (len(runs), left(user)) == (2, 2)


def test_quota_tells_when_it_resets(user: User) -> None:
    now = datetime.now(UTC)
    resets = quota.quota_of(user).resets
    assert resets - now <= timedelta(days=1) and resets > now
    assert (resets.hour, resets.minute, resets.second) == (0, 0, 0)


def test_yesterday_does_not_count(submission: Submission, benchmark_row: Benchmark, user: User) -> None:
    run.create(submission, [benchmark_row])
    Charge.objects.update(created=timezone.now() - timedelta(days=1))
    assert left(user) == 3


def test_exceeding_the_day_creates_nothing(
    make_submission: Callable[..., Submission], make_benchmark: Callable[..., Benchmark], user: User
) -> None:
    benchmarks = [make_benchmark() for _ in range(4)]
    with pytest.raises(quota.QuotaExceeded, match="4 evaluations asked for, 3 of 3 left") as refused:
        run.create(make_submission(), benchmarks)
    assert (refused.value.code, Run.objects.count(), left(user)) == ("quota-day", 0, 3)
    assert "UTC" in str(refused.value.mend)


def test_active_runs_are_limited(
    make_submission: Callable[..., Submission], make_benchmark: Callable[..., Benchmark], settings: Any
) -> None:
    settings.GYRAL_ACTIVE_RUNS = 3
    run.create(make_submission(), [make_benchmark()])
    with pytest.raises(quota.QuotaExceeded) as refused:
        run.create(make_submission(), [make_benchmark()])
    assert refused.value.code == "quota-active"
    run.create(make_submission(), [make_benchmark()], twin=False)


@pytest.mark.parametrize(
    ("reason", "costs"), [(fault.ours("child-died"), 0), (fault.submitters("bad-upload", "no."), 1)]
)
def test_failure_costs_only_where_it_is_the_submitters(
    reason: fault.Fault, costs: int, submission: Submission, benchmark_row: Benchmark, user: User
) -> None:
    found = run.create(submission, [benchmark_row], twin=False)[0]
    attempt.start(found.pk, 1, "worker")
    attempt.fail(found.pk, 1, reason)
    assert left(user) == 3 - costs


@pytest.mark.parametrize("started", [False, True])
def test_cancelling_in_the_queue_costs_nothing(
    started: bool, submission: Submission, benchmark_row: Benchmark, user: User
) -> None:
    found = run.create(submission, [benchmark_row])[0]
    if started:
        attempt.start(found.pk, 1, "worker")
    run.cancel(found)
    assert left(user) == (2 if started else 3)
    assert not Run.objects.filter(state__in=[State.QUEUED, State.RUNNING]).exists()


def test_run_given_up_costs_nothing(
    submission: Submission, benchmark_row: Benchmark, user: User, settings: Any
) -> None:
    settings.GYRAL_MAX_ATTEMPTS = 2
    found = run.create(submission, [benchmark_row], twin=False)[0]
    for number in (1, 2):
        attempt.start(found.pk, number, "worker")
        attempt.release(found.pk, number)
        sweeper.sweep()
    found.refresh_from_db()
    assert (found.state, found.fault, found.fault_code) == (State.FAILED, "site", "worker-lost")
    assert found.reference and found.reference in found.fault_text
    assert left(user) == 3


def test_retry_costs_like_a_first_run(submission: Submission, benchmark_row: Benchmark, user: User) -> None:
    found = run.create(submission, [benchmark_row], twin=False)[0]
    for number in (1, 2, 3):
        attempt.start(found.pk, number, "worker")
        attempt.fail(found.pk, number, fault.submitters("bad-upload", "no."))
        found.refresh_from_db()
        assert left(user) == 3 - number
        if number < 3:
            run.retry(found)
    with pytest.raises(quota.QuotaExceeded):
        run.retry(found)
    found.refresh_from_db()
    assert (found.state, found.attempt) == (State.FAILED, 3)


def test_deleting_a_submission_gives_nothing_back(
    submission: Submission, benchmark_row: Benchmark, user: User
) -> None:
    run.create(submission, [benchmark_row])
    submission.delete()
    assert left(user) == 2


def test_reference_models_cost_nothing(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    ours = make_submission(owner=None, format=Format.REFERENCE, tier=Tier.REFERENCE)
    run.create(ours, [benchmark_row])
    assert Charge.objects.count() == 0


def test_quota_cannot_be_raced(
    make_submission: Callable[..., Submission], make_benchmark: Callable[..., Benchmark], user: User
) -> None:
    """Eight threads, a connection each, on a real database; three evaluations are left."""
    jobs = [(make_submission(), make_benchmark()) for _ in range(8)]
    together = threading.Barrier(len(jobs))
    outcomes: list[str] = []

    def submit(job: tuple[Submission, Benchmark]) -> None:
        try:
            together.wait()
            run.create(job[0], [job[1]])
            outcomes.append("created")
        except quota.QuotaExceeded:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=submit, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created"] * 3 + ["refused"] * 5
    assert (Charge.objects.count(), Run.objects.count(), left(user)) == (3, 6, 0)


def test_one_evaluation_is_active_once(submission: Submission, benchmark_row: Benchmark) -> None:
    together = threading.Barrier(4)
    outcomes: list[str] = []

    def submit() -> None:
        try:
            together.wait()
            run.create(submission, [benchmark_row], twin=False)
            outcomes.append("created")
        except run.CannotRun as error:
            outcomes.append(error.code)
        except quota.QuotaExceeded as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already-active"] * 3 + ["created"]
    assert Charge.objects.count() == 1
