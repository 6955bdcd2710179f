"""Comparison: two to six models of a board, region by region, by paired differences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.chart import SERIES, Plane, linear_axis, row_axis
from gyral.scores.association import Associations, associations
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.scope import Scope
from gyral_portal.leaderboard.selected import column_words, narrowed, selected_columns
from gyral_portal.templatetags.gyral import score
from gyral_submissions.domain.queries.board import Cell, cells_of
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import Column, Grid, read_grid
from gyral_submissions.domain.queries.versus import Versus, compare_rows
from gyral_submissions.rules import Viewer

MOST = 6  # models
_ROW = 15.0


@dataclass(frozen=True)
class Tally:
    """One model against another over the columns in which they can be compared.

    Parameters
    ----------
    better, tied, worse : int
        Columns in which it is significantly better, cannot be told apart, is significantly worse.
    """

    better: int
    tied: int
    worse: int

    @property
    def of(self) -> int:
        """Columns."""
        return self.better + self.tied + self.worse


@dataclass(frozen=True, eq=False)
class Comparison:
    """Some models of a board in some of its columns.

    Parameters
    ----------
    scope : Scope
    grid : Grid
        The board.
    look : Look
        Of its state, what decides columns and day.
    rows : sequence of int
        The models, in the order they were asked for.
    columns : sequence of int
        Of the grid.
    left_out : int
        Columns beyond those.
    unknown : sequence of str
        Names that do not stand on this board, or may not be seen: it is not said which.
    against : int
        Place of the model that the others' differences are from.
    cells : mapping of (int, int) to Cell
        By row and column of the grid.
    versus : sequence of Versus
        By column.
    profiles : Associations
        Rank correlations of the models' values over the columns.
    """

    scope: Scope
    grid: Grid
    look: Look
    rows: Sequence[int]
    columns: Sequence[int]
    left_out: int
    unknown: Sequence[str]
    against: int
    cells: Mapping[tuple[int, int], Cell]
    versus: Sequence[Versus]
    profiles: Associations

    @property
    def models(self) -> list[Facts]:
        """The models."""
        return [self.grid.facts[row] for row in self.rows]

    @property
    def shown(self) -> list[Column]:
        """The columns."""
        return [self.grid.columns[n] for n in self.columns]

    def tally(self, one: int, other: int) -> Tally:
        """How often ``one`` is better than ``other``, by their places."""
        known = [v for v in self.versus if np.isfinite(v.p[one, other])]
        better = sum(bool(v.better[one, other]) for v in known)
        worse = sum(bool(v.better[other, one]) for v in known)
        return Tally(better, len(known) - better - worse, worse)


def read_comparison(scope: Scope, look: Look, names: Sequence[str], against: str, viewer: Viewer) -> Comparison:
    """The comparison an address asks for; five queries beside those of the board, whatever is compared.

    Parameters
    ----------
    names : sequence of str
        Of models, each as it stands on the board; those after the first `MOST` that are known are left out.
    against : str
        One of them; the first by default.
    """
    look = narrowed(look)
    grid = read_grid(scope.benchmarks(), viewer, on=look.on)
    place = {facts.name: n for n, facts in enumerate(grid.facts)}
    asked = list(dict.fromkeys(names))
    rows = [place[name] for name in asked if name in place][:MOST]
    columns, left_out = selected_columns(grid, look)
    cells = cells_of(grid, rows, columns, viewer, twins=False)
    # Hidden since the board was read, or without a score in these columns: the latter stays.
    versus = compare_rows(grid, rows, columns, viewer)
    values: NDArray[np.float64] = np.full((len(columns), len(rows)), np.nan)
    for k, row in enumerate(rows):
        for c, index in enumerate(columns):
            cell = cells.get((row, index))
            values[c, k] = np.nan if cell is None or cell.value is None else cell.value
    known = [grid.facts[row].name for row in rows]
    return Comparison(
        scope,
        grid,
        look,
        rows,
        columns,
        left_out,
        [name for name in asked if name not in place],
        known.index(against) if against in known else 0,
        cells,
        versus,
        associations(values),
    )


def draw_comparison(comparison: Comparison, title: str) -> str:
    """Differences of the others from one model, with their intervals, region by region; empty where there are none."""
    base, models = comparison.against, comparison.models
    others = [k for k in range(len(models)) if k != base]
    lines = [(v, k) for v in comparison.versus for k in others]
    ends = [e for v, k in lines for e in (v.low[k, base], v.high[k, base]) if np.isfinite(e)]
    if not ends:
        return ""
    labels = [column_words(c, comparison.grid, region_first=True) for c in comparison.shown]
    tall = max(34.0, _ROW * len(others) + 12)
    plane = Plane(
        linear_axis(f"difference from {models[base].shown}", ends),
        row_axis(labels),
        height=54 + tall * len(labels),
        rows=True,
    )
    for row, v in enumerate(comparison.versus):
        for n, k in enumerate(others):
            at = row + 0.5 + (n - (len(others) - 1) / 2) * _ROW / tall
            low, value, high = (float(a[k, base]) for a in (v.low, v.difference, v.high))
            if not np.isfinite(value):
                continue
            colour, shape = series_of(k)
            if np.isfinite(low) and np.isfinite(high):
                plane.line([(low, at), (high, at)], colour=colour, width=1.5)
            plane.dot(value, at, f"{labels[row]}: {verdict(comparison, v, k)}", colour=colour, shape=shape)
    says = (
        f"{', '.join(models[k].shown for k in others)} less {models[base].shown} in {len(labels)} columns. "
        "The table below the picture holds the numbers."
    )
    return plane.svg("comparison", title, says)


def series_of(place: int) -> tuple[str, str]:
    """Colour and shape of a model, the same throughout a page."""
    return SERIES[place % len(SERIES)]


def verdict(comparison: Comparison, versus: Versus, place: int) -> str:
    """What a difference from the base says, in words."""
    models, base = comparison.models, comparison.against
    difference = f"{models[place].shown} less {models[base].shown} {score(float(versus.difference[place, base]))}"
    return f"{difference}, {judged(versus, place, base)}"


def judged(versus: Versus, one: int, other: int) -> str:
    """better, worse, not told apart, or not compared."""
    if not np.isfinite(versus.p[one, other]):
        return "not compared"
    return "better" if versus.better[one, other] else "worse" if versus.better[other, one] else "not told apart"


def comparison_payload(comparison: Comparison) -> dict[str, Any]:
    """All of it as the API answers it: every pair in every column."""
    models, count = comparison.models, len(comparison.rows)
    return {
        "board": comparison.scope.reference,
        "on": comparison.look.on.isoformat() if comparison.look.on else None,
        "columns": [c.key for c in comparison.shown],
        "columns_left_out": comparison.left_out,
        "models": [{"model": f.name, "version": f.version, "title": f.title} for f in models],
        "values": [_value(comparison, row, n) for n in comparison.columns for row in comparison.rows],
        "pairs": [_pair(comparison, i, j) for i in range(count) for j in range(i + 1, count)],
        "differences": [
            _difference(comparison, c, v, i, j)
            for c, v in zip(comparison.shown, comparison.versus, strict=True)
            for i in range(count)
            for j in range(i + 1, count)
        ],
    }


def _value(comparison: Comparison, row: int, index: int) -> dict[str, Any]:
    cell = comparison.cells.get((row, index))
    return {
        "column": comparison.grid.columns[index].key,
        "model": comparison.grid.facts[row].name,
        "value": cell.value if cell else None,
        "low": cell.low if cell else None,
        "high": cell.high if cell else None,
        "interval_kind": cell.interval_kind if cell else "",
    }


def _pair(comparison: Comparison, i: int, j: int) -> dict[str, Any]:
    models, tally, profiles = comparison.models, comparison.tally(i, j), comparison.profiles
    return {
        "model": models[i].name,
        "other": models[j].name,
        "better": tally.better,
        "tied": tally.tied,
        "worse": tally.worse,
        "profile_correlation": number(profiles.value[i, j]),
        "profile_columns": int(profiles.shared[i, j]),
    }


def _difference(comparison: Comparison, column: Column, v: Versus, i: int, j: int) -> dict[str, Any]:
    models = comparison.models
    return {
        "column": column.key,
        "model": models[i].name,
        "other": models[j].name,
        "difference": number(v.difference[i, j]),
        "low": number(v.low[i, j]),
        "high": number(v.high[i, j]),
        "p": number(v.p[i, j]),
        "interval_kind": v.kind,
        "verdict": judged(v, i, j),
    }


def number(value: float) -> float | None:
    """As JSON has it: None for what is not known."""
    return float(value) if np.isfinite(value) else None
