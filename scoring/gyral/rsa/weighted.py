r"""Weighted: feature-reweighted RSA, one non-negative weight for each part of a model.

A squared Euclidean RDM is the sum of those of its features (or layers, or groups of channels), so that weights on RDMs are
weights on features; they cannot be negative. They are fitted on pairs of training stimuli and used on pairs that
have a held-out stimulus (Khaligh-Razavi and Kriegeskorte 2014, doi 10.1371/journal.pcbi.1003915; Jozwik et al. 2016).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Split
from gyral.errors import BadArrays
from gyral.rsa.comparator import Comparator, paired, unit
from gyral.rsa.vector import samples_of

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Measure = Literal["cosine", "pearson"]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Cross-validated reweighting.

    Parameters
    ----------
    weights : array, folds x parts
        Each fold's, of length 1.
    values : array, subjects
        Similarity on pairs with a held-out stimulus, mean over folds by their pairs.
    equal : array, subjects
        The same with equal weights of the parts as they are given: what fitting has to beat.
    """

    weights: Floats
    values: Floats
    equal: Floats


def fit_weights(measured: Array, parts: Array, measure: Measure = "cosine") -> Floats:
    """Non-negative weights of the parts that give the RDM most like the subjects' on average.

    Maximises the cosine (or, for ``pearson``, the correlation) with the mean of the subjects' normalised RDMs, which is non-
    negative least squares on it.

    Parameters
    ----------
    measured : array, subjects x pairs
    parts : array, parts x pairs
    measure : {"cosine", "pearson"}

    Returns
    -------
    float64 array, parts
        Of length 1; zeros where no part resembles the subjects.

    Raises
    ------
    BadArrays
        The numbers of pairs differ, or there is NaN.
    """
    from scipy.optimize import nnls  # slow import, and `gyral list` never comes here

    y, x = paired(measured, parts)
    if measure == "pearson":
        y, x = y - y.mean(axis=1, keepdims=True), x - x.mean(axis=1, keepdims=True)
    target = unit(y).mean(axis=0)
    scale = np.linalg.norm(x, axis=1)
    usable = scale > 1e-12 * scale.max(initial=0.0)
    found = np.zeros(len(x))
    if usable.any():
        found[usable] = nnls((x[usable] / scale[usable, None]).T, target)[0] / scale[usable]
    length = np.linalg.norm(found)
    return np.asarray(found / length if length > 0 else found)


def score_weighted(
    measured: Array, parts: Array, split: Split, comparator: Comparator, *, measure: Measure = "cosine"
) -> Weighted:
    """Fit weights in training stimuli of each fold and score what they give for the rest.

    Parameters
    ----------
    measured : array, subjects x pairs
    parts : array, parts x pairs
    split : Split
        Over stimuli.
    comparator : Comparator
        What scores are; weights are fitted by ``measure``.
    measure : {"cosine", "pearson"}

    Raises
    ------
    BadArrays
        The split has other stimuli than the RDMs, or a fold trains on fewer than three.
    """
    y, x = paired(measured, parts)
    samples = samples_of(y.shape[1])
    first, second = np.triu_indices(samples, 1)
    weights, values, equal, sizes = [], [], [], []
    for fold in split.folds:
        if len(fold.train) < 3 or max(fold.train.max(), fold.test.max()) >= samples:
            raise BadArrays(
                f"a fold trains on {len(fold.train)} of {samples} stimuli.",
                where=f"split {split.name!r}",
                code="split",
            )
        training, held = _member(fold.train, samples), _member(fold.test, samples)
        inner = training[first] & training[second]
        outer = (held[first] | held[second]) & (training | held)[first] & (training | held)[second]
        w = fit_weights(y[:, inner], x[:, inner], measure)
        weights.append(w)
        mixed: Sequence[Floats] = (w @ x[:, outer], x[:, outer].mean(axis=0))
        both = comparator.similarity(y[:, outer], np.stack(mixed))
        values.append(both[:, 0])
        equal.append(both[:, 1])
        sizes.append(outer.sum())
    share = np.array(sizes) / sum(sizes)
    return Weighted(np.stack(weights), share @ np.stack(values), share @ np.stack(equal))


def _member(rows: NDArray[np.integer[Any]], samples: int) -> NDArray[np.bool_]:
    out = np.zeros(samples, bool)
    out[rows] = True
    return out
