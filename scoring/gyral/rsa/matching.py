"""Matching: do single units correspond, not only the spaces they span?

Regression sees a rotated copy of a representation as equal; these do not. Units are matched on training stimuli and
compared on held-out ones (Li et al. 2016, convergent learning; Khosla and Williams 2024, soft matching).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Split
from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
How = Literal["one-to-one", "best", "soft", "sparse"]

_ENTROPY = 0.02  # of the transport, in units of correlation
_PARTNERS = 5


@dataclass(frozen=True, eq=False)
class Matched:
    """How well units of a measured representation are matched.

    Parameters
    ----------
    r : array, units
        Correlation on held-out stimuli, mean over folds by their rows; NaN where a unit has no partner.
    value : float
        Mean over units that have one.
    """

    r: Floats
    value: float


def match_units(measured: Array, features: Array, split: Split, how: How = "one-to-one") -> Matched:
    """Predict each unit from the one (or few) that it corresponds to.

    Parameters
    ----------
    measured : array, samples x units
    features : array, samples x features
    split : Split
        Matches are made in training rows.
    how : {"one-to-one", "best", "soft", "sparse"}
        ``one-to-one``: each feature serves one unit at most, the sum of correlations being greatest; ``best``: each unit
        its most correlated feature; ``soft``: optimal transport with a little entropy, units mixing the features they
        receive from; ``sparse``: five features at most, none negative, by orthogonal matching pursuit.

    Raises
    ------
    BadArrays
        Samples differ, or there is NaN.
    """
    y, x = np.asarray(measured, np.float64), np.asarray(features, np.float64)
    if y.ndim != 2 or x.ndim != 2 or len(y) != len(x):
        raise BadArrays(f"shapes {y.shape} and {x.shape} do not share samples.", where="features", code="shape")
    if not (np.isfinite(y).all() and np.isfinite(x).all()):
        raise BadArrays("NaN or infinite numbers.", where="measured, features", code="not-finite")
    total, weight = np.zeros(y.shape[1]), np.zeros(y.shape[1])
    for fold in split.folds:
        a, b = _scaled(y[fold.train]), _scaled(x[fold.train])
        w = _weights(a.T @ b, b, how)
        # Features are scaled by training rows, so that a mixture means the same in held-out ones.
        mean, sd = x[fold.train].mean(axis=0), x[fold.train].std(axis=0)
        z = (x[fold.test] - mean) / np.where(sd > 0, sd, 1.0)
        predicted = z @ w.T
        matched = np.abs(w).sum(axis=1) > 0
        r = (_scaled(y[fold.test]) * _scaled(predicted)).sum(axis=0)
        total += np.where(matched, r * len(fold.test), 0.0)
        weight += np.where(matched, len(fold.test), 0)
    found = np.where(weight > 0, total / np.maximum(weight, 1), np.nan)
    known = np.isfinite(found)
    return Matched(found, float(found[known].mean()) if known.any() else float("nan"))


def _weights(r: Floats, features: Floats, how: How) -> Floats:
    """Weight of each feature for each unit, from training correlations: units x features."""
    units = np.arange(len(r))
    out = np.zeros_like(r)
    if how == "one-to-one":
        from scipy.optimize import linear_sum_assignment  # slow import, and `gyral list` never comes here

        rows, columns = linear_sum_assignment(r, maximize=True)
        out[rows, columns] = 1.0
    elif how == "best":
        out[units, r.argmax(axis=1)] = 1.0
    elif how == "soft":
        out = _transport(r)
    else:
        out = np.stack([_pursued(row, features) for row in r])
    return out


def _transport(gain: Floats, rounds: int = 200) -> Floats:
    """Sinkhorn's plan that moves the mass of units, equal each, to that of features: units x features."""
    from scipy.special import logsumexp  # slow import, and `gyral list` never comes here

    score = gain / _ENTROPY
    rows, columns = np.zeros(len(gain)), np.zeros(gain.shape[1])
    for _ in range(rounds):
        rows = -np.log(len(gain)) - logsumexp(score + columns, axis=1)
        columns = -np.log(gain.shape[1]) - logsumexp(score + rows[:, None], axis=0)
    return np.asarray(np.exp(score + rows[:, None] + columns))


def _pursued(r: Floats, features: Floats) -> Floats:
    """Non-negative weights of a few features, taken up one after the other by what is left to explain."""
    from scipy.optimize import nnls  # slow import, and `gyral list` never comes here

    gram = features.T @ features
    chosen: list[int] = []
    out, left = np.zeros_like(r), r.copy()
    for _ in range(min(_PARTNERS, len(r))):
        k = int(left.argmax())
        if left[k] <= 1e-12 or k in chosen:
            break
        chosen.append(k)
        root = np.linalg.cholesky(gram[np.ix_(chosen, chosen)] + 1e-9 * np.eye(len(chosen)))
        w = nnls(root.T, np.linalg.solve(root, r[chosen]))[0]
        left = r - gram[:, chosen] @ w
        out[:] = 0.0
        out[chosen] = w
    return out


def _scaled(values: Floats) -> Floats:
    """Centred columns of length 1; zero where constant."""
    centred = values - values.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    flat = size <= 1e-12 * np.sqrt(len(values)) * np.maximum(np.abs(values).max(axis=0), 1e-300)
    return np.asarray(np.where(flat, 0.0, centred / np.where(flat, 1.0, size)))
