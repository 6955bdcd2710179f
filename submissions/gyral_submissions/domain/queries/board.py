"""Board: the cells of models in regions, with what stands beside a score."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gyral.left import nothing_left
from gyral_submissions.domain.queries.grid import Grid
from gyral_submissions.domain.queries.visible import visible_submissions
from gyral_submissions.models import Score
from gyral_submissions.rules import Viewer

CHOSEN = "chosen"  # layer of a row whose layers were picked inside training rows
ALL = "all"  # subject of a row over all subjects
Cells = dict[tuple[int, int], "Cell"]  # by row and column of a grid


class Cell(NamedTuple):
    """One model in one region; missing numbers are None. A tuple, since a page makes a thousand of them.

    Parameters
    ----------
    region, metric : str
        What was scored, and how.
    value, low, high : float or None
        The score and its 95 % interval.
    interval_kind : str
        "conditional" for new stimuli, "subjects" for new subjects and stimuli; empty without an interval.
    ceiling, ceiling_low, ceiling_high, ceiling_lower : float or None
        The ceiling, its 95 % interval, and for RSA the lower bound, in ``ceiling_unit`` ("r" or "r2").
    ceiling_kind : str
        Its estimator, or "none".
    ceiled : float or None
        Share of the ceiling that is reached.
    r2 : float or None
        Out-of-sample R2.
    n_units, n_ceiled, n_samples : int
        Units, those that entered the ceiled score, and stimuli.
    ties : str
        Models that share a letter cannot be told apart.
    unique_r2, unique_low, unique_high : float or None
        R2 that is left when nuisances are taken out, and its 95 % interval.
    omega : float or None
        Share of the model's R2 that nuisances explain as well.
    partial, partial_low, partial_high : float or None
        Correlation with nuisances held constant (of RDMs, and of readouts other than ridge), and its 95 % interval.
    rank : (int, int) or None
        Best and worst rank among the public models of the board; None until it is ranked.
    twin, twin_spread : float or None
        Score of the untrained twin (mean over draws), and its standard deviation over draws.
    """

    region: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    interval_kind: str
    ceiling: float | None
    ceiling_low: float | None
    ceiling_high: float | None
    ceiling_lower: float | None
    ceiling_lower_low: float | None
    ceiling_lower_high: float | None
    ceiling_unit: str
    ceiling_kind: str
    ceiled: float | None
    r2: float | None
    n_units: int
    n_ceiled: int
    n_samples: int
    ties: str
    unique_r2: float | None
    unique_low: float | None
    unique_high: float | None
    omega: float | None
    partial: float | None
    partial_low: float | None
    partial_high: float | None
    rank: tuple[int, int] | None
    twin: float | None
    twin_spread: float | None

    @property
    def nothing_left(self) -> bool:
        """See `gyral.left.nothing_left`."""
        return nothing_left(self.unique_r2, self.unique_low, self.partial, self.partial_low)


def cells_of(
    grid: Grid, rows: Sequence[int], columns: Sequence[int], viewer: Viewer = None, *, twins: bool = True
) -> Cells:
    """Cells by (row, column) of the grid, where there is a score; two queries."""
    return cells_of_many([(grid, rows, columns)], viewer, twins=twins)[0]


def cells_of_many(
    asked: Sequence[tuple[Grid, Sequence[int], Sequence[int]]], viewer: Viewer = None, *, twins: bool = True
) -> list[Cells]:
    """Cells of rows and columns of each of several grids; two queries for all of them.

    Who may see a model is asked again here, so that nothing that was kept too long can show what was hidden since.
    """
    wanted = {grid.facts[row].pk for grid, rows, _ in asked for row in rows}
    seen = set(visible_submissions(viewer).filter(pk__among=wanted).order_by().values_list("pk", flat=True))
    stands: dict[int, tuple[int, int, int]] = {}
    beside: list[dict[tuple[int, int], _Twin]] = []
    for k, (grid, rows, columns) in enumerate(asked):
        there = [(row, grid.facts[row].pk) for row in rows if grid.facts[row].pk in seen]
        beside.append({})
        for place, of in _places(grid, columns).items():
            sheet, runs = grid.sheets[place], grid.runs[place]
            stands |= {pk: (k, *at) for at, pk in _block(sheet.scores, runs, there, of) if pk}
            if twins:
                values = _block(sheet.twin_values, grid.twins[place], there, of)
                spreads = _block(sheet.twin_spreads, grid.twins[place], there, of)
                beside[k] |= {
                    at: (_known(value), _known(spread))
                    for (at, value), (_, spread) in zip(values, spreads, strict=True)
                }
    cells: list[Cells] = [{} for _ in asked]
    found = Score.objects.filter(pk__among=stands).order_by().values_list("pk", *_FIELDS)
    for pk, *numbers in found:
        k, row, column = stands[pk]
        cells[k][row, column] = _cell(numbers, *beside[k].get((row, column), (None, None)))
    return cells


_Twin = tuple[float | None, float | None]  # value and spread


def _places(grid: Grid, columns: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """By place of their benchmark: columns, with the number of their region."""
    found: dict[int, list[tuple[int, int]]] = {}
    for c in columns:
        found.setdefault(grid.columns[c].place, []).append((c, grid.columns[c].number))
    return found


def _block(
    numbers: NDArray[Any],
    runs: Mapping[int, int],
    rows: Sequence[tuple[int, int]],
    columns: Sequence[tuple[int, int]],
) -> Iterator[tuple[tuple[int, int], Any]]:
    """What an array of a sheet, runs x regions, has for rows and columns of a grid: ((row, column), number).

    Parameters
    ----------
    numbers : array, runs x regions
        Ids, values...
    runs : mapping of int to int
        Places of runs by submission; rows without one are passed over.
    rows : sequence of (int, int)
        With their submissions.
    columns : sequence of (int, int)
        With the numbers of their regions.
    """
    there = [(row, runs[pk]) for row, pk in rows if pk in runs]
    block = numbers[np.ix_([at for _, at in there], [number for _, number in columns])].tolist()
    for (row, _), line in zip(there, block, strict=True):
        for (column, _), number in zip(columns, line, strict=True):
            yield (row, column), number


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


_FIELDS = (
    *("region", "metric", "value", "low", "high", "interval_kind"),
    *("ceiling", "ceiling_low", "ceiling_high", "ceiling_lower", "ceiling_lower_low", "ceiling_lower_high"),
    *("ceiling_unit", "ceiling_kind", "ceiled", "r2"),
    *("n_units", "n_ceiled", "n_samples", "tie_letters", "unique_r2", "unique_low", "unique_high", "omega"),
    *("partial", "partial_low", "partial_high", "rank_best", "rank_worst", "spread"),
)
_SPREAD = _FIELDS.index("spread")


def cell_of(score: Score, twin: Score | None = None) -> Cell:
    """The cell of one score, with its twin's where there is one."""
    numbers = tuple(getattr(score, name) for name in _FIELDS)
    return _cell(numbers, twin.value if twin is not None else None, twin.spread if twin is not None else None)


def _cell(numbers: Sequence[Any], twin: float | None, twin_spread: float | None) -> Cell:
    best, worst = numbers[_SPREAD - 2 : _SPREAD]
    rank = None if best is None or worst is None else (best, worst)
    return Cell(*(*numbers[: _SPREAD - 2], rank, twin, twin_spread))
