"""Geometry: how a binary factor of the stimuli lies in a representation, where other factors vary beside it.

Bernardi et al. (2020), doi 10.1016/j.cell.2020.09.031: parallelism asks whether the difference between the factor's two values
is the same vector in all contexts; cross-condition generalisation whether a decoder of one context works in others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class FactorGeometry:
    """Geometry of one binary factor.

    Parameters
    ----------
    parallelism : float
        Mean cosine between the coding vectors of pairs of contexts, in [-1, 1]; 0 on average if unrelated.
    generalisation : float
        Share of right answers in contexts the decoder did not see; chance .5.
    decoding : float
        The same decoder within contexts, each stimulus left out in turn: what generalisation is measured against.
    contexts : int
        That have both values.
    """

    parallelism: float
    generalisation: float
    decoding: float
    contexts: int


def factor_geometry(features: Array, factor: Array, context: NDArray[Any]) -> FactorGeometry:
    """Parallelism and cross-condition generalisation of a factor, with nearest class means as the decoder.

    Parameters
    ----------
    features : array, samples x features
    factor : array, samples
        Two values.
    context : array, samples
        Value, or combination of values, of the other factors.

    Raises
    ------
    BadArrays
        The factor has other than two values, fewer than two contexts have both, or samples differ.
    """
    x = np.asarray(features, np.float64)
    names = np.unique(factor)
    if x.ndim != 2 or not len(x) == len(factor) == len(context) or not np.isfinite(x).all():
        raise BadArrays("features, factor and context do not share samples, or have NaN.", where="features")
    if len(names) != 2:
        raise BadArrays(f"a factor of {len(names)} values, {names[:4].tolist()!r}; it needs two.", where="factor")
    high = np.asarray(factor) == names[1]
    both = [c for c in np.unique(context) if np.unique(high[context == c]).size == 2]
    if len(both) < 2:
        raise BadArrays(
            f"{len(both)} contexts have both values of the factor; two are needed.",
            where="context",
            code="contexts",
        )
    members = [np.asarray(context) == c for c in both]
    means = np.stack(
        [[x[m & ~high].mean(axis=0), x[m & high].mean(axis=0)] for m in members]
    )  # contexts x 2 x features
    coding = means[:, 1] - means[:, 0]
    unit = coding / np.maximum(np.linalg.norm(coding, axis=1, keepdims=True), 1e-300)
    cosines = (unit @ unit.T)[np.triu_indices(len(both), 1)]
    across = []
    for k, mine in enumerate(members):
        rest = np.delete(means, k, axis=0).mean(axis=0)
        across += (_nearer_high(x[mine], rest) == high[mine]).tolist()
    return FactorGeometry(float(cosines.mean()), float(np.mean(across)), _within(x, high, members), len(both))


def _within(x: Array, high: NDArray[np.bool_], members: list[NDArray[np.bool_]]) -> float:
    """Accuracy within contexts, leaving each stimulus out of its class mean; NaN if no class has two."""
    hits = []
    for mine in members:
        rows = np.flatnonzero(mine)
        for i in rows:
            others = rows[rows != i]
            if high[others].any() and not high[others].all():
                centres = np.stack([x[others[~high[others]]].mean(axis=0), x[others[high[others]]].mean(axis=0)])
                hits.append(bool(_nearer_high(x[[i]], centres)[0] == high[i]))
    return float(np.mean(hits)) if hits else float("nan")


def _nearer_high(x: Array, centres: Array) -> NDArray[np.bool_]:
    distance = [((x - c) ** 2).sum(axis=1) for c in centres]
    return np.asarray(distance[1] < distance[0])
