"""Boards: newest version, newest run, twins, privacy, and a constant number of queries."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from board_rows import board_rows
from gyral_submissions.domain.attempt import by_region
from gyral_submissions.domain.standing import renew
from gyral_submissions.enums import State, Visibility
from gyral_submissions.models import Benchmark, Run, Score, Submission

pytestmark = pytest.mark.django_db
Scored = Callable[..., Run]


@pytest.fixture
def scored(benchmark_row: Benchmark) -> Scored:
    """Makes a finished run with scores in V1 and V4."""

    def make(submission: Submission, value: float | None, *, days_ago: float = 0, **fields: Any) -> Run:
        finished = timezone.now() - timedelta(days=days_ago)
        columns: dict[str, Any] = {"benchmark": benchmark_row, "readout": "ridge", "state": State.FINISHED}
        run = Run.objects.create(submission=submission, **columns | {"finished": finished} | fields)
        for region, share in (("V1", 0.5), ("V4", 1.0)):
            for subject in ("all", "one"):
                for layer in ("chosen", "conv1"):
                    number = None if value is None else value * share * (1 if layer == "chosen" else 0.9)
                    Score.objects.create(
                        run=run,
                        region=region,
                        subject=subject,
                        layer=layer,
                        metric="pearson",
                        readout="ridge",
                        value=number,
                        n_units=10,
                        n_samples=100,
                        spread=0.03 if run.twin else None,
                        ceiling=0.7,
                        ceiling_unit="r2",
                        layers_chosen={"conv1": 5} if layer == "chosen" else {},
                    )
        run.by_region = by_region(run.scores.all())
        run.save()
        renew(Benchmark.objects.all())
        return run

    return make


def names(benchmark: Benchmark, viewer: Any = None) -> list[str]:
    return [f"{row.facts.name} v{row.facts.version}" for row in board_rows(benchmark, viewer)]


@pytest.mark.parametrize("count", [1, 3])
def test_board_takes_five_queries_and_three_once_it_is_known(
    count: int,
    benchmark_row: Benchmark,
    make_submission: Callable[..., Submission],
    scored: Scored,
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    for number in range(count):
        submission = make_submission()
        scored(submission, 0.1 * number)
        scored(submission, 0.05, twin="untrained")
    with django_assert_max_num_queries(5):
        board_rows(benchmark_row)
    with django_assert_num_queries(3):
        rows = board_rows(benchmark_row)
    assert len(rows) == count
    assert all(len(row.cells) == 2 for row in rows)


def test_board_orders_by_the_main_region_with_missing_last(
    benchmark_row: Benchmark, make_submission: Callable[..., Submission], scored: Scored
) -> None:
    for name, value in (("low", -0.1), ("none", None), ("high", 0.4)):
        scored(make_submission(name), value)
    assert names(benchmark_row) == ["high v1", "low v1", "none v1"]


def test_cell_holds_value_ceiling_and_twin(
    benchmark_row: Benchmark, submission: Submission, scored: Scored
) -> None:
    scored(submission, 0.4)
    scored(submission, 0.2, twin="untrained")
    (row,) = board_rows(benchmark_row)
    cell = row.cells["V1"]
    assert (cell.value, cell.twin, cell.twin_spread) == (0.2, 0.1, 0.03)
    assert (cell.ceiling, cell.ceiling_unit, cell.low) == (0.7, "r2", None)


def test_board_shows_the_newest_run_of_the_newest_scored_version(
    benchmark_row: Benchmark, make_submission: Callable[..., Submission], scored: Scored
) -> None:
    old, new = make_submission("net", version=1), make_submission("net", version=2)
    make_submission("net", version=3)
    scored(old, 0.9)
    scored(old, 0.8, twin="untrained")
    scored(new, 0.3, days_ago=2)
    scored(new, 0.4, days_ago=1)
    (row,) = board_rows(benchmark_row)
    assert (row.facts.version, row.cells["V4"].value) == (2, 0.4)
    assert row.cells["V4"].twin is None


@pytest.mark.parametrize("state", [s for s in State if s != State.FINISHED])
def test_board_shows_finished_runs_only(
    state: State, benchmark_row: Benchmark, submission: Submission, scored: Scored
) -> None:
    scored(submission, 0.4, state=state)
    assert names(benchmark_row) == []


def test_private_scores_are_the_owners_and_the_operators(
    benchmark_row: Benchmark,
    make_submission: Callable[..., Submission],
    make_user: Callable[..., User],
    user: User,
    scored: Scored,
) -> None:
    scored(make_submission("net", version=1), 0.2)
    scored(make_submission("net", version=2, visibility=Visibility.PRIVATE), 0.4)
    scored(make_submission("hidden", visibility=Visibility.PRIVATE), 0.9)
    scored(make_submission("gone", withdrawn=timezone.now()), 0.9)
    for stranger in (None, AnonymousUser(), make_user()):
        assert names(benchmark_row, stranger) == ["net v1"]
    for insider in (user, make_user(is_staff=True)):
        assert names(benchmark_row, insider) == ["hidden v1", "net v2"]
