"""How often a benchmark answers: counted once an answer, kept whatever is deleted, limited where data are private."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User

from gyral_submissions.domain import execution, exposure, run
from gyral_submissions.domain.exposure import Exposed, ExposureSpent, exposure_of, exposures_of
from gyral_submissions.enums import Format, State, Tier
from gyral_submissions.models import Benchmark, Exposure, Run, Submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_score", "messages")]

Make = Callable[..., Any]


@pytest.fixture
def private(make_benchmark: Make) -> Benchmark:
    found: Benchmark = make_benchmark("held", about={"private": True})
    return found


def answer(submission: Submission, benchmark: Benchmark, *, twin: bool = False) -> None:
    for one in run.create(submission, [benchmark], twin=twin, publish=False):
        assert execution.execute(one.pk, 1) == State.FINISHED


def test_each_scored_submission_is_counted_once_and_its_twin_is_not(
    make_submission: Make, make_user: Make, benchmark_row: Benchmark, make_benchmark: Make, user: User
) -> None:
    answer(make_submission(), benchmark_row, twin=True)
    answer(make_submission(), benchmark_row)
    answer(make_submission(owner=make_user()), benchmark_row)
    answer(make_submission(), other := make_benchmark())
    assert exposure_of(benchmark_row, user) == Exposed(benchmark_row, answered=3, people=2, yours=2, limit=None)
    assert exposure_of(benchmark_row, AnonymousUser()).yours is None
    assert [(e.benchmark, e.yours, e.answered, e.people) for e in exposures_of(user)] == [
        (other, 1, 1, 1),
        (benchmark_row, 2, 3, 2),
    ]


def test_failed_runs_and_reference_models_are_not_counted(make_submission: Make, benchmark_row: Benchmark) -> None:
    wrong = make_submission(does={"hash": "0" * 64})
    (one,) = run.create(wrong, [benchmark_row], twin=False, publish=False)
    assert execution.execute(one.pk, 1) == State.FAILED
    ours = make_submission(owner=None, format=Format.REFERENCE, tier=Tier.REFERENCE)
    exposure.note(Run.objects.create(submission=ours, benchmark=benchmark_row, state=State.FINISHED))
    assert not Exposure.objects.exists()


def test_what_was_told_stays_told(make_submission: Make, make_user: Make, private: Benchmark, user: User) -> None:
    answer(first := make_submission(), private)
    first.delete()
    assert exposure_of(private, user).yours == 1
    leaving = make_user()
    answer(make_submission(owner=leaving), private)
    leaving.delete()
    assert exposure_of(private).answered == 2 and exposure_of(private).people == 1


def test_private_benchmark_answers_a_person_only_so_often(
    make_submission: Make, make_user: Make, private: Benchmark, benchmark_row: Benchmark, settings: Any
) -> None:
    settings.GYRAL_ANSWERS = 2
    answer(make_submission(), private)
    run.create(make_submission(), [private], twin=True, publish=False)  # under way: counts as answered
    refused = make_submission()
    with pytest.raises(ExposureSpent) as caught:
        run.create(refused, [benchmark_row, private])
    assert caught.value.code == "exposure" and caught.value.where == "benchmarks"
    says = "it scores at most 2 submissions of each person, and has scored 1 of yours, and 1 more is under way."
    assert says in str(caught.value)
    assert not refused.runs.exists(), "nothing is created where one benchmark refuses"
    run.create(refused, [benchmark_row], publish=False)
    answer(make_submission(owner=make_user()), private)
    answer(make_submission(owner=make_user(is_staff=True)), private)


def test_cancelled_run_gives_its_place_back_and_a_retry_takes_one(
    make_submission: Make, private: Benchmark, settings: Any
) -> None:
    settings.GYRAL_ANSWERS = 1
    (first,) = run.create(make_submission(), [private], twin=False, publish=False)
    run.cancel(first)
    answer(make_submission(), private)
    first.refresh_from_db()
    with pytest.raises(ExposureSpent):
        run.retry(first)


@pytest.mark.parametrize(("limit", "private", "operator"), [(0, True, False), (3, False, False), (3, True, True)])
def test_limit_is_only_of_private_data_and_of_people(
    limit: int, private: bool, operator: bool, make_benchmark: Make, make_user: Make, settings: Any
) -> None:
    settings.GYRAL_ANSWERS = limit
    benchmark = make_benchmark(about={"private": private})
    assert exposure_of(benchmark, make_user(is_staff=operator)).limit is None


def test_features_that_somebody_sent_must_be_said_to_be_given(
    make_submission: Make, benchmark_row: Benchmark
) -> None:
    fields = {"format": Format.FEATURES, "tier": Tier.SELF_REPORTED, "has_twin": False}
    answer(make_submission(does={"features": "given"}, **fields), benchmark_row)
    for submission in (
        make_submission(**fields),
        make_submission(does={"features": "given"}),
    ):
        (one,) = run.create(submission, [benchmark_row], twin=False, publish=False)
        assert execution.execute(one.pk, 1) == State.FAILED
        one.refresh_from_db()
        assert one.fault == "site" and one.reference
