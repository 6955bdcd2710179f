"""Table: what a board shows, from the grid and the state in the address; no queries but for the cells of one page.

Order, filters, means and shades are worked out here, so that the page, the files and the API agree.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from gyral_portal.leaderboard.columns import WIDEST, Shown, lay_out
from gyral_portal.leaderboard.facets import Facet, facets_of
from gyral_portal.leaderboard.look import MEAN, NAME, Look
from gyral_portal.leaderboard.mean import Mean, Means, take_means
from gyral_portal.leaderboard.search import matches, parse
from gyral_submissions.domain.queries.board import Cell, cells_of
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import Grid
from gyral_submissions.rules import Viewer

HEAT_STEPS = 6
ROWS = 100  # a page


@dataclass(frozen=True)
class Line:
    """One row as shown.

    Parameters
    ----------
    facts : Facts
        The model.
    is_private : bool
        Whether its owner alone sees it.
    cells : mapping of int to Cell
        By index of the column in the grid.
    heat : mapping of int to int
        Shade of each column in view, 0 to `HEAT_STEPS`; 0 where the interval reaches zero or below.
    covered : mapping of int to int
        By place among the shown columns, of a coverage, and of a closed group's column without a score: how many of its
        members have one.
    runs : mapping of int to UUID
        By place of the benchmark in the grid, of those that have columns in view.
    mean : Mean or None
        Where one is asked for.
    borda : float or None
        On the board of one benchmark.
    """

    facts: Facts
    is_private: bool
    cells: Mapping[int, Cell]
    heat: Mapping[int, int]
    covered: Mapping[int, int]
    runs: Mapping[int, UUID]
    mean: Mean | None
    borda: float | None


@dataclass(frozen=True)
class Table:
    """A board as shown.

    Parameters
    ----------
    grid : Grid
        Everything there is.
    look : Look
        With the sort that is in force and pages that exist.
    columns : sequence of Shown
        Those in view; ``wide`` is how many there are to leaf through.
    order : sequence of int
        Rows that the filters leave, in order.
    facets : sequence of Facet
        Filters with counts.
    means : Means or None
        Where a mean is asked for.
    """

    grid: Grid
    look: Look
    columns: Sequence[Shown]
    wide: int
    order: Sequence[int]
    facets: Sequence[Facet]
    means: Means | None
    _best: Mapping[int, float]

    @property
    def total(self) -> int:
        """Models before filters."""
        return len(self.grid.facts)

    @property
    def pages(self) -> int:
        """Pages of rows, at least 1."""
        return max(1, math.ceil(len(self.order) / ROWS))

    @property
    def not_understood(self) -> list[str]:
        """What the address asks for and the board has not, a sentence each."""
        empty = [f for f in self.facets if f.chosen and f.chosen not in {c.value for c in f.choices}]
        return [*self.look.misread, *(f"No model here has {f.chosen[:80]!r} as “{f.label}”." for f in empty)]

    def lines(self, viewer: Viewer, *, page: int | None = None) -> list[Line]:
        """Rows of one page, by default the one that is looked at; two queries."""
        page = self.look.page if page is None else page
        rows = self.order[(page - 1) * ROWS : page * ROWS]
        indices = [c.index for c in self.columns if c.column is not None]
        cells = cells_of(self.grid, rows, indices, viewer, twins=self.look.twins)
        by_row: dict[int, dict[int, Cell]] = {row: {} for row in rows}
        for (row, index), cell in cells.items():
            by_row[row][index] = cell._replace(rank=None, ties="") if self._unranked(row) else cell
        values = self.grid.values[rows]
        missing = np.isnan(values)
        heats = heat(values[:, indices], [self._best[n] for n in indices]).tolist()
        place, at = {row: n for n, row in enumerate(rows)}, {index: n for n, index in enumerate(indices)}
        for (row, index), cell in cells.items():
            if cell.low is not None and cell.low <= 0:  # the best of a column may be noise, and noise has no shade
                heats[place[row]][at[index]] = 0
        covered = {
            n: (~missing[:, c.members]).sum(axis=1).tolist() for n, c in enumerate(self.columns) if c.members
        }
        # Of a column that stands for others, how many have a score matters where it has none itself.
        told = {
            n: missing[:, c.index].tolist() if (c := self.columns[n]).column is not None else [True] * len(rows)
            for n in covered
        }
        places = {c.column.place for c in self.columns if c.column is not None}
        return [
            self._line(
                row,
                by_row[row],
                dict(zip(indices, heats[at], strict=True)),
                {n: counts[at] for n, counts in covered.items() if told[n][at]},
                places,
            )
            for at, row in enumerate(rows)
        ]

    def all_lines(self, viewer: Viewer) -> Iterator[Line]:
        """Rows of all pages."""
        for page in range(1, self.pages + 1):
            yield from self.lines(viewer, page=page)

    def _unranked(self, row: int) -> bool:
        """What its owner alone sees has no rank; nor is it known which ranks stood on an earlier day."""
        return bool(self.grid.own[row]) or self.look.on is not None

    def _line(
        self,
        row: int,
        cells: Mapping[int, Cell],
        heats: Mapping[int, int],
        covered: Mapping[int, int],
        places: Collection[int],
    ) -> Line:
        grid, facts = self.grid, self.grid.facts[row]
        own = bool(grid.own[row])
        single = len(grid.benchmarks) == 1 and not own and self.look.on is None
        return Line(
            facts,
            own,
            cells,
            heats,
            covered,
            {n: run for n in places if (run := grid.run(n, facts.pk)) is not None},
            self.means.of_row(row) if self.means else None,
            grid.borda[0].get(facts.pk) if single else None,
        )


def arrange(grid: Grid, look: Look) -> Table:
    """Filter, order and cut to the view.

    Ranks are those of all public rows of a benchmark, so that a filter never improves anybody's, and everybody finds
    the same ones.
    """
    laid = lay_out(grid, look)
    means = take_means(grid, look) if look.mean else None
    look = replace(look, sort=look.sort or _default_sort(grid, laid, means))
    facets, mask = facets_of(grid, look.facets, _found(grid, look))
    order = _ordered(grid, look, means, np.flatnonzero(mask))
    start = look.start if look.start < len(laid) else 0
    shown = laid[start : start + WIDEST]
    last = max(1, math.ceil(len(order) / ROWS))
    look = replace(look, page=min(look.page, last), start=start)
    indices = [c.index for c in shown if c.column is not None]
    best = {n: _best(grid.values[order, n]) for n in indices}
    return Table(grid, look, shown, len(laid), order.tolist(), facets, means, best)


def heat(values: NDArray[np.float64], best: Sequence[float]) -> NDArray[np.int64]:
    """Shades of values, 0 to 6: their shares of the best in their column; 0 for missing values, zero and below.

    Parameters
    ----------
    values : array, rows x columns
        NaN where there is none.
    best : sequence of float, columns
        Their best.
    """
    top = np.array(best, np.float64)
    shares = np.where((top > 0) & ~np.isnan(values), values, 0.0) / np.where(top > 0, top, 1.0)
    return np.clip(np.ceil(shares * HEAT_STEPS), 0, HEAT_STEPS).astype(np.int64)


def _default_sort(grid: Grid, laid: Sequence[Shown], means: Means | None) -> str:
    """The mean that was asked for, else the first main region that has a score, else the first column that has one."""
    if means is not None:
        return MEAN
    columns = [(c.column, c.index) for c in laid if c.column is not None]
    first = sorted(columns, key=lambda c: not c[0].is_main)
    scored = (c.key for c, index in first if np.isfinite(grid.values[:, index]).any())
    return next(scored, first[0][0].key if first else NAME)


def _found(grid: Grid, look: Look) -> NDArray[np.bool_]:
    wanted = parse(look.words)
    if wanted is None:
        return np.ones(len(grid.facts), bool)
    return np.array([matches(wanted, f.text) for f in grid.facts], bool)


def _ordered(grid: Grid, look: Look, means: Means | None, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows in order; ``rows`` are by name, which decides between equal values. Missing values stand last."""
    if look.sort == NAME:
        return rows if look.up else rows[::-1]
    if look.sort == MEAN and means is not None:
        values, second = means.values[rows], -means.has[rows]
    else:
        index = next(n for n, c in enumerate(grid.columns) if c.key == look.sort)
        values, second = grid.values[rows, index], np.zeros(len(rows), int)
    missing = np.isnan(values)
    # Among those without a mean, the ones with more of its columns come first.
    return rows[
        np.lexsort((np.where(missing, second, 0), np.where(missing, 0.0, values if look.up else -values), missing))
    ]


def _best(values: NDArray[np.float64]) -> float:
    there = values[np.isfinite(values)]
    return float(there.max()) if there.size else 0.0
