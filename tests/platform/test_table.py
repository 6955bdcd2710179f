"""Order, filters, means, ranks and heat of a board."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client

from board_rows import make_benchmark, make_run, make_scored, make_submission
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.table import Line, Table, arrange, heat
from gyral_submissions.domain.queries.grid import columns_of, read_grid
from gyral_submissions.domain.standing import rank
from gyral_submissions.domain.submission import set_visibility
from gyral_submissions.enums import Visibility
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = pytest.mark.django_db


def _table(*benchmarks: Benchmark, query: str = "") -> Table:
    found = [Benchmark.objects.get(pk=b.pk) for b in benchmarks]
    given = dict(part.split("=") for part in query.split("&") if part)
    look = Look.read(given, [column.key for column in columns_of(found)])
    return arrange(read_grid(found, on=look.on), look)


def _lines(table: Table) -> list[Line]:
    return table.lines(None)


def _names(table: Table) -> list[str]:
    return [line.facts.name for line in _lines(table)]


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
    assert _names(_table(models, query=query)) == expected


def test_table_filters_by_words_family_and_tier(models: Benchmark, owner: User) -> None:
    make_scored("mine", models, {"V4": 0.4}, owner=owner, card={"family": "ViT"}, title="Vision Transformer")
    assert _names(_table(models, query="q=transformer vision")) == ["mine"]
    assert _names(_table(models, query="family=ViT")) == ["mine"]
    assert _names(_table(models, query="tier=verified")) == ["mine"]
    assert _names(_table(models, query="q=absent")) == []
    table = _table(models)
    counts = {f.name: {c.value: c.count for c in f.choices} for f in table.facets}
    assert counts["family"] == {"ResNet": 4, "ViT": 1}
    assert counts["tier"] == {"reference": 4, "verified": 1}
    assert counts["size"] == {"1m-10m": 4, "not-declared": 1}
    assert table.total == 5


def test_choices_count_what_they_leave_beside_the_other_filters(models: Benchmark, owner: User) -> None:
    make_scored("mine", models, {"V4": 0.4}, owner=owner, card={"family": "ViT"})
    counts = {f.name: {c.value: c.count for c in f.choices} for f in _table(models, query="family=ViT").facets}
    assert counts["family"] == {"ResNet": 4, "ViT": 1}, "of its own facet all choices stay"
    assert counts["tier"] == {"verified": 1}


def test_filter_by_twin(models: Benchmark) -> None:
    make_scored("twinned", models, {"V4": 0.4}, {"V4": 0.1})
    make_scored("floor", models, {"V4": 0.4}, has_twin=False)
    assert _names(_table(models, query="twin=yes")) == ["twinned"]
    assert _names(_table(models, query="twin=none")) == ["floor"]


@pytest.fixture
def words(db: None) -> Benchmark:
    return make_benchmark("words", modality="language", regions=("network",))


def test_mean_is_of_complete_coverage_only(board: Benchmark, words: Benchmark) -> None:
    make_scored("part", board, {"V1": 0.9, "V4": 0.9})
    make_scored("less", board, {"V1": 0.9})
    whole = make_scored("whole", board, {"V1": 0.1, "V4": 0.2})
    make_run_on(whole, words, 0.3)
    lines = _lines(_table(board, words, query="mean=1"))
    assert [(li.facts.name, li.mean and li.mean.value, li.mean and li.mean.has) for li in lines] == [
        ("whole", pytest.approx(0.2), 3),
        ("part", None, 2),
        ("less", None, 1),
    ]
    weighted = _lines(_table(board, words, query="weights=cortex@0/V4:1,words@0/network:3"))[0]
    assert weighted.mean is not None and weighted.mean.value == pytest.approx((0.2 + 3 * 0.3) / 4)
    assert weighted.mean.of == 2


def make_run_on(submission: Submission, benchmark: Benchmark, value: float) -> None:
    make_run(submission, benchmark, {benchmark.main_region: value})


def test_row_holds_one_version_only(board: Benchmark, words: Benchmark) -> None:
    make_scored("net", board, {"V1": 0.1, "V4": 0.2})
    second = make_submission("net", version=2)
    make_run_on(second, words, 0.3)
    (line,) = _lines(_table(board, words, query="open=vision,language"))
    assert line.facts.version == 2
    assert [cell.value for cell in line.cells.values()] == [0.3], "the first version's score is not the second's"
    (line,) = _lines(_table(board))
    assert line.facts.version == 1


def test_closed_groups_show_the_main_region_and_the_coverage(board: Benchmark, words: Benchmark) -> None:
    make_run_on(make_scored("net", board, {"V1": 0.1, "V4": 0.2}), words, 0.3)
    table = _table(board, words, query="open=vision")
    assert [c.column.key if c.column else None for c in table.columns] == ["cortex@0/V4", None]
    (line,) = _lines(table)
    assert line.covered == {1: 1}
    opened = _table(board, words, query="open=vision,cortex,language")
    assert [c.column.key for c in opened.columns if c.column] == ["cortex@0/V1", "cortex@0/V4", "words@0/network"]


def test_two_metrics_of_one_region_open_into_columns_of_their_own(board: Benchmark) -> None:
    other = make_benchmark("cortex-rsa", dataset="cortex", metric="rsa-spearman", readout="none", task="rsa")
    make_scored("net", board, {"V1": 0.1, "V4": 0.2})
    keys = [c.column.key for c in _table(board, other, query="open=vision,cortex").columns if c.column]
    assert keys == ["cortex@0/V1", "cortex@0/V4"]
    keys = [c.column.key for c in _table(board, other, query="open=vision,cortex,cortex.V4").columns if c.column]
    assert keys == ["cortex@0/V1", "cortex@0/V4", "cortex-rsa@0/V4"]


def test_closed_group_says_what_is_scored_in_its_hidden_columns(board: Benchmark) -> None:
    other = make_benchmark("cortex-rsa", dataset="cortex", metric="rsa-spearman", readout="none", task="rsa")
    make_run_on(make_scored("both", board, {"V1": 0.1, "V4": 0.2}), other, 0.3)
    make_scored("hidden", other, {"V4": 0.4})
    table = _table(board, other, query="open=vision")
    lines = {li.facts.name: li for li in _lines(table)}
    assert (lines["both"].covered, lines["hidden"].covered) == ({}, {0: 1})
    text = Client().get("/boards/cortex+cortex-rsa/?open=vision").content.decode()
    assert text.count('1 of 4<span class="share">when opened</span>') == 1
    opened = Client().get("/boards/cortex+cortex-rsa/?open=vision,cortex,cortex.V4,cortex.V1").content.decode()
    assert '<span class="share">when opened' not in opened


def test_board_of_another_day_has_what_stood_then(board: Benchmark) -> None:
    make_scored("today", board, {"V4": 0.5})
    old = make_submission("old")
    Submission.objects.filter(pk=old.pk).update(created=datetime(2026, 3, 1, tzinfo=UTC))
    for day, value in ((2, 0.1), (5, 0.2)):
        make_run(old, board, {"V4": value}, finished=datetime(2026, 3, day, 23, 30, tzinfo=UTC))
    rank(board)
    seen = {
        day: [
            (li.facts.name, li.cells[1].value, li.cells[1].rank) for li in _lines(_table(board, query=f"on={day}"))
        ]
        for day in (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 5), date(2030, 1, 1))
    }
    assert list(seen.values()) == [
        [],
        [("old", 0.1, None)],
        [("old", 0.2, None)],
        [("today", 0.5, None), ("old", 0.2, None)],
    ]


def test_published_later_is_not_on_the_board_before(board: Benchmark, owner: User) -> None:
    mine = make_scored("mine", board, {"V4": 0.5}, owner=owner, visibility="private")
    Submission.objects.filter(pk=mine.pk).update(created=datetime(2026, 3, 1, tzinfo=UTC))
    Run.objects.update(finished=datetime(2026, 3, 1, tzinfo=UTC))
    set_visibility(mine, Visibility.PUBLIC)
    assert _names(_table(board)) == ["mine"]
    assert _names(_table(board, query="on=2026-03-02")) == []


def test_wide_boards_are_leafed_through(db: None) -> None:
    wide = make_benchmark("wide", regions=[f"R{n:02}" for n in range(30)])
    make_scored("net", wide, {f"R{n:02}": 0.1 for n in range(30)})
    table = _table(wide, query="start=24")
    assert (table.wide, [c.column.key for c in table.columns if c.column]) == (
        30,
        [f"R{n}" for n in range(24, 30)],
    )
    assert len(_lines(table)[0].cells) == 6


def test_pages_have_a_hundred_rows(board: Benchmark) -> None:
    for n in range(101):
        make_scored(f"net{n:03}", board, {"V4": 0.001 * n})
    assert len(_names(_table(board))) == 100
    assert _names(_table(board, query="page=2")) == ["net000"]
    assert _names(_table(board, query="page=9")) == ["net000"]


def test_ranks_do_not_improve_by_filtering(board: Benchmark, owner: User) -> None:
    make_scored("best", board, {"V4": 0.6})
    make_scored("mine", board, {"V4": 0.3}, owner=owner)
    rank(board)
    (line,) = _lines(_table(board, query="tier=verified"))
    assert line.cells[1].rank == (2, 2)


def test_heat_is_the_share_of_the_best() -> None:
    values = np.array(
        [[np.nan, 0.1], [-0.1, np.nan], [0.0, 0.0], [0.01, -0.3], [0.5, 0.1], [0.25, 0.1], [0.251, 0.1]]
    )
    with np.errstate(all="raise"):
        found = heat(values, [0.5, 0.0])
    assert found[:, 0].tolist() == [0, 0, 0, 1, 6, 3, 4]
    assert not found[:, 1].any()


def test_no_shade_where_the_interval_reaches_zero(board: Benchmark) -> None:
    # Intervals of the rows reach .02 to either side.
    for name, v1, v4 in (("noise", 0.016, 0.015), ("edge", 0.01, 0.02), ("real", None, 0.021)):
        make_scored(name, board, {"V1": v1, "V4": v4})
    shades = {line.facts.name: line.heat for line in _lines(_table(board))}
    assert [shades[name][0] for name in ("noise", "edge")] == [0, 0], "the best of a column may be noise"
    assert [shades[name][1] for name in ("noise", "edge", "real")] == [0, 0, 6]


def test_board_of_several_is_ordered_by_the_first_main_region_that_has_a_score(
    board: Benchmark, words: Benchmark
) -> None:
    empty = make_benchmark("a-first")
    for n in range(3):
        make_run_on(make_scored(f"net{n}", words, {}), board, 0.1 * n)
    table = _table(empty, board, words)
    assert table.look.sort == "cortex@0/V4"
    assert _names(table) == ["net2", "net1", "net0"]
    assert _table(empty, words).look.sort == "a-first@0/V4", "without any score the first stands"


def test_look_survives_its_own_query() -> None:
    look = Look(
        sort="V1",
        up=True,
        words="a b",
        facets={"family": "ViT", "tier": "verified"},
        twins=False,
        columns=("V1", "V4"),
        opened=("vision",),
        weights={"V4": 2.5},
        mean=True,
        on=date(2026, 3, 1),
        page=3,
        start=12,
        picking=True,
    )
    assert Look.read(look.query(), ["V1", "V4"]) == look


@pytest.mark.parametrize(
    "query",
    [
        "sort=V9",
        "sort=mean",
        "on=2026-13-01",
        "page=0",
        "page=x",
        "page=99999999999",
        "weights=V4:nan,V4:-1,V4:,:,V9:1",
    ],
)
def test_look_falls_back_where_it_cannot_be_read(query: str) -> None:
    found = Look.read(dict([query.split("=", 1)]), ["V1", "V4"])
    assert replace(found, misread=()) == Look()
    assert found.misread


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"sort": "V44"}, "no column is called so; the nearest is 'V4'"),
        ({"sort": "mean"}, "a mean that is not shown"),
        ({"order": "sideways"}, "not 'sideways'"),
        ({"columns": "V4,W1"}, "There is no column 'W1'"),
        ({"weights": "V4:heavy"}, "The weight 'heavy' of 'V4'"),
        ({"weights": "V9:1"}, "There is no column 'V9' to give a weight"),
        ({"on": "yesterday"}, "'yesterday' is no day"),
        ({"page": "-1"}, "'-1' is no page"),
    ],
)
def test_look_says_what_it_does_not_understand(query: dict[str, str], said: str) -> None:
    (sentence,) = Look.read(query, ["V1", "V4"]).misread
    assert said in sentence


def test_look_understands_all_that_it_writes() -> None:
    given = {"sort": "V1", "order": "up", "columns": "V1", "weights": "V4:2", "on": "2026-01-31", "page": "2"}
    look = Look.read(given, ["V1", "V4"])
    assert (look.misread, look.query()) == ((), given)
