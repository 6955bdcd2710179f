"""Constant: correlation of responses with a prediction while other predictions are held constant, and its redraws.

In each fold, of responses y, the prediction p and those held constant, all over held-out rows, with C their covariances::

    partial = c(y, p) / sqrt(c(y, y) c(p, p)),   c(a, b) = C_ab - C_aG C_GG^-1 C_Gb

the correlation of what a regression on G leaves of y with what it leaves of p; mean over folds weighted by rows, as r is. It
follows from sums over blocks as r does (`gyral.scores.blocks`), and so do its redraws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows, Split
from gyral.scores.blocks import FLAT_PREDICTED, each_fold, standardised
from gyral.scores.conditional import Redraws, redraws_of

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Share of a variance that is rounding of float32.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class PartialSums:
    """Sums over blocks of held-out rows.

    Parameters
    ----------
    sums : array, blocks x entries x units
        Of values standardised in their fold: the upper triangle, row by row, of the products of 1, y, p and each that
        is held constant.
    fold_of : int array, blocks
        Outer fold that held the block out.
    rows : int array, blocks
    """

    sums: Floats
    fold_of: NDArray[np.int64]
    rows: NDArray[np.int64]

    def partial(self, weights: NDArray[np.number[Any]]) -> Floats:
        """Partial correlation of each unit under each weighting of blocks: weightings x units.

        NaN where responses are constant in every fold, 0 where nothing is left of the prediction.
        """
        total = np.zeros((len(weights), self.sums.shape[2]))
        summed = total.copy()
        for fold in np.unique(self.fold_of):
            here = self.fold_of == fold
            w = weights[:, here].astype(np.float64)
            rows = (w @ self.rows[here])[:, None]
            flat = self.sums[here].reshape(len(w[0]), -1)
            found = _partial((w @ flat).reshape(len(w), *self.sums.shape[1:]).swapaxes(0, 1))
            known = np.isfinite(found) & (rows > 0)
            total += np.where(known, rows, 0.0)
            summed += np.where(known, rows * found, 0.0)
        return np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan)

    def redraws(self, parts: Sequence[NDArray[np.integer[Any]]], *, seed: int = 0) -> Redraws:
        """Redraws of the median of each part (units of a subject), as those of a score."""
        return redraws_of(self.partial, len(self.sums), self.sums.shape[2], parts, seed=seed)


def partial_sums(
    measured: Array,
    predicted: Array,
    constant: Sequence[Array],
    blocks: Sequence[Rows],
    fold_of: NDArray[np.int64],
) -> PartialSums:
    """Sums over blocks.

    Parameters
    ----------
    measured : array, samples x units
        NaN masks a sample for that unit.
    predicted : array, samples x units
        Out-of-fold predictions that are asked about.
    constant : sequence of array, samples x units
        Out-of-fold predictions to be held constant. A unit that one of all these does not cover has no value.
    blocks, fold_of
        From `gyral.scores.region.score_blocks`.
    """
    held_out = np.concatenate(list(blocks))
    lacking = ~np.isfinite(np.stack([v[held_out] for v in (predicted, *constant)])).all(axis=0)
    whole = ~(lacking & np.isfinite(measured[held_out])).any(axis=0)
    first, second = np.triu_indices(3 + len(constant))
    out = np.zeros((len(blocks), len(first), measured.shape[1]))
    for members, rows, starts in each_fold(blocks, fold_of):
        y = np.asarray(measured[rows], np.float64)
        present = np.isfinite(y) & whole
        told = [np.asarray(v[rows], np.float64) for v in (predicted, *constant)]
        values = [present.astype(np.float64), standardised(y, present)]
        values += [standardised(v, present, FLAT_PREDICTED) for v in told]
        for k, (i, j) in enumerate(zip(first, second, strict=True)):
            out[members, k] = np.add.reduceat(values[i] * values[j], starts, axis=0)
    return PartialSums(out, fold_of, np.array([len(b) for b in blocks], np.int64))


def residuals(measured: Array, predicted: Array, constant: Sequence[Array], split: Split) -> tuple[Array, Array]:
    """What those held constant say of responses in each fold, and that with what they leave of the prediction.

    Responses less the first are what is left of them; the second less the first what is left of the prediction.
    """
    without = np.full(measured.shape, np.nan)
    more = without.copy()
    for fold in split.folds:
        every = np.stack([np.asarray(v[fold.test], np.float64) for v in (measured, predicted, *constant)])
        known = np.isfinite(every).all(axis=0)
        count = np.maximum(known.sum(axis=0), 1)
        every = np.where(known, every - np.where(known, every, 0.0).sum(axis=1)[:, None] / count, 0.0)
        y, p = every[0].copy(), every[1].copy()
        held = list(every[2:])
        while held:
            g = held.pop()
            square = (g * g).sum(axis=0)
            unit = np.where(square > 0, g / np.where(square > 0, square, 1.0), 0.0)
            y, p = (v - (v * unit).sum(axis=0) * g for v in (y, p))
            held = [h - (h * unit).sum(axis=0) * g for h in held]
        without[fold.test] = np.where(known, every[0] - y, np.nan)
        more[fold.test] = without[fold.test] + p
    return without, more


def _partial(sums: Floats) -> Floats:
    """Entries x weightings x units -> weightings x units."""
    size = round((np.sqrt(8 * len(sums) + 1) - 1) / 2)
    table = np.zeros((size, size, *sums.shape[1:]))
    first, second = np.triu_indices(size)
    table[first, second] = table[second, first] = sums
    some = np.maximum(table[0, 0], 1)
    mean = table[0, 1:] / some
    left = table[1:, 1:] / some - mean[:, None] * mean[None]
    before = left[1, 1].copy()
    for k in range(2, size - 1):  # one after the other is taken out of all that are left (Schur complement)
        pivot = left[k, k]
        flat = pivot <= _ROUNDING
        share = np.where(flat, 0.0, left[k] / np.where(flat, 1.0, pivot))
        left = left - left[:, k][:, None] * share[None]
    nothing = left[1, 1] <= _ROUNDING * np.maximum(before, _ROUNDING)
    none = (left[0, 0] <= _ROUNDING) | (table[0, 0] < size)
    scale = np.sqrt(np.where(nothing | none, 1.0, left[0, 0] * left[1, 1]))
    found = np.where(nothing, 0.0, np.clip(left[0, 1] / scale, -1.0, 1.0))
    return np.asarray(np.where(none, np.nan, found))
