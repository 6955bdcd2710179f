"""Versus: a few models of a board against one another, column by column, by paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral_submissions.domain.paired import Compared, Scored, compare_scored, scored_regions
from gyral_submissions.domain.queries.grid import Grid
from gyral_submissions.domain.queries.visible import visible_submissions
from gyral_submissions.rules import Viewer


@dataclass(frozen=True, eq=False)
class Versus:
    """Models in one column, in the order they were asked for; NaN (or False) where two cannot be compared.

    Parameters
    ----------
    index : int
        Of the column in the grid.
    kind : str
        What the intervals are over: "subjects" (new subjects and stimuli), "conditional" (new stimuli); empty where no two
        models can be compared.
    difference, low, high : float array, models x models
        Row less column, with limits that hold for all pairs of these models in this column at once.
    p : float array, models x models
        Two-sided, adjusted for the same pairs.
    better : bool array, models x models
        True where the row is significantly better than the column.
    """

    index: int
    kind: str
    difference: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    p: NDArray[np.float64]
    better: NDArray[np.bool_]


def compare_rows(grid: Grid, rows: Sequence[int], columns: Sequence[int], viewer: Viewer = None) -> list[Versus]:
    """Compare models of a board in some of its columns; three queries.

    Parameters
    ----------
    grid : Grid
        Of the board, as ``viewer`` sees it.
    rows, columns : sequence of int
        Of the grid.
    viewer : user or None
        Who may see a model is asked again here.
    """
    wanted = [grid.facts[row].pk for row in rows]
    seen = set(visible_submissions(viewer).filter(pk__among=wanted).order_by().values_list("pk", flat=True))
    runs = {
        (k, place): run
        for place in {grid.columns[c].place for c in columns}
        for k, pk in enumerate(wanted)
        if pk in seen and (run := grid.run(place, pk)) is not None
    }
    scored = dict(zip(runs, scored_regions(list(runs.values())), strict=True))
    found = []
    for index in columns:
        column = grid.columns[index]
        there = {k: scored.get((k, column.place), {}).get(column.name) for k in range(len(rows))}
        found.append(
            _versus(index, len(rows), {k: s for k, s in there.items() if s and s.score.value is not None})
        )
    return found


def _versus(index: int, count: int, there: dict[int, Scored]) -> Versus:
    # Difference, its limits, p.
    whole = np.full((4, count, count), np.nan)
    better = np.zeros((count, count), bool)
    kind = ""
    found = _compared(list(there.values()))
    if found is not None:
        place = {id(one): k for k, one in there.items()}
        at = np.ix_(*[[place[id(one)] for one in found.models]] * 2)
        own = found.comparison
        for part, values in zip(whole, (own.difference, own.low, own.high, own.p), strict=True):
            part[at] = values
        better[at] = own.better
        kind = found.kind
    return Versus(index, kind, whole[0], whole[1], whole[2], whole[3], better)


def _compared(models: list[Scored]) -> Compared | None:
    """None where no two can be compared."""
    if len(models) < 2:
        return None
    try:
        found = compare_scored(models)
    except BadArrays:
        # Records without redraws, or with too few: values stand, differences cannot be judged.
        return None
    return found if len(found.models) > 1 else None
