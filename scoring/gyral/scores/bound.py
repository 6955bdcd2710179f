"""Bound: the ceiling of a region for each subject and for all, with its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.scores.blocks import blocks_for
from gyral.scores.ceiling import Ceiling
from gyral.scores.conditional import Redraws, calibrated
from gyral.scores.confidence import Interval
from gyral.scores.problem import Problem
from gyral.scores.resampling import Statistic, block_weights

Floats = NDArray[np.float64]
Units = NDArray[np.integer[Any]]

# Enough for percentiles of a figure that is read to two digits.
DRAWS = 400


@dataclass(frozen=True)
class Bound:
    """Ceiling of a region, in r2.

    Parameters
    ----------
    value : float
        Median over the units of a subject; of all subjects the mean of theirs. NaN where undefined.
    low, high : float
        95 % interval for new stimuli and the same subjects; NaN where there is none (``published``).
    kind : str
        Its estimator; "none" where undefined.
    """

    value: float
    low: float
    high: float
    kind: str


def region_bounds(
    problem: Problem,
    units: Units,
    members: Sequence[Units],
    *,
    rows: Sequence[Rows] | None = None,
    fold_of: NDArray[np.int64] | None = None,
    seed: int = 0,
) -> list[Bound]:
    """Ceiling of all (first, where the problem has several subjects) and of each subject of a region.

    Parameters
    ----------
    problem : Problem
    units : int array
        Units of the region.
    members : sequence of int array
        Positions in ``units`` of each subject.
    rows, fold_of
        Blocks of held-out rows (`gyral.scores.blocks.blocks_for`, the default).
    seed : int
        Of the redraws.
    """
    several = len(problem.subjects) > 1
    if problem.ceiling is None:
        return [_NONE] * (len(members) + several)
    ceiling = problem.ceiling.of(units)
    if rows is None or fold_of is None:
        rows, fold_of = blocks_for(problem.responses, problem.split, exchangeable=problem.exchangeable)
    found = _redraws(ceiling, members, rows, fold_of, seed)
    if several:
        found = found.with_mean()
    return [_bound(interval, ceiling.kind) for interval in found.intervals()]


_NONE = Bound(float("nan"), float("nan"), float("nan"), "none")


def _bound(interval: Interval, kind: str) -> Bound:
    if not np.isfinite(interval.value):
        return _NONE
    return Bound(interval.value, interval.low, interval.high, kind)


def _redraws(
    ceiling: Ceiling, members: Sequence[Units], rows: Sequence[Rows], fold_of: NDArray[np.int64], seed: int
) -> Redraws:
    count = len(rows)
    values = _parts(ceiling.held_out[None], members, Statistic())[0]
    if ceiling.evidence is None or count < 2:
        return Redraws(values, np.full((2, len(members)), np.nan), count, seed=seed)
    weights = np.concatenate(list(block_weights(count, DRAWS, seed)))
    drawn, left = (ceiling.under(rows, fold_of, w) for w in (weights, 1 - np.eye(count)))
    for array in (drawn, left):
        array[:, ~np.isfinite(ceiling.held_out)] = np.nan
    mean = Statistic("mean")
    return calibrated(
        values,
        _parts(drawn, members, Statistic()),
        _parts(drawn, members, mean),
        _parts(left, members, mean),
        seed=seed,
    )


def _parts(units: NDArray[np.floating[Any]], members: Sequence[Units], statistic: Statistic) -> Floats:
    return np.stack([statistic.of(units[:, part]) for part in members], axis=1)
