"""Agreement: correlations between series of the same stimuli (halves, subjects, predictions), and ceilings made of them.

All such ceilings are functions of mean correlations inside folds. Sums over blocks of rows give them for any
weighting of the blocks at once: the estimate, its jackknife, and redraws of stimuli.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows
from gyral.scores.blocks import each_fold
from gyral.scores.confidence import t_quantile

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Pair = tuple[int, int]
Columns = NDArray[np.integer[Any]]
# An array, samples x units, or what gives the same for some rows and columns.
Series = Array | Callable[[Rows, Columns], Array]

# Blocks of neighbouring rows that the jackknife of single units leaves out: long ones, for rows may be ordered.
_LEFT_OUT = 20
_LEAST_ROWS = 4
_MEMORY = 1 << 27
# A variance below this share of the mean square is rounding error of a constant.
_FLAT = (8 * np.finfo(np.float32).eps) ** 2


@dataclass(frozen=True, eq=False)
class Agreement:
    """Evidence for a ceiling (`gyral.scores.ceiling.Evidence`): correlations of pairs of series.

    Parameters
    ----------
    kind : str
        Name of the estimator.
    series : sequence of array, samples x units, or of function of rows and columns
        NaN masks a sample of that series; a pair uses samples that both have.
    width : int
        Units of a series.
    pairs : sequence of (int, int)
        Which series are correlated.
    combine : function
        Of mean correlations (pairs x weightings x columns), rows and columns: noise ceilings in r2 (weightings x
        columns; with ``owners``, weightings x owners x columns).
    owners : int
        How many subjects share the units of the series; their ceilings stand side by side, subject after subject.
    bounded : bool
        True where a ceiling is at most 1 and 1 - exp(-2 z) of something that spreads evenly, as stepped-up
        correlations are: bounds are then made for z.
    out_of_fold : bool
        True where the second of a pair is a prediction of held-out rows: a constant one says nothing (r = 0), and
        what "training" says is what other folds say.
    """

    kind: str
    series: Sequence[Series]
    width: int
    pairs: Sequence[Pair]
    combine: Callable[[Floats, Rows, Columns], Floats]
    owners: int = 1
    bounded: bool = True
    out_of_fold: bool = False

    @property
    def units(self) -> int:
        """Number of ceilings."""
        return self.width * self.owners

    def training(self, folds: Sequence[Rows], fold: int, train: Rows) -> list[Rows]:
        """What decides whether a fold admits a unit: its training rows, or the other folds' held-out ones."""
        return [f for k, f in enumerate(folds) if k != fold] if self.out_of_fold else [train]

    def reliability(self, folds: Sequence[Rows], units: NDArray[np.integer[Any]] | None = None) -> Reliability:
        """Ceilings of some units, with bounds by leaving blocks of neighbouring rows out (t, blocks - 1)."""
        chosen = np.arange(self.units) if units is None else units
        blocks, fold_of = neighbours(folds)
        count = len(blocks)
        weights = np.concatenate([np.ones((1, count)), 1 - np.eye(count)])
        found = self.under(blocks, fold_of, weights, chosen)
        ends = bounds(found[0], found[1:], (0.05, 0.025, 0.975), bounded=self.bounded)
        return Reliability(self.kind, found[0], *ends)

    def under(
        self, blocks: Sequence[Rows], fold_of: NDArray[np.int64], weights: Array, units: NDArray[np.integer[Any]]
    ) -> Floats:
        """Noise ceilings with blocks of rows counted as often as ``weights`` says: weightings x units."""
        columns, position = np.unique(np.asarray(units) % self.width, return_inverse=True)
        rows = np.concatenate(list(blocks))
        out = np.empty((len(weights), self.owners, len(columns)))
        step = max(1, _MEMORY // (8 * len(weights) * (len(self.pairs) + 12)))
        for first in range(0, len(columns), step):
            here = columns[first : first + step]
            found = self.combine(self._correlations(blocks, fold_of, weights, here), rows, here)
            out[:, :, first : first + step] = found.reshape(len(weights), self.owners, -1)
        return np.asarray(out[:, np.asarray(units) // self.width, position.ravel()])

    def _correlations(
        self, blocks: Sequence[Rows], fold_of: NDArray[np.int64], weights: Array, columns: Columns
    ) -> Floats:
        """Pairs x weightings x columns: mean over folds by the rows weighed in; NaN where undefined in a fold."""
        shape = (len(self.pairs), len(weights), len(columns))
        total, known = np.zeros(shape), np.zeros(shape)
        for members, rows, starts in each_fold(blocks, fold_of):
            w = weights[:, members].astype(np.float64)
            own = [_Scaled(self._take(s, rows, columns), starts, w) for s in self.series]
            weighed = (w @ np.diff(np.append(starts, len(rows))))[:, None]
            for k, (a, b) in enumerate(self.pairs):
                r = _correlation(own[a], own[b], starts, w, 0.0 if self.out_of_fold else np.nan)
                # A draw that leaves a fold out, or a unit constant in it, is averaged over the other folds.
                fine = np.isfinite(r) & (weighed > 0)
                total[k] += np.where(fine, weighed * r, 0.0)
                known[k] += np.where(fine, weighed, 0.0)
        return np.where(known > 0, total / np.where(known > 0, known, 1.0), np.nan)

    @staticmethod
    def _take(series: Series, rows: Rows, columns: Columns) -> Array:
        return series(rows, columns) if callable(series) else np.asarray(series[rows])[:, columns]


def neighbours(folds: Sequence[Rows]) -> tuple[list[Rows], NDArray[np.int64]]:
    """About 20 blocks of neighbouring rows, shared out to folds by their rows, and the fold of each."""
    total = sum(len(f) for f in folds)
    least = 2 if len(folds) == 1 else 1
    counts = [max(least, min(round(_LEFT_OUT * len(f) / total), len(f) // 2)) for f in folds]
    blocks = [part for f, n in zip(folds, counts, strict=True) for part in np.array_split(np.asarray(f), n)]
    return blocks, np.repeat(np.arange(len(folds)), counts)


def bounds(estimate: Floats, left_out: Floats, levels: Sequence[float], *, bounded: bool) -> Floats:
    """Bounds of ceilings by t on the jackknife (blocks - 1), at some probabilities: levels x units.

    Parameters
    ----------
    estimate : array, units
    left_out : array, blocks x units
        Estimates with each block left out.
    levels : sequence of float
        Probabilities: .025 and .975 are a 95 % interval.
    bounded : bool
        Whether the jackknife is of ``-log(1 - NC) / 2`` instead of NC (`Agreement`).
    """

    def forward(v: Floats) -> Floats:
        return -0.5 * np.log(np.maximum(1 - v, 1e-12)) if bounded else v

    count, known = len(left_out), np.isfinite(left_out)
    values = forward(np.where(known, left_out, 0.0))
    n = known.sum(axis=0)
    some = np.maximum(n, 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / some
    spread = np.sqrt((some - 1) / some * np.where(known, (values - mean) ** 2, 0.0).sum(axis=0))
    ends = np.stack([forward(estimate) + t_quantile(q, count - 1) * spread for q in levels])
    return np.where(n > count // 2, 1 - np.exp(-2 * ends) if bounded else ends, np.nan)


def spearman_brown(r: Array, factor: Array | float = 2.0) -> Floats:
    """Reliability of ``factor`` times as many measurements: ``k r / (1 + (k - 1) r)``.

    >>> float(spearman_brown(np.array(0.5)).round(3))
    0.667
    """
    return np.asarray(factor * r / (1 + (factor - 1) * r))


class _Scaled:
    """A series, centred and scaled in its fold (0 where missing or constant), with its weighed sums."""

    def __init__(self, values: Array, starts: NDArray[np.int64], weights: Floats) -> None:
        self.there = np.isfinite(values)
        count = np.maximum(self.there.sum(axis=0), 1)
        v = np.where(self.there, values, 0.0).astype(np.float64)
        mean = v.sum(axis=0) / count
        centred = np.where(self.there, v - mean, 0.0)
        variance = (centred**2).sum(axis=0) / count
        flat = variance <= _FLAT * (mean**2 + variance)
        self.values = np.where(flat, 0.0, centred / np.sqrt(np.where(flat | (variance <= 0), 1.0, variance)))
        self.whole = bool(self.there.all())
        self.sum, self.square = (_weighed(v, starts, weights) for v in (self.values, self.values**2))


def _weighed(values: Floats, starts: NDArray[np.int64], weights: Floats) -> Floats:
    """Sums over rows, each block counted as often as its weight says: weightings x units."""
    return weights @ np.add.reduceat(values, starts, axis=0)


def _correlation(a: _Scaled, b: _Scaled, starts: NDArray[np.int64], weights: Floats, silent: float) -> Floats:
    """Pearson r under each weighting; NaN where the first is constant, ``silent`` where only the second is."""
    x, y = a.values, b.values
    if a.whole and b.whole:
        n = weights @ np.diff(np.append(starts, len(x)))[:, None].astype(np.float64)
        sx, xx, sy, yy = a.sum, a.square, b.sum, b.square
    else:
        both = a.there & b.there
        x, y = np.where(both, x, 0.0), np.where(both, y, 0.0)
        n, sx, xx, sy, yy = (_weighed(v, starts, weights) for v in (both.astype(np.float64), x, x * x, y, y * y))
    xy = _weighed(x * y, starts, weights)
    vx, vy = n * xx - sx * sx, n * yy - sy * sy
    said, known = vy > 1e-9 * n * yy, (n >= _LEAST_ROWS) & (vx > 1e-9 * n * xx)
    safe = np.where(known & said, np.sqrt(np.abs(vx)) * np.sqrt(np.abs(vy)), 1.0)
    r = np.where(said, np.clip((n * xy - sx * sy) / safe, -1.0, 1.0), silent)
    return np.where(known, r, np.nan)
