"""Representational similarity at every time: an RDM over sensors for each, compared with RDMs that do not know of time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.comparator import Product
from gyral.rsa.inference import redraws
from gyral.rsa.rdm import Kind, rdm

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

DRAWS = 400


@dataclass(frozen=True, eq=False)
class SimilarityCurve:
    """Models against brains over time.

    Parameters
    ----------
    value : array, models x times
        Mean over subjects of the similarity of RDMs.
    low, high : array, models x times
        95 % interval over stimuli at each time by itself.
    lower, upper : array, times
        Noise ceiling: what the mean of the other subjects reaches, and what no RDM passes; NaN with one subject.
    p : array, models x times
        That a model whose stimuli are in random order reaches the value at any time (maximum statistic).
    """

    value: Floats
    low: Floats
    high: Floats
    lower: Floats
    upper: Floats
    p: Floats


def rdms_over_time(responses: Array, kind: Kind = "correlation") -> Floats:
    """Condensed RDM at each time: times x pairs.

    Parameters
    ----------
    responses : array, samples x sensors x times, or samples x repeats x sensors x times
        Repeats are needed for ``crossnobis``; its noise covariance is that of each time by itself.
    kind : str
        One of `gyral.rsa.rdm.KINDS`.

    Raises
    ------
    BadArrays
        As `gyral.rsa.rdm.rdm`; other than three or four axes.
    """
    if responses.ndim not in (3, 4):
        raise BadArrays(
            f"responses have {responses.ndim} axes; samples x sensors x times, or samples x repeats x sensors x times.",
            where="responses",
            code="shape",
        )
    return np.stack([rdm(np.ascontiguousarray(responses[..., t]), kind) for t in range(responses.shape[-1])])


def similarity_over_time(
    measured: Array,
    predicted: Array,
    comparator: Product,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> SimilarityCurve:
    """Compare models with subjects at every time.

    Parameters
    ----------
    measured : array, subjects x times x pairs
        From `rdms_over_time`.
    predicted : array, models x pairs
    comparator : Product
        One of `gyral.metrics.METRICS` of RDMs.
    draws : int
        Redraws of stimuli, and permutations of them.
    seed : int

    Raises
    ------
    BadArrays
        Shapes differ, or a vector is no triangle of a matrix.
    """
    if measured.ndim != 3 or predicted.ndim != 2 or measured.shape[2] != predicted.shape[1]:
        raise BadArrays(
            f"measured {measured.shape!r} must be subjects x times x pairs, predicted {predicted.shape!r} models x pairs.",
            where="measured",
            code="shape",
        )
    subjects, times = measured.shape[:2]
    models, size = len(predicted), round((1 + (1 + 8 * measured.shape[2]) ** 0.5) / 2)
    flat = measured.reshape(subjects * times, -1)
    value = comparator.similarity(flat, predicted).reshape(subjects, times, models).mean(axis=0).T
    low, high = np.empty((2, models, times))
    bounds = np.full((2, times), np.nan)
    for t in range(times):
        found = redraws(measured[:, t], predicted, comparator, draws=draws, seed=seed)
        ends = [f.with_mean().of([0]).intervals()[0] for f in found]
        low[:, t], high[:, t] = [i.low for i in ends], [i.high for i in ends]
        if subjects > 1:
            bounds[:, t] = comparator.bounds(measured[:, t])
    most = _largest(flat, predicted, comparator, (subjects, times, size), draws, seed)
    p = (1 + (most[:, :, None] >= value - 1e-12).sum(axis=0)) / (1 + draws)
    return SimilarityCurve(value, low, high, bounds[0], bounds[1], p)


def _largest(
    flat: Array, predicted: Array, comparator: Product, shape: tuple[int, int, int], draws: int, seed: int
) -> Floats:
    """Largest value over times of each model with its stimuli permuted: draws x models."""
    subjects, times, size = shape
    rng = np.random.default_rng([seed, 0x71E5])
    first, second = np.triu_indices(size, 1)
    square = np.zeros((len(predicted), size, size))
    square[:, first, second] = square[:, second, first] = comparator.embedded(np.asarray(predicted, np.float64))
    own = comparator.embedded(np.asarray(flat, np.float64)).reshape(subjects, times, -1).mean(axis=0)
    out = np.empty((draws, len(predicted)))
    for d in range(draws):
        order = rng.permutation(size)
        # The embedding does not depend on the order of pairs.
        out[d] = (own @ square[:, order[first], order[second]].T).max(axis=0)
    return out
