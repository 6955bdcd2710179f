"""Repeats: the noise ceiling that single presentations of the same stimuli allow (``ncsnr``), in r2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows
from gyral.errors import BadArrays
from gyral.scores.blocks import each_fold

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
_LEVEL = 0.95


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

    Bounds are those of a one-way analysis of variance, ``1 - F.95(d1, d2) / F`` with
    ``F = var_i(mean_i) / (noise * mean(1/n))``. With balanced repeats they are exact for normal signal and noise:
    d1 = I - folds, d2 = I (n - 1). With mixed repeats the numerator is a sum of unequal variances and d1 is
    Satterthwaite's, ``tr(A)^2 / tr(A^2)`` of ``A = centring x diag(v_i)``: for the one-sided bound with
    v_i = 1/n_i, without signal, which is where it decides whether a unit may be ceiled; for the interval with
    v_i = signal / noise + 1/n_i.

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
    every = np.concatenate(folds)
    fold_of = np.repeat(np.arange(len(folds)), [len(f) for f in folds])
    counts = np.isfinite(repeats[every]).sum(axis=1)  # samples x units
    out = np.full((4, repeats.shape[2]), np.nan)
    # Units share the pattern of missing repeats almost always: one pass a pattern keeps this vectorised.
    patterns, which = np.unique(counts, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        units = np.flatnonzero(which.ravel() == k)
        out[:, units] = _one_pattern(np.asarray(repeats[every][:, :, units], np.float64), pattern, fold_of)
    return Reliability("ncsnr", *out)


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
        sums = np.zeros((6, len(weights), len(units)))
        for members, rows, starts in each_fold(blocks, fold_of):
            terms = noise_terms(np.asarray(self.repeats[rows][:, :, units], np.float64))
            n, y, yy, within, extra, inv = np.moveaxis(
                np.tensordot(weights[:, members], np.add.reduceat(terms, starts, axis=0), axes=1), 1, 0
            )
            squares = yy - y * y / np.maximum(n, 1)
            sums += np.stack([squares, np.maximum(n - 1, 0), within, extra, inv, n])
        return pooled_ceiling(*sums)


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


def pooled_ceiling(ss: Any, degrees: Any, within: Any, spare: Any, inverse: Any, count: Any) -> Floats:
    """``max(0, 1 - noise mean(1/n) / variance)`` from sums over folds; NaN where undefined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        total = ss / degrees
        own = within / spare * inverse / count
        return np.asarray(
            np.where((degrees > 0) & (spare > 0) & (total > 0), np.maximum(0.0, 1 - own / total), np.nan)
        )


def require_repeats(repeats: Array) -> None:
    """Refuse what is not samples x repeats x units."""
    if repeats.ndim != 3:
        raise BadArrays(
            f"repeats must be samples x repeats x units, not {repeats.ndim} axes {repeats.shape!r}.",
            where="repeats",
        )


def _one_pattern(data: Floats, counts: NDArray[np.int64], fold_of: NDArray[np.int64]) -> Floats:
    """Ceiling, lower bound, low and high of units whose stimuli all have the given numbers of repeats: 4 x units."""
    missing = np.full((4, data.shape[2]), np.nan)
    shown = counts > 0
    data, n, fold_of = data[shown], counts[shown].astype(np.float64), fold_of[shown]
    folds = [np.flatnonzero(fold_of == f) for f in np.unique(fold_of)]
    spare, degrees = (n - 1).sum(), len(n) - len(folds)
    if degrees < 1 or spare < 1:
        return missing
    means = np.nanmean(data, axis=1)  # samples x units
    within = np.nansum((data - means[:, None]) ** 2, axis=(0, 1))
    inverse = (1 / n).mean()
    noise = within / spare
    total = sum(((means[f] - means[f].mean(axis=0)) ** 2).sum(axis=0) for f in folds) / degrees
    # A variance that is rounding error of the mean is none: such a unit is constant.
    flat = total + noise * inverse <= (8 * np.finfo(np.float64).eps * np.abs(means).max(axis=0)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ceiling = np.maximum(0.0, 1 - noise * inverse / total)
        ratio = np.where(noise > 0, total / (noise * inverse), np.inf)
        signal = np.where(noise > 0, np.maximum(0.0, total / noise - inverse), 0.0)
    safe = np.maximum(ratio, np.finfo(float).tiny)
    lower = 1 - f_quantile(_degrees(0.0, 1 / n, folds), spare, _LEVEL) / safe
    first = _degrees(signal, 1 / n, folds)
    tail = (1 - _LEVEL) / 2
    low, high = (1 - f_quantile(first, spare, q) / safe for q in (1 - tail, tail))
    return np.where(flat, np.nan, np.stack([ceiling, lower, low, high]))


def _degrees(signal: Any, inverse: Floats, folds: Sequence[NDArray[np.int64]]) -> Any:
    """Satterthwaite's degrees of freedom of the variance, inside folds, of values with variance signal + inverse."""
    trace = squared = 0.0
    for rows in folds:
        count, added, squares = len(rows), inverse[rows].sum(), (inverse[rows] ** 2).sum()
        total = count * signal + added
        trace = trace + total * (1 - 1 / count)
        squared = (
            squared + (count * signal**2 + 2 * signal * added + squares) * (1 - 2 / count) + (total / count) ** 2
        )
    return trace**2 / squared


def f_quantile(first: Any, second: float, probability: float) -> Any:
    """Quantile of Fisher's F."""
    from scipy.special import fdtri  # slow import, and `gyral list` never comes here

    return fdtri(first, second, probability)
