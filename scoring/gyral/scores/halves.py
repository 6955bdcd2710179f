"""Halves: random halves of the repeats of each stimulus, correlated and stepped up by Spearman-Brown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows
from gyral.scores.agreement import Agreement, Columns, spearman_brown
from gyral.scores.repeats import require_repeats

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


def split_half(repeats: Array, seed: int, rows: Rows | None = None, *, splits: int = 20) -> Reliability:
    """Correlation of two random halves of the repeats, stepped up by Spearman-Brown; in r2 units.

    Each half holds ``m_i = n_i // 2`` repeats (with an odd number one is left out of that draw), and the
    correlation r, its mean over ``splits`` draws, is stepped up to all repeats by ``k r / (1 + (k - 1) r)``,
    k = mean(1/m_i) / mean(1/n_i). With balanced even repeats that is the usual 2r / (1 + r).

    Bounds are by t on the jackknife over 20 blocks of neighbouring stimuli, of ``-log(1 - NC) / 2``, which is
    Fisher's z of the correlation where halves hold all repeats.

    Parameters
    ----------
    repeats : array, samples x repeats x units
        NaN where a repeat is missing; stimuli with fewer than two repeats are left out.
    seed : int
        Seed of the random halves.
    rows : int array, optional
        Use these samples only.
    splits : int
        Number of random draws.

    Returns
    -------
    Reliability
        Estimator ``split-half``; NaN where fewer than four stimuli have repeats or a half is constant.
        Negative where halves are anticorrelated: nothing is clipped.
    """
    folds = [np.arange(len(repeats)) if rows is None else np.asarray(rows)]
    return halves(repeats, seed, splits=splits).reliability(folds)


def halves(repeats: Array, seed: int, *, splits: int = 20) -> Agreement:
    """The evidence of `split_half`."""
    require_repeats(repeats)
    draws = np.random.default_rng(seed).random((splits, *repeats.shape[:2]))
    # A draw is made when it is asked for: all of them would take forty times the memory of the responses.
    series = [_Half(repeats, keys, second) for keys in draws for second in (False, True)]

    def combine(r: Floats, rows: Rows, columns: Columns) -> Floats:
        count = np.isfinite(np.asarray(repeats[rows])[:, :, columns]).sum(axis=1)
        small = count // 2
        with np.errstate(divide="ignore", invalid="ignore"):
            half = np.where(small > 0, 1 / np.maximum(small, 1), 0.0).sum(axis=0) / (small > 0).sum(axis=0)
            whole = np.where(count > 0, 1 / np.maximum(count, 1), 0.0).sum(axis=0) / (count > 0).sum(axis=0)
            return spearman_brown(r.mean(axis=0), half / whole)

    pairs = [(2 * d, 2 * d + 1) for d in range(splits)]
    return Agreement("split-half", series, repeats.shape[2], pairs, combine)


def half_means(repeats: Array, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Means over two random halves of the repeats of each stimulus: samples x units, NaN with fewer than two."""
    keys, rows, columns = rng.random(repeats.shape[:2]), np.arange(len(repeats)), np.arange(repeats.shape[2])
    first, second = (_Half(repeats, keys, late)(rows, columns) for late in (False, True))
    return first, second


class _Half:
    """Mean over one random half of the repeats of each stimulus; NaN with fewer than two repeats."""

    def __init__(self, repeats: Array, keys: Floats, second: bool) -> None:
        self.repeats, self.keys, self.second = repeats, keys, second

    def __call__(self, rows: Rows, columns: Columns) -> Floats:
        data = np.asarray(self.repeats[rows])[:, :, columns]
        there = np.isfinite(data)
        if (there == there[:, :, :1]).all():
            there = there[:, :, :1]  # the same repeats are missing in all units: one order serves all
        rank = np.where(there, self.keys[rows][:, :, None], np.inf).argsort(axis=1).argsort(axis=1)
        size = there.sum(axis=1)[:, None] // 2
        mine = (rank >= size) & (rank < 2 * size) if self.second else rank < size
        total = np.where(mine, data, 0.0).sum(axis=1, dtype=np.float64)
        return np.where(size[:, 0] > 0, total / np.maximum(size[:, 0], 1), np.nan)
