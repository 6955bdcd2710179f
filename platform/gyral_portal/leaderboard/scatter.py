"""Scatter: models by two numbers, one of them a score, with the front that no model beats in both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gyral.chart import GREY, Plane, linear_axis, log_axis
from gyral.scores.front import pareto_front
from gyral_portal.leaderboard.gap import gap_summary, gap_words, is_gap
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.scope import Scope
from gyral_portal.leaderboard.selected import column_words, narrowed
from gyral_portal.leaderboard.table import Table, arrange
from gyral_portal.templatetags.gyral import count, metric_name, readout_name, score
from gyral_submissions.domain.queries.board import Cell, cells_of
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import Column, Grid, read_grid
from gyral_submissions.rules import Viewer

PARAMETERS, COMPUTE = "parameters", "compute"


@dataclass(frozen=True)
class Size:
    """What may stand to the right besides a score: title of the axis, choice of the form, head of the column, and unit."""

    words: str
    choice: str
    head: str
    unit: str
    missing: str


SIZES = {
    PARAMETERS: Size(
        "trained parameters (log)", "trained parameters", "Parameters", "parameters", "declared parameters"
    ),
    COMPUTE: Size(
        "multiply-adds of one stimulus (log)",
        "compute: multiply-adds of one stimulus",
        "Multiply-adds",
        "multiply-adds",
        "a count of multiply-adds",
    ),
}
LISTED = 100  # models in the table, and with a name in the picture


@dataclass(frozen=True)
class Point:
    """One model; ``cell`` is there for those that are listed.

    Parameters
    ----------
    facts : Facts
    x, y : float
        Parameters, multiply-adds or a score; a score.
    on_front : bool
        Whether no public model is better in one without being worse in the other; never of what not everybody sees.
    is_private : bool
        Whether not everybody sees it.
    cell : Cell or None
        Of ``y``.
    """

    facts: Facts
    x: float
    y: float
    on_front: bool
    is_private: bool
    cell: Cell | None = None

    @property
    def difference(self) -> float:
        """Of two scores."""
        return self.y - self.x


@dataclass(frozen=True, eq=False)
class Scatter:
    """Models that have both numbers.

    Parameters
    ----------
    scope : Scope
    table : Table
        The board, filtered.
    x : Column or None
        None for parameters and compute.
    y : Column or None
        None on a board without columns.
    points : sequence of Point
        The front first, then by ``y``, best first; of a gap by how far ``y`` is above ``x``.
    missing : int
        Models that the filters leave and that lack one of the numbers.
    misread : sequence of str
        What of the address was not understood.
    size : {"parameters", "compute"}
        What stands to the right where it is no score.
    """

    scope: Scope
    table: Table
    x: Column | None
    y: Column | None
    points: Sequence[Point]
    missing: int
    misread: Sequence[str] = ()
    size: str = PARAMETERS

    @property
    def listed(self) -> Sequence[Point]:
        """Those in the table."""
        return self.points[:LISTED]

    @property
    def front(self) -> list[Point]:
        """From left to right."""
        return sorted((p for p in self.points if p.on_front), key=lambda p: p.x)

    def words(self, column: Column | None) -> str:
        """Title of an axis."""
        if column is None:
            return SIZES[self.size].words
        if self.is_gap:  # the same data twice: what sets the axes apart comes first
            benchmark = column.benchmark
            return f"{column.title}, {readout_name(benchmark.readout)}, {metric_name(benchmark.metric)}"
        return f"{column_words(column, self.table.grid)}, {metric_name(column.benchmark.metric)}"

    @property
    def is_gap(self) -> bool:
        """Whether readouts alone set the two scores apart."""
        return is_gap(self.x, self.y)

    @property
    def gap(self) -> str:
        """What the diagonal says; empty where there is none."""
        if self.x is None or self.y is None or not self.is_gap or not self.points:
            return ""
        return f"{gap_words(self.x, self.y)} {gap_summary([p.difference for p in self.points])}"

    @property
    def chosen(self) -> dict[str, str]:
        """The axes, as parameters of an address."""
        return {"x": self.x.key if self.x else self.size, "y": self.y.key if self.y else ""}


def read_scatter(scope: Scope, look: Look, axes: Mapping[str, str], viewer: Viewer) -> Scatter:
    """The scatter an address asks for; two queries beside those of the board.

    Parameters
    ----------
    axes : mapping of str to str
        ``x`` (a column's key, "parameters" or "compute") and ``y``; what is no column falls back to parameters and the board's
        own order.
    """
    look = narrowed(look)
    grid = read_grid(scope.benchmarks(), viewer, on=look.on)
    table = arrange(grid, look)
    by_key = {c.key: n for n, c in enumerate(grid.columns)}
    misread = [
        f"No column is called {axes[a]!r}."
        for a in ("x", "y")
        if axes.get(a) and axes[a] not in (*by_key, *(SIZES if a == "x" else ()))
    ]
    y = by_key.get(axes.get("y", ""), by_key.get(table.look.sort, 0)) if by_key else None
    x = by_key.get(axes.get("x", ""))
    size = axes.get("x", "") if axes.get("x", "") in SIZES else PARAMETERS
    if y is None:
        return Scatter(scope, table, None, None, (), len(table.order), misread, size)
    order = np.array(table.order, int)
    across = _sizes(grid, size, grid.columns[y].place)[order] if x is None else grid.values[order, x]
    up = grid.values[order, y]
    known = np.isfinite(across) & np.isfinite(up)
    own = grid.own[order]
    front = pareto_front(np.column_stack([-across if x is None else across, up])[known & ~own])
    on_front = np.zeros(len(order), bool)
    on_front[np.flatnonzero(known & ~own)[front]] = True
    column = None if x is None else grid.columns[x]
    first = (
        (lambda k: across[k] - up[k]) if is_gap(column, grid.columns[y]) else lambda k: (not on_front[k], -up[k])
    )
    places = sorted(np.flatnonzero(known).tolist(), key=first)
    cells = cells_of(grid, [int(order[k]) for k in places[:LISTED]], [y], viewer, twins=False)
    points = [
        Point(
            grid.facts[order[k]],
            float(across[k]),
            float(up[k]),
            bool(on_front[k]),
            bool(own[k]),
            cells.get((int(order[k]), y)),
        )
        for k in places
    ]
    # A listed model without a cell is one that was hidden since the board was read.
    points = [p for n, p in enumerate(points) if n >= LISTED or p.cell is not None]
    return Scatter(scope, table, column, grid.columns[y], points, int((~known).sum()), misread, size)


def draw_scatter(scatter: Scatter, title: str, *, alone: bool = False) -> str:
    """The picture: the listed models with their names under the pointer, the others as plain dots, the front as a line."""
    if scatter.is_gap:
        return _draw_gap(scatter, title, alone=alone)
    points = scatter.points
    xs, ys = [p.x for p in points], [p.y for p in points]
    ends = [e for p in scatter.listed if p.on_front and p.cell for e in (p.cell.low, p.cell.high) if e is not None]
    across = (
        log_axis(scatter.words(None), xs)
        if scatter.x is None
        else linear_axis(scatter.words(scatter.x), xs, zero=False)
    )
    plane = Plane(across, linear_axis(scatter.words(scatter.y), [*ys, *ends], zero=False))
    plane.dots([(p.x, p.y) for p in points[LISTED:]])
    front = scatter.front
    plane.line(_stairs(front), dashed=True)
    for p in reversed(scatter.listed):
        if p.on_front and p.cell and p.cell.low is not None and p.cell.high is not None:
            plane.line([(p.x, p.cell.low), (p.x, p.cell.high)], width=1.5)
        shape = "ring" if p.is_private else "diamond" if p.on_front else "circle"
        plane.dot(p.x, p.y, _said(p, scatter), colour=_FRONT if p.on_front else _REST, shape=shape)
    for p in sorted(front, key=lambda p: -p.y):
        # Above and to the left of the front (with two scores: to the right) there is nothing.
        plane.label(p.x, p.y, p.facts.shown, left=scatter.x is None)
    return plane.svg("scatter", title, _sentence(scatter), alone=alone)


def _draw_gap(scatter: Scatter, title: str, *, alone: bool) -> str:
    """Two readouts on axes of one length, with the diagonal on which they reach the same, and intervals of what is upwards."""
    ends = [e for p in scatter.listed if p.cell for e in (p.cell.low, p.cell.high) if e is not None]
    both = [n for p in scatter.points for n in (p.x, p.y)] + ends
    across, up = (linear_axis(scatter.words(column), both, zero=False) for column in (scatter.x, scatter.y))
    plane = Plane(across, up)
    plane.dots([(p.x, p.y) for p in scatter.points[LISTED:]])
    plane.line([(across.least, up.least), (across.most, up.most)], colour=GREY, dashed=True)
    for p in reversed(scatter.listed):
        if p.cell and p.cell.low is not None and p.cell.high is not None:
            plane.line([(p.x, p.cell.low), (p.x, p.cell.high)], width=1)
        plane.dot(p.x, p.y, _said(p, scatter), colour=_REST, shape="ring" if p.is_private else "circle")
    says = f"{len(scatter.points)} models. {scatter.gap} The table beside the picture holds the numbers."
    return plane.svg("scatter", title, says, alone=alone)


_FRONT, _REST = "#c8720a", "#3b82c4"


def scatter_payload(scatter: Scatter) -> dict[str, Any]:
    """The points as the API answers them: the listed ones, and how many there are."""
    return {
        "board": scatter.scope.reference,
        **scatter.chosen,
        "on": scatter.table.look.on.isoformat() if scatter.table.look.on else None,
        "count": len(scatter.points),
        "missing": scatter.missing,
        "points": [
            {
                "model": p.facts.name,
                "version": p.facts.version,
                "title": p.facts.title,
                "tier": p.facts.tier,
                "visibility": p.facts.visibility,
                "x": p.x,
                "y": p.y,
                "low": p.cell.low if p.cell else None,
                "high": p.cell.high if p.cell else None,
                "on_front": p.on_front,
            }
            for p in scatter.listed
        ],
    }


def _sizes(grid: Grid, size: str, place: int) -> np.ndarray:
    """Of every row: parameters, or multiply-adds as counted on the benchmark at ``place``; NaN where not known."""
    if size == COMPUTE:
        return np.array([grid.compute[place].get(f.pk, np.nan) for f in grid.facts], float)
    return np.array([np.nan if f.parameters is None else f.parameters for f in grid.facts], float)


def _stairs(front: Sequence[Point]) -> list[tuple[float, float]]:
    """What is reached at every x: level from each point to the next."""
    out: list[tuple[float, float]] = []
    for before, p in zip([None, *front], front, strict=False):
        if before is not None:
            # More parameters or compute may only help, more of a score may only cost.
            out.append((p.x, before.y) if p.y >= before.y else (before.x, p.y))
        out.append((p.x, p.y))
    return out


def _said(p: Point, scatter: Scatter) -> str:
    x = f"{count(int(p.x))} {SIZES[scatter.size].unit}" if scatter.x is None else score(p.x)
    return f"{p.facts.shown}: {score(p.y)}, {x}{' (private)' if p.is_private else ''}"


def _sentence(scatter: Scatter) -> str:
    front = "; ".join(_said(p, scatter) for p in scatter.front[:8])
    return f"{len(scatter.points)} models. On the front: {front or 'none'}. The table beside the picture holds the numbers."
