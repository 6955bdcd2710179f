"""Representational similarity: RDMs, rho-a, and the bounds other subjects set.

Kriegeskorte, Mur & Bandettini (2008), doi 10.3389/neuro.06.004.2008; bounds as in Nili et al. (2014),
doi 10.1371/journal.pcbi.1003553; rho-a as in Schuett et al. (2023), doi 10.7554/eLife.82566.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]


def correlation_rdm(patterns: Array) -> Array:
    """Condensed RDM of ``1 - Pearson r`` between rows.

    Parameters
    ----------
    patterns : array, samples x features

    Returns
    -------
    float64 array, samples * (samples - 1) / 2, in [0, 2]
        Upper triangle, row by row. Two rows of which one is constant are taken as uncorrelated (1).
    """
    x = np.asarray(patterns, np.float64)
    x = x - x.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    return np.asarray(np.clip(1.0 - condensed(x @ x.T), 0.0, 2.0))


def condensed(square: Array) -> Array:
    """Upper triangle (without the diagonal) of the last two axes."""
    rows, columns = np.triu_indices(square.shape[-1], 1)
    return square[..., rows, columns]


def check_rdm(square: Array, where: str) -> None:
    """Refuse what is no RDM.

    Raises
    ------
    BadArrays
        Not square, not symmetric, or not finite.
    """
    if square.ndim < 2 or square.shape[-1] != square.shape[-2]:
        raise BadArrays(f"shape {square.shape} is not square.", where=where, code="rdm-shape")
    if not np.isfinite(condensed(square)).all():
        raise BadArrays("the RDM has NaN or infinite entries.", where=where, code="rdm-finite")
    if not np.allclose(square, np.swapaxes(square, -1, -2), atol=1e-5):
        raise BadArrays("the RDM is not symmetric.", where=where, code="rdm-symmetric")


def centred_ranks(values: Array) -> Array:
    """Average ranks along the last axis, centred and scaled so that a product of two sums to rho-a.

    Ties get their mean rank, but the scale is that of untied ranks: rho-a, the expected Spearman
    correlation under random tie-breaking.
    """
    count = values.shape[-1]
    ranks = rankdata(values, axis=-1) - (count + 1) / 2
    return np.asarray(ranks / np.sqrt((count**3 - count) / 12))


def spearman_similarity(measured: Array, predicted: Array) -> Array:
    """rho-a between condensed RDMs.

    Parameters
    ----------
    measured : array, ... x pairs
    predicted : array, ... x pairs
        Broadcast against ``measured``.

    Returns
    -------
    float array, ..., in [-1, 1]; best 1

    Examples
    --------
    >>> float(spearman_similarity(np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])).round(6))
    1.0
    """
    return np.asarray((centred_ranks(measured) * centred_ranks(predicted)).sum(axis=-1))


def bounds(subjects: Array) -> tuple[float, float]:
    """Lower and upper bound of the mean rho-a any model can reach.

    Lower: each subject against the mean rank RDM of the others; upper: against the mean of all, itself
    included (Nili et al. 2014).

    Parameters
    ----------
    subjects : array, subjects x pairs

    Returns
    -------
    (lower, upper) : floats in the unit ``r``
        NaN for fewer than two subjects.
    """
    count = len(subjects)
    if count < 2:
        return float("nan"), float("nan")
    ranks = rankdata(subjects, axis=-1)
    total = ranks.sum(axis=0)
    lower = spearman_similarity(subjects, (total - ranks) / (count - 1)).mean()
    upper = spearman_similarity(subjects, total / count).mean()
    return float(lower), float(upper)
