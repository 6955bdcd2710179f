"""Chance: the p-value of each value of a region, by the null its data demand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.split import Rows
from gyral.scores.problem import Problem
from gyral.scores.pvalue import SHORTEST_RUN, Null, orders_of, runs_of, significance
from gyral.scores.region import RegionScore

Array = NDArray[np.floating[Any]]

# Samples x units of one draw: beyond it every k-th unit is tested, so that a thousand draws take seconds.
_ENTRIES = 2_000_000
_LEAST_UNITS = 50
# With fewer, no score could be called significant at .01.
_LEAST_ORDERS = 100
# With folds that train on one another's rows, each pair of rows i, j in different folds enters a score twice, by
# h_ij y_i y_j and h_ji y_j y_i. Where nothing is to be found its variance is twice that of a null that holds the
# predictions: of 200 samples and 20 features of noise, .111 against .071.
_PAIRS_TWICE = 2.0**0.5


@dataclass(frozen=True, eq=False)
class Chance:
    """p-values of the values of one region.

    Parameters
    ----------
    p : float64 array, one for each of `RegionScore.subjects`
        NaN where no unit is complete. That of "all" tests the mean over subjects, which is the value shown.
    null : {"permutation", "phase", "group"} or None
        None: held-out stretches are too short, or groups too few, for any.
    """

    p: NDArray[np.float64]
    null: Null | None


def runs_and_null(problem: Problem) -> tuple[list[Rows], Null] | None:
    """What may be made unrelated: single samples, phases of each run, or whole groups where they are short.

    None where a series is too short, and where groups are too few to stand in `_LEAST_ORDERS` orders inside their folds.
    """
    split = problem.split
    folds = [f.test for f in split.folds]
    if problem.exchangeable:
        return folds, "permutation"
    runs = runs_of(split)
    if min(len(r) for r in runs) >= SHORTEST_RUN:
        return runs, "phase"
    if split.groups is None or orders_of(split.groups, folds) < _LEAST_ORDERS:
        return None
    return folds, "group"


def region_chance(
    problem: Problem, region: Region, predictions: Array, score: RegionScore, *, seed: int = 0
) -> Chance:
    """Test a region's values against predictions made unrelated.

    Parameters
    ----------
    predictions : array, samples x units of the region
    score : RegionScore
        Of the same region.
    """
    nothing = np.full(len(score.subjects), np.nan)
    found = runs_and_null(problem)
    if found is None:
        return Chance(nothing, None)
    runs, null = found
    several = len(score.members) > 1
    tested, parts = complete_units(problem, region, predictions, score.members[several:], np.concatenate(runs))
    if not len(tested):
        return Chance(nothing, null)
    own = significance(
        np.asarray(problem.responses[:, region.units[tested]]),
        predictions[:, tested],
        runs,
        null,
        parts=parts,
        mean=several,
        groups=problem.split.groups,
        stretch=twice_stretch(problem),
        seed=seed,
    )
    return Chance(own.p, null)


def complete_units(
    problem: Problem, region: Region, predictions: Array, members: Sequence[NDArray[np.int64]], rows: Rows
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Units of a region that lack nothing in some rows, every k-th of them where they are many.

    Returns
    -------
    tested : int array
        Positions in the region.
    parts : list of int array
        Those of each subject, as positions in ``tested``.
    """
    rows = np.sort(rows)
    measured = np.asarray(problem.responses[:, region.units])
    whole = np.isfinite(np.stack([measured[rows], predictions[rows]])).all(axis=(0, 1))
    most = max(_LEAST_UNITS, _ENTRIES // len(rows))
    parts = [units[whole[units]] for units in members]
    parts = [units[:: -(-len(units) // most)] if len(units) else units for units in parts]
    tested = np.unique(np.concatenate(parts)).astype(np.int64)
    return tested, [np.searchsorted(tested, units) for units in parts]


def twice_stretch(problem: Problem) -> float:
    """Factor on null scores where folds train on one another's rows."""
    return _PAIRS_TWICE if len(problem.split.folds) > 1 else 1.0
