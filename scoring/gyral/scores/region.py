"""Region: the score of one region for each subject and for all, with what would have come of other stimuli.

A subject's value is the median over units; that of all subjects is the mean over subjects, so that a subject with
more units does not count more and an interval over subjects is one of the number shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.split import Rows
from gyral.scores.blocks import Blocks, block_sums, blocks_for, held_out_blocks
from gyral.scores.conditional import Redraws, redraws
from gyral.scores.confidence import Interval
from gyral.scores.hierarchy import with_everyone
from gyral.scores.pairs import widened_by
from gyral.scores.problem import Problem
from gyral.scores.resampling import Scored, Statistic

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

ALL = "all"
# Bytes that the sums of one region and one model draw may take, and the least number of blocks kept for it.
_SUMS = 1 << 29
_LEAST = 20


@dataclass(frozen=True, eq=False)
class RegionScore:
    """Scores of one region and one layer (or the chosen ones).

    Parameters
    ----------
    subjects : tuple of str
        "all" first, then each subject where there are several.
    members : tuple of int array
        Units (positions in the region) behind each.
    r : array, units
        NaN where a unit has no score.
    ceiled : array, units
        Signed r2 over noise ceiling; NaN where a unit is not admitted.
    found : Redraws
        One part for each of ``subjects``.
    intervals : tuple of Interval
        Likewise.
    ceiled_intervals : tuple of Interval or None
        Of the ceiled scores, conditional; None without a ceiling.
    spread : array, subjects
        Standard deviation of values over model draws; NaN with one.
    """

    subjects: tuple[str, ...]
    members: tuple[NDArray[np.int64], ...]
    r: Array
    ceiled: Array
    found: Redraws
    intervals: tuple[Interval, ...]
    ceiled_intervals: tuple[Interval, ...] | None
    spread: Floats

    def over(self, number: int, values: Array) -> float:
        """Median of ``values`` over the units of a subject; that of "all" is the mean over subjects."""
        if number or len(self.members) == 1:
            return float(Statistic().of(values[self.members[number]]))
        return _mean(np.array([self.over(k, values) for k in range(1, len(self.members))]))


def score_blocks(problem: Problem) -> tuple[list[Rows], NDArray[np.int64]]:
    """Blocks of held-out rows that all layers, models and boards of a problem share.

    Fewer where a region has so many units that their sums would not fit.
    """
    rows, fold_of = blocks_for(problem.responses, problem.split, exchangeable=problem.exchangeable)
    largest = max(len(region) for region in problem.regions)
    most = max(_LEAST, _SUMS // (48 * largest))
    return held_out_blocks(problem.split, most) if len(rows) > most else (rows, fold_of)


def region_blocks(
    problem: Problem,
    region: Region,
    predictions: Sequence[Array],
    rows: Sequence[Rows],
    fold_of: NDArray[np.int64],
) -> Blocks:
    """Block sums of a region's units; a unit that was not predicted everywhere has none.

    Parameters
    ----------
    predictions : sequence of array, samples x units of the region
        One a model draw.
    rows, fold_of
        From `score_blocks`.
    """
    measured = np.asarray(problem.responses[:, region.units])
    held_out = problem.split.held_out
    unread = np.zeros(len(region), bool)
    for p in predictions:
        unread |= (~np.isfinite(p[held_out]) & np.isfinite(measured[held_out])).any(axis=0)
    if unread.any():
        measured = np.where(unread, np.nan, measured)
    repeats = None if problem.repeats is None else problem.repeats[:, :, region.units]
    return block_sums(measured, np.stack(list(predictions)), rows, fold_of, repeats=repeats)


def names_of_values(problem: Problem, region: Region) -> tuple[str, ...]:
    """Whose each value of a region is: `ALL`, and, of several subjects, each that has units there."""
    if len(problem.subjects) < 2:
        return (ALL,)
    owners = problem.subject_of[region.units]
    return (ALL, *(str(owners[units[0]]) for units in problem.members(region)))


def score_region(
    problem: Problem, region: Region, blocks: Blocks, *, twice: Array | None = None, seed: int = 0
) -> RegionScore:
    """Score a region from the block sums of its units.

    Parameters
    ----------
    problem : Problem
    region : Region
    blocks : Blocks
        From `region_blocks`.
    twice : array, units, optional
        Share of each unit's predictions that rests on rows which other folds hold out (`gyral.scores.pairs.twice`);
        None for maps that were fitted elsewhere.
    seed : int
        Of the redraws: the same for all that are to be compared.
    """
    members = problem.members(region)
    plain = Scored(blocks, Statistic(), members)
    factor = np.ones(len(members)) if twice is None else widened_by(twice, members)
    found = redraws(plain, seed=seed).wider(factor)
    ceiling = None if problem.ceiling is None else problem.ceiling.of(region.units)
    ceiled, bounds = np.full(len(region), np.nan), None
    if ceiling is not None:
        over = Scored(blocks, Statistic(ceiling=ceiling), members)
        ceiled, bounds = over.units, redraws(over, seed=seed).wider(factor)
    count = len(blocks.sums)
    draws = [
        Scored(Blocks(blocks.sums[[d]], blocks.fold_of, blocks.rows), Statistic(), members).values
        for d in range(count if count > 1 else 0)
    ]
    if len(problem.subjects) > 1:
        found, intervals = with_everyone(found)
        bounds = None if bounds is None else bounds.with_mean()
        draws = [np.concatenate([[_mean(d)], d]) for d in draws]
        members = [np.arange(len(region)), *members]
    else:
        intervals = found.intervals()
    names = names_of_values(problem, region)
    return RegionScore(
        names,
        tuple(members),
        plain.units,
        ceiled,
        found,
        tuple(intervals),
        None if bounds is None else tuple(bounds.intervals()),
        np.std(draws, axis=0, ddof=1) if draws else np.full(len(names), np.nan),
    )


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
