"""Case: a dataset under one split, cut down to what a canary needs to see.

Canaries cost seconds a fold whatever the size of a dataset: they look at a few units of each region, and of long recordings
at stretches of neighbours around borders between folds, because that is where order can leak. Of very many folds they fit some.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.region import Region
from gyral.datasets.split import Fold, Rows, Split
from gyral.scores.problem import Problem, problem_of

Array = NDArray[np.floating[Any]]

MOST_ROWS = 1000
MOST_UNITS = 96  # of a region
MOST_FOLDS = 40  # that are fitted; each is a second or two
_BORDERS = 8


@dataclass(frozen=True, eq=False)
class Case:
    """A dataset under one split.

    Parameters
    ----------
    dataset : Dataset
    split : Split
        Of all rows; may be one for an audit.
    seed : int
        Of everything random.
    """

    dataset: Dataset
    split: Split
    seed: int = 0

    @property
    def samples(self) -> int:
        """Number of rows."""
        return self.dataset.samples

    @cached_property
    def groups(self) -> Rows | None:
        """Code of each row's group, whether the split heeds groups or not; None where the dataset has none."""
        if self.dataset.sample_groups is None:
            return None
        return np.unique(np.asarray(self.dataset.sample_groups), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def fold_of(self) -> Rows:
        """Fold that holds each row out; -1 where none does."""
        out = np.full(self.samples, -1, np.int64)
        for k, fold in enumerate(self.split.folds):
            out[fold.test] = k
        return out

    @cached_property
    def sides(self) -> list[tuple[frozenset[int], frozenset[int]]]:
        """Training and held-out rows of each fold, as sets."""
        return [(frozenset(f.train.tolist()), frozenset(f.test.tolist())) for f in self.split.folds]

    @cached_property
    def rows(self) -> Rows:
        """Rows that scored canaries look at, ascending."""
        return _around_borders(self.fold_of, MOST_ROWS)

    @cached_property
    def problem(self) -> Problem | None:
        """The encoding problem of `rows`, each unit centred and scaled over them (r does not mind); None without responses."""
        if self.dataset.responses is None:
            return None
        whole = replace(problem_of(self.dataset, "none"), split=self.split, series=())
        kept = np.unique(np.concatenate([_some(r.units, MOST_UNITS) for r in whole.regions]))
        regions = tuple(
            Region(r.name, np.flatnonzero(np.isin(kept, _some(r.units, MOST_UNITS))), r.path)
            for r in whole.regions
            if len(r.units)
        )
        return replace(
            whole,
            responses=_scaled(np.asarray(whole.responses[np.ix_(self.rows, kept)])),
            split=_some_folds(of_rows(self.split, self.rows, self.samples)),
            regions=regions,
            subject_of=whole.subject_of[kept],
        )

    @cached_property
    def row_groups(self) -> Rows | None:
        """Groups of `rows`."""
        return None if self.groups is None else self.groups[self.rows]


def _around_borders(fold_of: Rows, most: int) -> Rows:
    """All rows if they are no more than ``most``; else stretches of equal length around a few borders between folds."""
    count = len(fold_of)
    if count <= most:
        return np.arange(count, dtype=np.int64)
    borders = np.flatnonzero(np.diff(fold_of)) + 1
    if not len(borders):
        return np.arange(most, dtype=np.int64)
    picked = borders[np.unique(np.linspace(0, len(borders) - 1, min(_BORDERS, len(borders))).astype(int))]
    half = most // len(picked) // 2
    starts = np.clip(picked - half, 0, count - 2 * half)
    return np.unique(np.concatenate([np.arange(s, s + 2 * half) for s in starts])).astype(np.int64)


def of_rows(split: Split, rows: Rows, samples: int) -> Split:
    """The split of some rows, which are then numbered from 0; folds left with fewer than three rows go."""
    if len(rows) == samples:
        return split
    place = np.full(samples, -1, np.int64)
    place[rows] = np.arange(len(rows))
    folds = tuple(Fold(*(place[part][place[part] >= 0] for part in fold)) for fold in split.folds)
    folds = tuple(f for f in folds if len(f.test) > 2 and len(f.train) > 2)
    groups = None if split.groups is None else split.groups[rows]
    return replace(split, folds=folds, groups=groups)


def _some_folds(split: Split) -> Split:
    """At most `MOST_FOLDS` of the folds, evenly spaced; rows of the others are then held out by none."""
    picked = np.unique(np.linspace(0, len(split.folds) - 1, min(MOST_FOLDS, len(split.folds))).round().astype(int))
    return replace(split, folds=tuple(split.folds[k] for k in picked))


def _some(units: NDArray[np.integer[Any]], most: int) -> NDArray[np.int64]:
    """At most ``most`` of the units, evenly spaced, so that every subject of a region is among them."""
    picked = np.unique(np.linspace(0, len(units) - 1, min(most, len(units))).round().astype(int))
    return np.asarray(units[picked], np.int64)


def _scaled(values: Array) -> Array:
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64) / count
    centred = np.where(known, values - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    return np.asarray(np.where(known, centred / np.where(spread > 0, spread, 1.0), np.nan), np.float32)
