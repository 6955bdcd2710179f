"""Order, filters, ranks and heat of a board."""

import pytest
from django.contrib.auth.models import User

from board_rows import make_scored
from gyral_portal.leaderboard.table import Look, Table, arrange, heat
from gyral_submissions.domain.queries.board import board_rows
from gyral_submissions.domain.standing import rank
from gyral_submissions.models import Benchmark

pytestmark = pytest.mark.django_db


def _table(benchmark: Benchmark, query: str = "") -> Table:
    given = dict(part.split("=") for part in query.split("&") if part)
    look = Look.read(given, benchmark.region_names, benchmark.main_region)
    return arrange(board_rows(benchmark), benchmark.region_names, look)


def _names(table: Table) -> list[str]:
    return [line.row.submission.name for line in table.lines]


@pytest.fixture
def models(board: Benchmark) -> Benchmark:
    make_scored("high", board, {"V1": 0.1, "V4": 0.5})
    make_scored("low", board, {"V1": 0.3, "V4": -0.2})
    make_scored("none", board, {"V1": 0.2, "V4": None})
    make_scored("part", board, {"V1": 0.25})
    return board


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["high", "low", "none", "part"]),
        ("sort=V4&order=up", ["low", "high", "none", "part"]),
        ("sort=V1", ["low", "part", "none", "high"]),
        ("sort=name", ["high", "low", "none", "part"]),
        ("sort=name&order=down", ["part", "none", "low", "high"]),
        ("sort=V9", ["high", "low", "none", "part"]),
    ],
)
def test_table_orders_by_any_column_with_missing_last(models: Benchmark, query: str, expected: list[str]) -> None:
    assert _names(_table(models, query)) == expected


def test_table_filters_by_words_family_and_tier(models: Benchmark, owner: User) -> None:
    make_scored("mine", models, {"V4": 0.4}, owner=owner, card={"family": "ViT"}, title="Vision Transformer")
    assert _names(_table(models, "q=transformer vision")) == ["mine"]
    assert _names(_table(models, "family=ViT")) == ["mine"]
    assert _names(_table(models, "tier=verified")) == ["mine"]
    assert _names(_table(models, "q=absent")) == []
    table = _table(models)
    assert table.families == [("ResNet", 4), ("ViT", 1)]
    assert table.tiers == [("reference", 4), ("verified", 1)]
    assert table.total == 5


def test_ranks_do_not_improve_by_filtering(board: Benchmark, owner: User) -> None:
    make_scored("best", board, {"V4": 0.6})
    make_scored("mine", board, {"V4": 0.3}, owner=owner)
    rank(board)
    (line,) = _table(board, "tier=verified").lines
    assert line.marks["V4"].rank == (2, 2)


@pytest.mark.parametrize(
    ("value", "best", "step"),
    [(None, 0.5, 0), (-0.1, 0.5, 0), (0.0, 0.5, 0), (0.01, 0.5, 1), (0.5, 0.5, 6), (0.25, 0.5, 3), (0.1, 0.0, 0)],
)
def test_heat_is_the_share_of_the_best(value: float | None, best: float, step: int) -> None:
    assert heat(value, best) == step


def test_look_survives_its_own_query() -> None:
    look = Look(sort="V1", up=True, words="a b", family="ViT", tier="verified", twins=False)
    assert Look.read(look.query(), ["V1", "V4"], "V4") == look
