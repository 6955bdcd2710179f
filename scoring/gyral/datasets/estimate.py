"""Reliability estimators: how much of a unit's variance any model could explain, in r2 units.

All of them estimate the same quantity, the share of the variance of a *mean* (over repeats or subjects)
that is not noise. It bounds r2; its square root bounds r.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.errors import BadArrays

Floats = NDArray[np.float64]
_UNITS_AT_ONCE = 1024  # bounds the memory of random halves
_CONFIDENCE = 0.95  # one-sided


def ncsnr(
    repeats: NDArray[np.floating[Any]],
    rows: NDArray[np.integer[Any]] | None = None,
) -> Reliability:
    r"""Noise ceiling from repeats: signal / (signal + noise * mean(1/n)), in r2 units.

    With :math:`n_i` presentations of stimulus i, variance :math:`s_i^2` within it (ddof 1) and mean
    :math:`\bar y_i`::

        noise  = sum (n_i - 1) s_i^2 / sum (n_i - 1)
        signal = max(0, var_i(mean_i) - noise * mean(1 / n_i))

    The mean of 1/n (not 1 / mean n) is what makes it right when stimuli were repeated unequally often.

    The lower bound is the one-sided 95 % bound of a one-way analysis of variance, ``1 - F.95(d1, d2) / F``
    with ``F = var_i(mean_i) / (noise * mean(1/n))``. With balanced repeats that is exact for normal noise:
    d1 = I - 1, d2 = I (n - 1). With mixed repeats the numerator is a sum of unequal variances; d1 is
    Satterthwaite's, ``tr(A)^2 / tr(A^2)`` of ``A = centring x diag(1/n_i)``, taken without signal, which is
    where the bound decides whether a unit may be ceiled; with much signal it errs to the safe side.

    Parameters
    ----------
    repeats : array, samples x repeats x units
        Single presentations, NaN where one is missing. A whole missing stimulus is left out.
    rows : int array, optional
        Use these samples only (the held-out rows of one fold).

    Returns
    -------
    Reliability
        Estimator ``ncsnr``; NaN (and a NaN bound) where a unit is constant, or no stimulus was repeated,
        or fewer than two stimuli are left.

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
    data = _three_axes(repeats, rows)
    counts = np.isfinite(data).sum(axis=1)  # samples x units
    ceiling = np.full(data.shape[2], np.nan)
    lower = ceiling.copy()
    # Units share the pattern of missing repeats almost always: one pass a pattern keeps this vectorised.
    patterns, which = np.unique(counts, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        units = np.flatnonzero(which.ravel() == k)
        ceiling[units], lower[units] = _one_pattern(data[:, :, units], pattern)
    return Reliability("ncsnr", ceiling, lower)


def split_half(
    repeats: NDArray[np.floating[Any]],
    seed: int,
    rows: NDArray[np.integer[Any]] | None = None,
    *,
    splits: int = 20,
) -> Reliability:
    """Correlation of two random halves of the repeats, stepped up by Spearman-Brown; in r2 units.

    Each half holds ``m_i = n_i // 2`` repeats (with an odd number one is left out of that draw), and the
    correlation r is stepped up to all repeats by ``k r / (1 + (k - 1) r)``, k = mean(1/m_i) / mean(1/n_i).
    With balanced even repeats that is the usual 2r / (1 + r). It is averaged over ``splits`` draws.

    The lower bound steps up the one-sided Fisher-z bound of the mean r with the number of stimuli; the
    gain of averaging over draws is not counted, so it errs to the safe side.

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
    data = _three_axes(repeats, rows)
    draw = np.random.default_rng(seed)
    ceilings, lowers = [], []
    for start in range(0, data.shape[2], _UNITS_AT_ONCE):
        block = data[:, :, start : start + _UNITS_AT_ONCE]
        correlation, samples, step = _mean_half_correlation(block, draw, splits)
        ceilings.append(_spearman_brown(correlation, step))
        lowers.append(_spearman_brown(_fisher_lower(correlation, samples), step))
    return Reliability("split-half", _joined(ceilings), _joined(lowers))


def loso(
    values: Mapping[str, NDArray[np.floating[Any]]] | Sequence[NDArray[np.floating[Any]]],
    *,
    target: Literal["group", "subject"] = "group",
) -> Reliability:
    """Ceiling from agreement between subjects who share stimuli and units; in r2 units.

    ``group`` bounds the prediction of the mean over subjects: Spearman-Brown, ``n q / (1 + (n - 1) q)``,
    over the n subjects from their mean pairwise correlation q. ``subject`` bounds the prediction of each
    single subject: ISC^2 (signed) over the reliability of the mean of the others, where ISC is the
    correlation with that mean.

    The lower bound is the estimate less t(.95) jackknife standard errors: over subjects for ``group``
    (n - 1 degrees of freedom), over ten contiguous blocks of samples for ``subject`` (blocks, because
    neighbouring samples of a time course are not independent).

    Parameters
    ----------
    values : one array a subject, samples x units
        Same samples, same units, no NaN.
    target : {"group", "subject"}
        What is predicted.

    Returns
    -------
    Reliability
        Estimator ``loso``; one value a unit for ``group``, subjects' units side by side for ``subject``
        (the order of a dataset's unit table). NaN where a subject's unit is constant.

    Raises
    ------
    BadArrays
        Fewer than three subjects, or shapes that differ.
    """
    arrays = list(values.values()) if isinstance(values, Mapping) else list(values)
    if len(arrays) < 3:
        raise BadArrays(f"{len(arrays)} subjects; leaving one out needs at least 3.", where="values")
    if len(shapes := {a.shape for a in arrays}) > 1:
        raise BadArrays(f"subjects must share samples and units; shapes are {sorted(shapes)!r}.", where="values")
    data = np.stack([np.asarray(a, np.float64) for a in arrays])  # subjects x samples x units
    if target == "group":
        estimate = _group_ceiling(data)
        redrawn = [_group_ceiling(np.delete(data, s, axis=0)) for s in range(len(data))]
        return Reliability("loso", estimate, _jackknife_lower(estimate, np.stack(redrawn)))
    estimate = _subject_ceilings(data)
    blocks = np.array_split(np.arange(data.shape[1]), min(10, data.shape[1] // 4))
    redrawn = [_subject_ceilings(np.delete(data, block, axis=1)) for block in blocks]
    return Reliability("loso", estimate, _jackknife_lower(estimate, np.stack(redrawn)))


def _one_pattern(data: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Ceiling and bound of units whose stimuli all have the given numbers of repeats."""
    missing = np.full(data.shape[2], np.nan)
    shown = counts > 0
    data, n = data[shown], counts[shown].astype(np.float64)
    spare = (n - 1).sum()
    if len(n) < 2 or spare < 1:
        return missing, missing
    means = np.nanmean(data, axis=1)  # samples x units
    within = np.nansum((data - means[:, None]) ** 2, axis=(0, 1))
    noise = within / spare * (1 / n).mean()
    total = means.var(axis=0, ddof=1)
    # A variance that is rounding error of the mean is none: such a unit is constant.
    flat = total + noise <= (8 * np.finfo(np.float64).eps * np.abs(means).max(axis=0)) ** 2
    signal = np.maximum(0.0, total - noise)
    with np.errstate(divide="ignore", invalid="ignore"):
        ceiling = np.where(flat, np.nan, signal / (signal + noise))
        ratio = np.where(noise > 0, total / noise, np.inf)
    first = _satterthwaite(1 / n)
    lower = np.where(flat, np.nan, 1 - _f_quantile(first, spare) / np.maximum(ratio, np.finfo(float).tiny))
    return ceiling, lower


def _satterthwaite(variances: Floats) -> float:
    """Degrees of freedom of the variance of independent values with these variances."""
    count, total = len(variances), variances.sum()
    trace = total * (1 - 1 / count)
    squared = (variances**2).sum() * (1 - 2 / count) + (total / count) ** 2
    return float(trace**2 / squared)


def _f_quantile(first: float, second: float) -> float:
    from scipy.special import fdtri  # slow import, and `gyral list` never comes here

    return float(fdtri(first, second, _CONFIDENCE))


def _mean_half_correlation(
    data: Floats, draw: np.random.Generator, splits: int
) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Mean correlation of random halves, number of stimuli, and step-up factor, each per unit."""
    there = np.isfinite(data)
    n = there.sum(axis=1)  # samples x units
    half = n // 2
    used = half > 0
    total = np.zeros(data.shape[2])
    for _ in range(splits):
        # Random order of the repeats of each stimulus, missing ones last; the same for all units.
        keys = np.where(there, draw.random(data.shape[:2])[:, :, None], np.inf)
        rank = keys.argsort(axis=1).argsort(axis=1)
        first = _mean_where(data, rank < half[:, None])
        second = _mean_where(data, (rank >= half[:, None]) & (rank < 2 * half[:, None]))
        total += _correlation(first, second, used)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_half = np.where(used, 1 / np.maximum(half, 1), 0).sum(axis=0) / used.sum(axis=0)
        mean_all = np.where(n > 0, 1 / np.maximum(n, 1), 0).sum(axis=0) / (n > 0).sum(axis=0)
        return total / splits, used.sum(axis=0), mean_half / mean_all


def _mean_where(data: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Mean over repeats of the chosen ones; 0 where none (such stimuli are masked later)."""
    return np.asarray(np.where(chosen, data, 0).sum(axis=1) / np.maximum(chosen.sum(axis=1), 1))


def _correlation(a: Floats, b: Floats, used: NDArray[np.bool_]) -> Floats:
    """Pearson r over the used samples of each unit; NaN with fewer than four or a constant side."""
    count = used.sum(axis=0)
    # Deviations below this are rounding errors of a constant.
    least = count * (8 * np.finfo(np.float64).eps * np.abs(np.where(used, a, 0)).max(axis=0)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.where(used, a - np.where(used, a, 0).sum(axis=0) / count, 0)
        b = np.where(used, b - np.where(used, b, 0).sum(axis=0) / count, 0)
        variances = (a**2).sum(axis=0), (b**2).sum(axis=0)
        r = (a * b).sum(axis=0) / np.sqrt(variances[0] * variances[1])
    defined = (count >= 4) & (variances[0] > least) & (variances[1] > least)
    return np.where(defined, r, np.nan)


def _fisher_lower(r: Floats, samples: NDArray[np.int64]) -> Floats:
    from scipy.special import ndtri  # slow import, and `gyral list` never comes here

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.tanh(np.arctanh(r) - ndtri(_CONFIDENCE) / np.sqrt(np.maximum(samples - 3, 1))))


def _spearman_brown(r: Floats, factor: Floats | float) -> Floats:
    return np.asarray(factor * r / (1 + (factor - 1) * r))


def _pairwise(data: Floats) -> Floats:
    """Mean correlation over pairs of subjects, one a unit."""
    scaled = _standardised(data)
    count, samples = data.shape[:2]
    # The variance of the sum of standard scores holds every pair: no loop over pairs is needed.
    return np.asarray(((scaled.sum(axis=0) ** 2).sum(axis=0) / samples - count) / (count * (count - 1)))


def _standardised(data: Floats) -> Floats:
    centred = data - data.mean(axis=-2, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(centred / centred.std(axis=-2, keepdims=True))


def _group_ceiling(data: Floats) -> Floats:
    return _spearman_brown(_pairwise(data), len(data))


def _subject_ceilings(data: Floats) -> Floats:
    scaled = _standardised(data)
    ceilings = []
    for s in range(len(data)):
        others = np.delete(scaled, s, axis=0)
        isc = (scaled[s] * _standardised(others.mean(axis=0))).mean(axis=0)
        ceilings.append(np.sign(isc) * isc**2 / _group_ceiling(others))
    return np.concatenate(ceilings)


def _jackknife_lower(estimate: Floats, left_out: Floats) -> Floats:
    from scipy.special import stdtrit  # slow import, and `gyral list` never comes here

    count = len(left_out)
    spread = np.sqrt((count - 1) / count * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    return np.asarray(estimate - stdtrit(count - 1, _CONFIDENCE) * spread)


def _three_axes(repeats: NDArray[np.floating[Any]], rows: NDArray[np.integer[Any]] | None) -> Floats:
    if repeats.ndim != 3:
        raise BadArrays(
            f"repeats must be samples x repeats x units, not {repeats.ndim} axes {repeats.shape!r}.",
            where="repeats",
        )
    return np.asarray(repeats if rows is None else repeats[rows], np.float64)


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.empty(0)
