"""Repeats: the noise ceiling that single presentations of the same stimuli allow (``ncsnr``), in r2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows
from gyral.errors import BadArrays
from gyral.scores.agreement import bounds, neighbours
from gyral.scores.blocks import each_fold

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
_LEVEL = 0.95  # one-sided
_AT_ONCE = 1024  # units


def ncsnr(
    repeats: Array,
    rows: NDArray[np.integer[Any]] | Sequence[NDArray[np.integer[Any]]] | None = None,
) -> Reliability:
    r"""Noise ceiling from repeats: signal / (signal + noise * mean(1/n)), in r2 units.

    With :math:`n_i` presentations of stimulus i, variance :math:`s_i^2` within it (ddof 1) and mean
    :math:`\bar y_i`::

        noise  = sum (n_i - 1) s_i^2 / sum (n_i - 1)
        signal = max(0, var_i(mean_i) - noise * mean(1 / n_i))

    The mean of 1/n (not 1 / mean n) is what makes it right when stimuli were repeated unequally often. Of several
    folds, var_i is the variance inside them, pooled by degrees of freedom, since r is computed inside folds.

    The lower bound is that of a one-way analysis of variance, ``1 - F.95(d1, d2) / F`` with
    ``F = var_i(mean_i) / (noise * mean(1/n))``. With balanced repeats it is exact for normal noise: d1 = I - folds,
    d2 = I (n - 1). With mixed repeats the numerator is a sum of unequal variances; d1 is Satterthwaite's,
    ``tr(A)^2 / tr(A^2)`` of ``A = centring x diag(1/n_i)``, taken without signal, which is where the bound decides
    whether a unit may be ceiled. The interval is by t on the jackknife of ``log F`` over 20 blocks of neighbouring
    stimuli, since the signal of neighbours may be alike.

    Parameters
    ----------
    repeats : array, samples x repeats x units
        Single presentations, NaN where one is missing. A whole missing stimulus is left out.
    rows : int array or sequence of int array, optional
        Use these samples only; several arrays are folds.

    Returns
    -------
    Reliability
        Estimator ``ncsnr``; NaN (and NaN bounds) where a unit is constant, or no stimulus was repeated,
        or a single stimulus is left.

    Raises
    ------
    BadArrays
        Not three axes.

    References
    ----------
    Allen et al. (2022) Nature Neuroscience 25, 116-126 (the balanced case).

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> data = draw.normal(size=(500, 1, 100)) + draw.normal(size=(500, 3, 100))
    >>> bool(abs(np.median(ncsnr(data).noise_ceiling) - 0.75) < 0.01)
    True
    """
    require_repeats(repeats)
    if rows is None:
        folds: list[Rows] = [np.arange(len(repeats))]
    else:
        folds = [np.asarray(rows)] if isinstance(rows, np.ndarray) else [np.asarray(r) for r in rows]
    parts = [
        _some(np.asarray(repeats[:, :, first : first + _AT_ONCE], np.float64), folds)
        for first in range(0, repeats.shape[2], _AT_ONCE)
    ]
    return Reliability("ncsnr", *np.concatenate(parts, axis=1))


def ceiling_of_ncsnr(ncsnr: Array, repeats: Sequence[int] | NDArray[np.integer[Any]]) -> Floats:
    """Noise ceiling in r2 from a published ncsnr (signal sd / noise sd) and the repeats of the tested stimuli.

    ``ncsnr^2 / (ncsnr^2 + mean(1/n))``.

    >>> ceiling_of_ncsnr(np.array([0.5]), [3]).round(3).tolist(), ceiling_of_ncsnr(np.array([0.4]), [1, 2, 3]).round(3).tolist()
    ([0.429], [0.207])
    """
    square = np.square(np.asarray(ncsnr, np.float64))
    return np.asarray(square / (square + (1 / np.asarray(repeats, np.float64)).mean()))


@dataclass(frozen=True, eq=False)
class Repeats:
    """Evidence for a ceiling (`gyral.scores.ceiling.Evidence`): single presentations.

    Parameters
    ----------
    repeats : array, samples x repeats x units
        NaN where one is missing.
    """

    repeats: Array
    kind = "ncsnr"

    def __post_init__(self) -> None:
        require_repeats(self.repeats)

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.repeats.shape[2])

    def training(self, folds: Sequence[Rows], fold: int, train: Rows) -> list[Rows]:
        """Training rows, as they are."""
        return [train]

    def reliability(self, folds: Sequence[Rows], units: NDArray[np.integer[Any]]) -> Reliability:
        """`ncsnr` of some units."""
        return ncsnr(self.repeats[:, :, units], folds)

    def under(
        self, blocks: Sequence[Rows], fold_of: NDArray[np.int64], weights: Array, units: NDArray[np.integer[Any]]
    ) -> Floats:
        """Noise ceilings with blocks of rows counted as often as ``weights`` says: weightings x units."""
        starts = range(0, len(units), _AT_ONCE)
        parts = [np.asarray(self.repeats[:, :, units[k : k + _AT_ONCE]], np.float64) for k in starts]
        return np.concatenate(
            [np.maximum(0.0, 1 - _noise_share(p, blocks, fold_of, weights)) for p in parts], axis=1
        )


def _noise_share(repeats: Floats, blocks: Sequence[Rows], fold_of: NDArray[np.int64], weights: Array) -> Floats:
    """1 / F under each weighting of blocks: weightings x units."""
    sums = np.zeros((6, len(weights), repeats.shape[2]))
    for members, rows, starts in each_fold(blocks, fold_of):
        terms = noise_terms(repeats[rows])
        n, y, yy, within, extra, inv = np.moveaxis(
            np.tensordot(weights[:, members], np.add.reduceat(terms, starts, axis=0), axes=1), 1, 0
        )
        squares = yy - y * y / np.maximum(n, 1)
        sums += np.stack([squares, np.maximum(n - 1, 0), within, extra, inv, n])
    return pooled_noise(*sums)


def noise_terms(repeats: Array) -> Floats:
    """Of each stimulus: count (0 or 1), mean, its square (centred over stimuli), squares within, repeats - 1, 1/n."""
    there = np.isfinite(repeats)
    count = there.sum(axis=1).astype(np.float64)
    single = np.where(there, repeats, 0.0)
    shown = count > 0
    means = single.sum(axis=1) / np.maximum(count, 1)
    middle = (means * shown).sum(axis=0) / np.maximum(shown.sum(axis=0), 1)
    within = np.where(there, single - means[:, None], 0.0) ** 2
    y = np.where(shown, means - middle, 0.0)
    inverse = np.where(shown, 1 / np.maximum(count, 1), 0.0)
    return np.stack([shown, y, y * y, within.sum(axis=1), np.maximum(count - 1, 0), inverse], axis=1)


def pooled_noise(ss: Any, degrees: Any, within: Any, spare: Any, inverse: Any, count: Any) -> Floats:
    """``noise mean(1/n) / variance`` from sums over folds, the share that is no signal; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = ss / degrees
        own = within / spare * inverse / count
        return np.asarray(np.where((degrees > 0) & (spare > 0) & (total > 0), own / total, np.nan))


def require_repeats(repeats: Array) -> None:
    """Refuse what is not samples x repeats x units."""
    if repeats.ndim != 3:
        raise BadArrays(
            f"repeats must be samples x repeats x units, not {repeats.ndim} axes {repeats.shape!r}.",
            where="repeats",
        )


def _some(data: Floats, folds: Sequence[Rows]) -> Floats:
    """Ceiling, lower bound, low and high of some units: 4 x units."""
    every = np.concatenate(list(folds))
    fold_of = np.repeat(np.arange(len(folds)), [len(f) for f in folds])
    counts = np.isfinite(data[every]).sum(axis=1)  # samples x units
    out = np.full((4, data.shape[2]), np.nan)
    # Units share the pattern of missing repeats almost always: one pass a pattern keeps this vectorised.
    patterns, which = np.unique(counts, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        units = np.flatnonzero(which.ravel() == k)
        out[:2, units] = _one_pattern(data[every][:, :, units], pattern, fold_of)
    blocks, block_fold = neighbours(folds)
    count = len(blocks)
    shares = _noise_share(data, blocks, block_fold, np.concatenate([np.ones((1, count)), 1 - np.eye(count)]))
    out[2:] = np.where(
        np.isnan(out[0]), np.nan, bounds(1 - shares[0], 1 - shares[1:], (0.025, 0.975), bounded=True)
    )
    return out


def _one_pattern(data: Floats, counts: NDArray[np.int64], fold_of: NDArray[np.int64]) -> Floats:
    """Ceiling and lower bound of units whose stimuli all have the given numbers of repeats: 2 x units."""
    missing = np.full((2, data.shape[2]), np.nan)
    shown = counts > 0
    data, n, fold_of = data[shown], counts[shown].astype(np.float64), fold_of[shown]
    folds = [np.flatnonzero(fold_of == f) for f in np.unique(fold_of)]
    spare, degrees = (n - 1).sum(), len(n) - len(folds)
    if degrees < 1 or spare < 1:
        return missing
    means = np.nanmean(data, axis=1)  # samples x units
    within = np.nansum((data - means[:, None]) ** 2, axis=(0, 1))
    noise = within / spare * (1 / n).mean()
    total = sum(((means[f] - means[f].mean(axis=0)) ** 2).sum(axis=0) for f in folds) / degrees
    # A variance that is rounding error of the mean is none: such a unit is constant.
    flat = total + noise <= (8 * np.finfo(np.float64).eps * np.abs(means).max(axis=0)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ceiling = np.maximum(0.0, 1 - noise / total)
        ratio = np.where(noise > 0, total / noise, np.inf)
    lower = 1 - _f_quantile(_degrees(1 / n, folds), spare) / np.maximum(ratio, np.finfo(float).tiny)
    return np.where(flat, np.nan, np.stack([ceiling, lower]))


def _degrees(variances: Floats, folds: Sequence[NDArray[np.int64]]) -> float:
    """Satterthwaite's degrees of freedom of the variance, inside folds, of independent values with these variances."""
    trace = squared = 0.0
    for rows in folds:
        v, count = variances[rows], len(rows)
        total = v.sum()
        trace += total * (1 - 1 / count)
        squared += (v**2).sum() * (1 - 2 / count) + (total / count) ** 2
    return float(trace**2 / squared)


def _f_quantile(first: float, second: float) -> float:
    from scipy.special import fdtri  # slow import, and `gyral list` never comes here

    return float(fdtri(first, second, _LEVEL))
