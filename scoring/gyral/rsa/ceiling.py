"""Ceiling: the bounds that subjects set on how well any one RDM can resemble them all.

Lower: each subject against the mean of the others; upper: against the mean of all, itself included, which no RDM
passes on average (Nili et al. 2014, doi 10.1371/journal.pcbi.1003553). The mean is that of the normalised RDMs: it is the
one that resembles all of them most.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bounds_of_gram(gram: Floats, counts: NDArray[np.number[Any]] | None = None) -> Floats:
    """Bounds from the inner products of subjects' RDMs, for all redraws of subjects at once.

    Parameters
    ----------
    gram : array, subjects x subjects
        Of RDMs as unit vectors.
    counts : array, draws x subjects, optional
        How often each subject was drawn. All copies of a subject are left out together, and each subject drawn
        counts once in the mean, however often it was.

    Returns
    -------
    float64 array, 2 or draws x 2
        Lower and upper; NaN for fewer than two subjects.
    """
    m = np.ones((1, len(gram))) if counts is None else np.asarray(counts, np.float64)
    own = np.diag(gram)
    product = m @ gram
    total = (m * product).sum(axis=1, keepdims=True)
    drawn = m > 0
    rest = total - 2 * m * product + m**2 * own
    lower = _ratio(product - m * own, rest)
    upper = _ratio(product, np.broadcast_to(total, product.shape))
    number = drawn.sum(axis=1, keepdims=True)
    both = np.stack([np.where(drawn, b, 0.0).sum(axis=1) for b in (lower, upper)], axis=1)
    found = np.where(number > 1, both / np.maximum(number, 1), np.nan)
    return np.asarray(found[0] if counts is None else found)


def _ratio(product: Floats, square: Floats) -> Floats:
    known = square > 1e-12
    return np.asarray(np.where(known, product / np.sqrt(np.where(known, square, 1.0)), 0.0))
