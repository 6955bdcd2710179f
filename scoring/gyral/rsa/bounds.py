"""Bounds: intervals of what subjects say that any RDM can reach (`gyral.rsa.ceiling`).

Both bounds follow from the Gram matrix of subjects' RDMs, which is redrawn over stimuli as scores are. With subjects enough
for a sample, a bound is taken for the mean of its jackknife pseudo-values, n B - (n - 1) B without subject s, one a subject:
each bound compares subjects with each other, so that leaving one out changes more than its own share.

Ranks are compared with mean ranks as they are under redraws, and with mean ranks that are ranked again in the bound that is
shown; both spread alike to a twentieth (tests/scoring/rsa/test_bounds.py).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.ceiling import bounds_of_gram
from gyral.rsa.comparator import Product
from gyral.rsa.inference import pair_redraws, pooled_interval
from gyral.rsa.vector import samples_of
from gyral.scores.confidence import Interval
from gyral.scores.hierarchy import FEW_SUBJECTS

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Enough for percentiles of figures that are read to two digits.
DRAWS = 400


def bound_intervals(
    measured: Array, comparator: Product, *, draws: int = DRAWS, seed: int = 0
) -> tuple[Interval, Interval]:
    """Lower and upper bound with their 95 % intervals; NaN with one subject.

    Parameters
    ----------
    measured : array, subjects x pairs
    comparator : Product
    draws : int
    seed : int
        Of the redraws.

    Returns
    -------
    (Interval, Interval)
        ``subjects`` (new subjects and new stimuli) with `gyral.scores.hierarchy.FEW_SUBJECTS` or more subjects, else
        ``conditional``: these subjects and new stimuli.
    """
    samples = samples_of(measured.shape[1])
    shown = comparator.bounds(measured)
    counts = np.concatenate([draw_counts(samples, draws, seed), 1 - np.eye(samples)])
    grams, _ = comparator.redrawn_gram(measured, slice(None), counts)
    values = _parts(comparator.similarity(measured, measured))
    found = np.stack([_parts(gram) for gram in grams])
    both = pair_redraws(values - values.mean(axis=0) + shown, found[:-samples], found[-samples:], seed=seed)
    lower, upper = (pooled_interval(own) for own in both)
    return lower, upper


def _parts(gram: Floats) -> Floats:
    """What each subject gives to either bound, whose means they are: subjects (1 where they are few) x 2."""
    count = len(gram)
    whole = bounds_of_gram(gram)
    if count < FEW_SUBJECTS:
        return np.asarray(whole[None])
    own = count * whole - (count - 1) * bounds_of_gram(gram, 1 - np.eye(count))
    return np.asarray(own - own.mean(axis=0) + whole)
