"""Dry runs: where they go, what they cost, and that nothing of them stands anywhere else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import Sum

from board_rows import board_rows
from gyral_submissions.domain import attempt, dry_run, fault, quota, run, standing
from gyral_submissions.domain.execution import arguments, execute
from gyral_submissions.domain.queries.profile import submission_profile
from gyral_submissions.domain.queries.visible import own_runs, scored_names, visible_runs
from gyral_submissions.enums import Format, State
from gyral_submissions.models import Benchmark, Exposure, Run, Score, Submission
from gyral_submissions.rules import run_may_be_seen

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulated(make_benchmark: Callable[..., Benchmark]) -> Benchmark:
    """Where vision models are tried."""
    return make_benchmark("sim", simulated=True, about={"n_stimuli": 320, "n_units": 100})


@pytest.fixture
def finished(submission: Submission, simulated: Benchmark, fake_score: None) -> Run:
    """A dry run that went well."""
    found = dry_run.begin(submission)
    assert execute(found.pk, 1) == State.FINISHED
    found.refresh_from_db()
    return found


def test_the_smallest_simulated_benchmark_that_is_fitted_is_taken(
    make_benchmark: Callable[..., Benchmark],
) -> None:
    small: dict[str, Any] = {"simulated": True, "about": {"n_stimuli": 300, "n_units": 90}}
    make_benchmark("real", about={"n_stimuli": 5, "n_units": 5})
    make_benchmark("rdms", task="rsa", simulated=True, about={"n_stimuli": 10, "n_units": 5})
    make_benchmark("over-time", simulated=True, about={"n_stimuli": 300, "n_units": 9, "times": [0, 1]})
    make_benchmark("large", simulated=True, about={"n_stimuli": 900, "n_units": 9})
    make_benchmark("gone", retired=True, **small)
    make_benchmark("words", modality="language", **small)
    make_benchmark("right", **small)
    newest = make_benchmark("right", 1, **small)
    assert dry_run.benchmark_for("vision") == newest
    assert dry_run.benchmark_for("sound") is None


def test_dry_run_costs_no_evaluation_and_has_no_twin(
    submission: Submission, simulated: Benchmark, user: User
) -> None:
    before = quota.quota_of(user)
    found = dry_run.begin(submission)
    after = quota.quota_of(user)
    assert [(r.twin, r.dry) for r in submission.runs.all()] == [("", True)]
    assert (before.remaining, before.dry_remaining - 1) == (after.remaining, after.dry_remaining)
    assert "--no-controls" in arguments(found, None)  # type: ignore[arg-type]
    assert str(found).endswith("(dry run): queued")


def test_dry_runs_of_a_day_are_limited_and_those_that_never_ran_come_back(
    make_submission: Callable[..., Submission], simulated: Benchmark, settings: Any
) -> None:
    settings.GYRAL_DRY_RUNS_PER_DAY = 2
    first = dry_run.begin(make_submission())
    dry_run.begin(make_submission())
    with pytest.raises(quota.QuotaExceeded, match="your 2 dry runs of today are spent") as refused:
        dry_run.begin(make_submission())
    assert refused.value.code == "quota-dry"
    run.cancel(first)
    again = dry_run.begin(make_submission())
    attempt.start(again.pk, 1, "worker")
    attempt.fail(again.pk, 1, fault.submitters("bad-upload", "no."))
    with pytest.raises(quota.QuotaExceeded):
        run.retry(Run.objects.get(pk=again.pk))


def test_deleting_the_submission_gives_no_dry_run_back(
    submission: Submission, simulated: Benchmark, user: User
) -> None:
    from gyral_submissions.domain.submission import delete

    left = quota.quota_of(user).dry_remaining
    found = dry_run.begin(submission)
    attempt.start(found.pk, 1, "worker")
    delete(submission)
    assert quota.quota_of(user).dry_remaining == left - 1


def test_result_is_kept_with_the_run_and_makes_no_score(finished: Run) -> None:
    assert finished.record is not None
    assert [(r["region"], r["layer"], r["subject"]) for r in finished.record["rows"]] == [
        ("V1", "chosen", "all"),
        ("V4", "chosen", "all"),
    ]
    assert (finished.by_region, finished.borda) == (None, None)
    assert not Score.objects.exists() and not Exposure.objects.exists()


def test_result_stands_nowhere_for_anybody(
    finished: Run, simulated: Benchmark, user: User, make_user: Callable[..., User]
) -> None:
    operator = make_user("eve", is_staff=True)
    edition = simulated.edition
    simulated.refresh_from_db()
    assert (simulated.ranks_wanted, simulated.edition) == (None, edition)
    standing.rank(simulated)
    for viewer in (None, user, operator):
        assert board_rows(simulated, viewer) == []
        assert not visible_runs(viewer).exists()
    assert not scored_names().exists()
    assert submission_profile(finished.submission) == []
    assert list(own_runs(user)) == [finished]
    assert not own_runs(make_user("bob")).exists() and not own_runs(None).exists()
    seen = [run_may_be_seen(finished, viewer) for viewer in (None, make_user("kim"), user, operator)]
    assert seen == [False, False, True, True]


def test_the_model_is_scored_on_the_same_benchmark_afterwards(
    finished: Run, simulated: Benchmark, submission: Submission
) -> None:
    queued = run.create(submission, [simulated])
    assert [(r.twin, r.dry) for r in queued] == [("", False), ("untrained", False)]
    assert execute(queued[0].pk, 1) == State.FINISHED
    assert len(board_rows(simulated)) == 1
    assert Score.objects.aggregate(n=Sum("n_units"))["n"]


def test_cancelling_a_dry_run_leaves_the_twin_of_the_run_beside_it(
    submission: Submission, simulated: Benchmark
) -> None:
    run.create(submission, [simulated])
    run.cancel(dry_run.begin(submission))
    assert {(r.twin, r.dry): r.state for r in submission.runs.all()} == {
        ("", False): State.QUEUED,
        ("untrained", False): State.QUEUED,
        ("", True): State.CANCELLED,
    }


def test_one_dry_run_is_enough(finished: Run, submission: Submission) -> None:
    assert not dry_run.may_begin(submission) and dry_run.was_only_tried(submission)
    with pytest.raises(run.CannotRun, match="went through its dry run already"):
        dry_run.begin(submission)


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"format": Format.FEATURES}, "arrays that are there already"), ({"modality": "language"}, "no simulated")],
)
def test_what_cannot_be_tried_is_said(
    make_submission: Callable[..., Submission], simulated: Benchmark, fields: dict[str, Any], said: str
) -> None:
    found = make_submission(**fields)
    assert not dry_run.may_begin(found)
    with pytest.raises(dry_run.NoDryRun, match=said):
        dry_run.begin(found)
