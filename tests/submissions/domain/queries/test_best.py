"""The best over time: what the board of each day had at its head."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from board_rows import make_benchmark, make_run, make_submission
from gyral_submissions.domain.queries.best import best_over_time
from gyral_submissions.domain.queries.grid import read_grid
from gyral_submissions.domain.standing import renew
from gyral_submissions.domain.submission import set_visibility
from gyral_submissions.enums import Visibility
from gyral_submissions.models import Benchmark, Submission

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def board(db: None) -> Benchmark:
    return make_benchmark("cortex")


def _scored(
    name: str, board: Benchmark, values: dict[str, float | None], day: int, *, seen: int = 0, **fields: Any
) -> Submission:
    made = make_submission(name, published=START + timedelta(days=seen), **fields)
    make_run(made, board, values, finished=START + timedelta(days=day))
    board.refresh_from_db()
    return made


def _steps(board: Benchmark, region: str = "V4") -> list[tuple[int, str, float]]:
    return [((b.day - START.date()).days, b.facts.name, b.value) for b in best_over_time(board, region=region)]


def test_best_changes_where_something_better_comes_and_equals_stay(
    board: Benchmark, django_assert_max_num_queries: Any, django_assert_num_queries: Any
) -> None:
    for day, (name, value) in enumerate((("a", 0.2), ("b", 0.1), ("c", 0.5), ("d", 0.5), ("e", None))):
        _scored(name, board, {"V1": 0.3 - 0.1 * day, "V4": value}, day)
    with django_assert_max_num_queries(3):
        assert _steps(board) == [(0, "a", 0.2), (2, "c", 0.5)]
    with django_assert_num_queries(1):
        assert _steps(board, "V1") == [(0, "a", 0.3)]
    assert best_over_time(board)[1].low == pytest.approx(0.48)
    assert best_over_time(board, region="V9") == []


def test_a_model_counts_from_the_day_it_may_be_seen(board: Benchmark) -> None:
    _scored("early", board, {"V4": 0.3}, 1)
    _scored("hidden-at-first", board, {"V4": 0.6}, 2, seen=7)
    assert _steps(board) == [(1, "early", 0.3), (7, "hidden-at-first", 0.6)]


def test_what_not_everybody_sees_moves_nothing(board: Benchmark, django_user_model: type[User]) -> None:
    owner = django_user_model.objects.create_user("ada")
    mine = _scored("mine", board, {"V4": 0.9}, 1, owner=owner)
    _scored("net", board, {"V4": 0.3}, 2)
    assert _steps(board) == [(1, "mine", 0.9)]
    set_visibility(mine, Visibility.PRIVATE)
    board.refresh_from_db()
    assert _steps(board) == [(2, "net", 0.3)]
    # Even where a process has not heard of it yet.
    set_visibility(mine, Visibility.PUBLIC)
    board.refresh_from_db()
    best_over_time(board)
    Submission.objects.filter(pk=mine.pk).update(visibility=Visibility.PRIVATE)
    assert "mine" not in {name for _, name, _ in _steps(board)}


@pytest.mark.parametrize("seed", [1, 2, 5, 7])
def test_best_of_every_day_is_that_of_the_board_on_that_day(board: Benchmark, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in range(40):
        name, version = f"net{rng.integers(9)}", int(rng.integers(1, 5))
        value = None if rng.random() < 0.1 else float(rng.integers(1, 30)) / 30
        made = Submission.objects.filter(name=name, version=version).first() or make_submission(
            name, version=version, published=START + timedelta(days=int(rng.integers(0, 20)))
        )
        make_run(
            made, board, {"V4": value}, finished=START + timedelta(days=int(rng.integers(0, 20)), seconds=number)
        )
    renew(Benchmark.objects.all())
    board.refresh_from_db()
    steps = best_over_time(board)
    assert steps
    for day in range(21):
        on: date = START.date() + timedelta(days=day)
        grid = read_grid([board], on=on)
        values = grid.values[:, 1] if len(grid.facts) else np.array([np.nan])
        shown = [b for b in steps if b.day <= on]
        if np.isfinite(values).any():
            assert shown[-1].value == pytest.approx(np.nanmax(values))
            row = next(n for n, f in enumerate(grid.facts) if f.pk == shown[-1].facts.pk)
            assert values[row] == pytest.approx(shown[-1].value)
        else:
            assert not shown
