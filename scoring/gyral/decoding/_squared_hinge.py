"""Linear support vector machines with squared hinge loss, of all folds at once: finite Newton steps.

Per class k with signs y_i (1 for its samples, else -1), and a column of ones in x, whose weight is penalised as the others::

    minimise  w'w / 2 + C sum_i max(0, 1 - y_i x_i'w)^2

which is scikit-learn's ``LinearSVC(C=C)``. Of the samples A that lie below their margin the minimum solves
``(1 + 2C x_A'x_A) w = 2C x_A'y_A``; steps to it, each cut by an exact search along it, end after a few (Keerthi & DeCoste 2005, J.
Machine Learning Research 6, 341-361). With the small C of decoding nearly all samples are in A, and ``x'x`` of a fold is that of all
samples less that of the held-out ones: one product for all folds.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold

Floats = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]

STEPS = 100
# Of the gradient, against that at zero: below it steps go on only as long as each halves it, down to rounding.
TOLERANCE = 1e-9


def hinge_decisions(x: Floats, codes: Codes, classes: int, folds: Sequence[Fold], strength: float) -> Floats:
    """Out-of-fold decisions: samples x classes, or samples for two classes (the second less the first); NaN where never held out.

    Parameters
    ----------
    x : array, samples x columns
    codes : int array
        Class of each sample, from 0.
    classes : int
    folds : sequence of Fold
    strength : float
        C.
    """
    given = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    signs = np.where(codes[:, None] == np.arange(classes), 1.0, -1.0)
    signs = signs[:, 1:] if classes == 2 else signs
    used = np.unique(np.concatenate([np.concatenate([f.train, f.test]) for f in folds]))
    whole = given[used].T @ given[used]
    out = np.full((len(x), signs.shape[1]), np.nan)
    for fold in folds:
        train = given[fold.train]
        away = np.setdiff1d(used, fold.train, assume_unique=False)
        few = len(away) < len(fold.train)
        gram = whole - given[away].T @ given[away] if few else train.T @ train
        for k in range(signs.shape[1]):
            out[fold.test, k] = given[fold.test] @ _weights(train, signs[fold.train, k], gram, strength)
    return out[:, 0] if classes == 2 else out


def _weights(x: Floats, y: Floats, gram: Floats, strength: float) -> Floats:
    """The minimum: columns."""
    w, f = np.zeros(x.shape[1]), np.zeros(len(x))
    below = np.ones(len(x), np.bool_)
    first = last = 0.0
    for _ in range(STEPS):
        gradient = w - 2 * strength * (x[below].T @ (y[below] - f[below]))
        length = float(np.linalg.norm(gradient))
        first = first or length
        if length == 0 or (length <= TOLERANCE * first and last and length > last / 2):
            break
        last = length
        step = -_solved(x, below, gram, strength, gradient)
        along = x @ step
        w_next = w + (size := _best(w, step, y, f, along, strength)) * step
        if size == 0:
            break
        w, f = w_next, f + size * along
        below = y * f < 1
    return w


def _solved(x: Floats, below: NDArray[np.bool_], gram: Floats, strength: float, right: Floats) -> Floats:
    """``(1 + 2C x_A'x_A)^-1 right``."""
    from scipy.linalg import cho_factor, cho_solve  # slow import, only when decoding

    above = ~below
    if above.sum() < below.sum():
        own = gram - x[above].T @ x[above] if above.any() else gram
    else:
        own = x[below].T @ x[below]
    inner = 2 * strength * own
    inner.flat[:: len(inner) + 1] += 1.0
    return np.asarray(cho_solve(cho_factor(inner, lower=True, overwrite_a=True, check_finite=False), right))


def _best(w: Floats, step: Floats, y: Floats, f: Floats, along: Floats, strength: float) -> float:
    """Where the objective is least along a step: the zero of its slope, which is piecewise linear and rises."""
    slack, pace = 1 - y * f, -y * along  # slack of a sample at t: slack + t pace
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = np.where(pace != 0, -slack / pace, np.inf)
    inside = (slack > 0) | ((slack == 0) & (pace > 0))
    # Slope at t: a + b t; samples enter or leave at their turns.
    a = float(w @ step) + 2 * strength * float(slack[inside] @ pace[inside])
    b = float(step @ step) + 2 * strength * float(pace[inside] @ pace[inside])
    moving = np.flatnonzero((turn > 0) & np.isfinite(turn))
    order = moving[np.argsort(turn[moving])]
    sign = np.where(pace[order] > 0, 1.0, -1.0)  # enters, or leaves
    starts = np.concatenate([[0.0], turn[order]])
    slopes = a + np.concatenate([[0.0], np.cumsum(2 * strength * sign * slack[order] * pace[order])])
    rises = b + np.concatenate([[0.0], np.cumsum(2 * strength * sign * pace[order] ** 2)])
    ends = np.concatenate([starts[1:], [np.inf]])
    zero = -slopes / rises
    found = np.flatnonzero((zero <= ends) & (zero >= starts - 1e-12))
    return float(max(zero[found[0]], 0.0)) if len(found) else 1.0
