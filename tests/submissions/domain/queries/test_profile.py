"""Profiles of submissions and runs."""

from collections.abc import Callable
from typing import Any

import pytest

from gyral_submissions.domain import attempt, execution, run
from gyral_submissions.domain.queries.profile import (
    layer_maps,
    queue_place,
    scores_by_subject,
    submission_profile,
    versions_of,
)
from gyral_submissions.domain.queries.visible import visible_runs, visible_submissions
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_score")]


@pytest.fixture
def finished(submission: Submission, benchmark_row: Benchmark) -> Run:
    """A run that was scored."""
    runs = run.create(submission, [benchmark_row], publish=False)
    for one in runs:
        execution.execute(one.pk, 1)
    return Run.objects.get(pk=runs[0].pk)


def test_layer_map_has_layers_by_regions(finished: Run, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):  # the scores, and the benchmark of the run
        found = layer_maps([finished])[finished.pk]
    assert (found.layers, found.regions) == (("conv1", "conv2"), ("V1", "V4"))
    assert found.values == ((0.5, 0.5), (0.5, 0.5))
    assert found.chosen["V4"] == {"conv1": 2, "conv2": 3}


def test_scores_by_subject(finished: Run) -> None:
    assert {s: sorted(cells) for s, cells in scores_by_subject(finished).items()} == {
        "all": ["V1", "V4"],
        "one": ["V1", "V4"],
    }


@pytest.mark.parametrize("count", [1, 3])
def test_submission_profile_takes_two_queries(
    count: int,
    finished: Run,
    submission: Submission,
    make_benchmark: Callable[..., Benchmark],
    django_assert_num_queries: Any,
) -> None:
    run.create(submission, [make_benchmark() for _ in range(count - 1)], publish=False)
    with django_assert_num_queries(2):
        profiles = submission_profile(submission)
        shown = {p.benchmark.name: (p.run and str(p.run.state), sorted(p.cells)) for p in profiles}
    assert len(shown) == count
    assert shown["cortex"] == ("finished", ["V1", "V4"])
    assert submission_profile(submission)[-1].run is not None
    assert next(p for p in profiles if p.benchmark.name == "cortex").cells["V4"].twin == 0.25


def test_profile_prefers_a_finished_run_to_a_newer_failed_one(
    finished: Run, submission: Submission, benchmark_row: Benchmark
) -> None:
    Run.objects.create(submission=submission, benchmark=benchmark_row, readout="ridge", state="failed")
    (profile,) = submission_profile(submission)
    assert profile.run == finished


def test_queue_place_counts_those_before(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    runs = [run.create(make_submission(), [benchmark_row], twin=False, publish=False)[0] for _ in range(3)]
    assert [queue_place(one) for one in runs] == [1, 2, 3]
    attempt.start(runs[0].pk, 1, "worker")
    runs[0].refresh_from_db()
    assert [queue_place(one) for one in runs] == [None, 1, 2]


def test_queue_place_counts_its_own_queue_only(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark
) -> None:
    made = [make_submission(format=f) for f in (Format.REFERENCE, Format.ONNX, Format.REFERENCE, Format.ONNX)]
    runs = [run.create(one, [benchmark_row], twin=False, publish=False)[0] for one in made]
    assert [queue_place(one) for one in runs] == [1, 1, 2, 2]


def test_visible_lists_agree(
    make_submission: Callable[..., Submission], benchmark_row: Benchmark, submission: Submission
) -> None:
    hidden = make_submission("net", version=2, visibility=Visibility.PRIVATE)
    for one in (submission, hidden):
        run.create(one, [benchmark_row], twin=False, publish=False)
    assert list(visible_submissions()) == [submission]
    assert [r.submission for r in visible_runs()] == [submission]
    assert versions_of(visible_submissions(), "net") == [submission]
    assert versions_of(visible_submissions(submission.owner), "net") == [hidden, submission]
