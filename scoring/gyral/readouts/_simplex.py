"""Weights on the simplex: the mixture of predictions nearest to what was measured, for many units at once."""

import numpy as np
from numpy.typing import NDArray

from gyral.readouts.readout import Array

# A gradient this small, of a problem scaled to size 1, is rounding.
_ZERO = 1e-11


def simplex_weights(gram: Array) -> Array:
    """``argmin_w w' G w`` with ``w >= 0`` and ``sum w = 1``, one problem a unit.

    With ``G`` the inner products of the residuals ``y - prediction_k`` this is the convex mixture of predictions
    with the least squared error: as the weights sum to one, the mixture's residual is the mixture of residuals.

    The answer is ``x / sum x`` of the non-negative least squares ``min_x>=0 x' G x + (1 - sum x)^2``: for ``x = s w``
    the best ``s`` leaves ``q / (1 + q)`` with ``q = w' G w``, which rises with ``q``. That one is solved by active
    sets (Lawson & Hanson 1974, chapter 23), all units side by side.

    Parameters
    ----------
    gram : array, units x K x K
        Symmetric and positive semi-definite; finite.

    Returns
    -------
    array, units x K
    """
    units, k = gram.shape[:2]
    size = np.maximum(np.einsum("ukk->uk", gram).mean(axis=1), 1e-300)
    a = gram / size[:, None, None] + 1.0
    x, active = np.zeros((units, k)), np.zeros((units, k), bool)
    running = np.arange(units)
    # Each unit takes in one prediction a round; far fewer rounds than this are ever needed.
    for _ in range(10 * k + 10):
        slope = np.where(active[running], -np.inf, 1.0 - np.einsum("ukl,ul->uk", a[running], x[running]))
        new = slope.argmax(axis=1)
        running, new = (r[slope.max(axis=1) > _ZERO] for r in (running, new))
        if not running.size:
            break
        active[running, new] = True
        x[running], active[running] = _settled(a[running], x[running], active[running])
    return np.asarray(x / x.sum(axis=1, keepdims=True))


def _settled(a: Array, x: Array, active: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:
    """Least squares over the active predictions, dropping those that would turn negative."""
    x, active = x.copy(), active.copy()
    left = np.arange(len(x))
    while left.size:
        goal = _solved(a[left], active[left])
        bad = active[left] & (goal <= 0)
        fine = ~bad.any(axis=1)
        x[left[fine]] = goal[fine]
        left, goal, bad = left[~fine], goal[~fine], bad[~fine]
        if not left.size:
            break
        now = x[left]
        # As far towards the goal as no weight turns negative; what reaches zero first leaves.
        steps = np.where(bad, now / np.where(bad, now - goal, 1.0), np.inf)
        step = steps.min(axis=1, keepdims=True)
        moved = np.maximum(now + step * (goal - now), 0.0)
        gone = bad & (steps <= step)
        x[left] = np.where(gone, 0.0, moved)
        active[left] &= ~gone
    return x, active


def _solved(a: Array, active: NDArray[np.bool_]) -> Array:
    both = active[:, :, None] & active[:, None, :]
    identity = np.eye(a.shape[1])
    # A trace of the identity keeps two equal predictions solvable.
    matrix = np.where(both, a, 0.0) + np.where(active, 1e-13, 1.0)[:, :, None] * identity
    return np.asarray(np.linalg.solve(matrix, active.astype(float)[..., None])[..., 0])
