"""Gain: how much of the variance one prediction explains beyond another, and its redraws.

Like r, a gain of fitted maps on other stimuli follows from sums over blocks (`gyral.scores.blocks`): here of squared
errors. Both predictions are weighed by the same draw of blocks, so that the interval is that of a paired difference.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows, Split
from gyral.scores.blocks import each_fold
from gyral.scores.conditional import Redraws, redraws_of
from gyral.scores.resampling import DRAWS, MEMORY

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Errors:
    """Squared errors of several predictions, added over blocks.

    Parameters
    ----------
    sums : array, blocks x predictions x units
        Against held-out responses; the first is that of each fold's training mean. A response that is missing, or
        a unit that one of the predictions does not cover, counts for none of them.
    """

    sums: Floats

    def r2(self, number: int) -> Floats:
        """Out-of-sample R2 of a prediction (from 1), one a unit, pooled over folds; NaN where nothing varies."""
        return self.gain(0, number)

    def gain(self, without: int, of: int) -> Floats:
        """R2 of one prediction less that of another; ``without`` 0 is the training mean, whose R2 is 0."""
        return np.asarray(self._gain(np.ones((1, len(self.sums))), without, of)[0])

    def redraws(
        self,
        without: int,
        of: int,
        parts: Sequence[NDArray[np.integer[Any]]],
        *,
        draws: int = DRAWS,
        seed: int = 0,
        memory: int = MEMORY,
    ) -> Redraws:
        """Redraws of the median gain of each part (units of a subject), as those of a score
        (`gyral.scores.conditional.redraws`)."""
        blocks, _, units = self.sums.shape
        return redraws_of(
            lambda w: self._gain(w, without, of), blocks, units, parts, draws=draws, seed=seed, memory=memory
        )

    def _gain(self, weights: NDArray[np.number[Any]], without: int, of: int) -> Floats:
        w = weights.astype(np.float64)
        total = w @ self.sums[:, 0]
        less = w @ (self.sums[:, without] - self.sums[:, of])
        return np.where(total > 0, less / np.where(total > 0, total, 1.0), np.nan)


def block_errors(
    measured: Array,
    predictions: Sequence[Array],
    split: Split,
    rows: Sequence[Rows],
    fold_of: NDArray[np.int64],
) -> Errors:
    """Squared errors of predictions over blocks.

    Parameters
    ----------
    measured : array, samples x units
        NaN masks a sample for that unit.
    predictions : sequence of array, samples x units
        Out-of-fold.
    split : Split
        Whose training means are the reference.
    rows, fold_of
        From `gyral.scores.region.score_blocks`.
    """
    out = np.zeros((len(rows), 1 + len(predictions), measured.shape[1]))
    held_out = split.held_out
    whole = np.ones(measured.shape[1], bool)
    for p in predictions:
        whole &= ~(~np.isfinite(p[held_out]) & np.isfinite(measured[held_out])).any(axis=0)
    for (members, here, starts), fold in zip(each_fold(rows, fold_of), _folds(split, fold_of), strict=True):
        y = measured[here].astype(np.float64)
        known = np.isfinite(y) & whole
        mean = _mean(measured[fold])
        for k, p in enumerate((np.broadcast_to(mean, y.shape), *(q[here] for q in predictions))):
            errors = np.where(known, y - p, 0.0) ** 2
            out[members, k] = np.add.reduceat(errors, starts, axis=0)
    return Errors(out)


def _folds(split: Split, fold_of: NDArray[np.int64]) -> Iterator[Rows]:
    return (split.folds[k].train for k in np.unique(fold_of))


def _mean(values: Array) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
