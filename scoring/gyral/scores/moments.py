"""Moments: sufficient statistics of predictions per block of stimuli, where predictions are too many to keep.

Correlations, their bootstrap over blocks and differences between models on the same blocks follow from
sums alone, so intervals and ranks can be recomputed without rescoring.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Split

Array = NDArray[np.floating[Any]]

# Order of the third axis.
SUMS = ("n", "y", "p", "yy", "pp", "yp")

BLOCKS_PER_FOLD = 20


def blocks_of(split: Split, per_fold: int = BLOCKS_PER_FOLD) -> list[NDArray[np.int64]]:
    """Held-out rows in blocks of neighbours (whole groups where the split has groups), fold after fold."""
    out: list[NDArray[np.int64]] = []
    for fold in split.folds:
        if split.groups is None:
            out += np.array_split(fold.test, min(per_fold, len(fold.test)))
            continue
        names = np.unique(split.groups[fold.test])
        for part in np.array_split(names, min(per_fold, len(names))):
            out.append(fold.test[np.isin(split.groups[fold.test], part)])
    return out


def moments(measured: Array, predicted: Array, split: Split) -> NDArray[np.float64]:
    """Sums per block: draws x blocks x 6 x units, float64, in the order of `SUMS`.

    Parameters
    ----------
    measured : array, samples x units
        NaN masks a sample.
    predicted : array, draws x samples x units
    split : Split
    """
    rows = blocks_of(split)
    out = np.zeros((len(predicted), len(rows), len(SUMS), measured.shape[1]))
    for b, block in enumerate(rows):
        y = measured[block].astype(np.float64)
        present = np.isfinite(y)
        y = np.where(present, y, 0.0)
        for d, draw in enumerate(predicted):
            p = np.where(present, draw[block].astype(np.float64), 0.0)
            out[d, b] = [present.sum(0), y.sum(0), p.sum(0), (y * y).sum(0), (p * p).sum(0), (y * p).sum(0)]
    return out


def r_of(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson r of each unit from sums added over blocks: ... x 6 x units -> ... x units."""
    n, y, p, yy, pp, yp = np.moveaxis(sums, -2, 0)
    vy, vp = n * yy - y * y, n * pp - p * p
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where((vy > 0) & (vp > 0), (n * yp - y * p) / np.sqrt(vy * vp), np.nan))
