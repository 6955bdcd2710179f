"""Latency: the time at which a layer predicts best, two ways."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Share of the maximum that counts as the top of a curve.
PLATEAU = 0.95


def plateau_time(values: Array, times: Array, *, share: float = PLATEAU) -> Floats:
    r"""Mean of the times at which a curve is near its maximum: ... x times -> ...

    .. math:: T = \mathrm{mean}\{t : R(t) \ge .95 \max R\}

    as in Raugel et al. 2025 (arXiv 2508.18226). NaN where the maximum is not above 0.

    Parameters
    ----------
    values : array, ... x times
        r at each time; NaN counts as absent.
    times : array, times
        Seconds.
    share : float
        Of the maximum.

    Examples
    --------
    >>> float(plateau_time(np.array([0.0, 0.20, 0.196, 0.1]), np.array([0.0, 0.1, 0.2, 0.3])).round(3))
    0.15
    """
    known = np.where(np.isfinite(values), values, -np.inf)
    most = known.max(axis=-1, keepdims=True)
    near = (known >= share * most) & (most > 0)
    count = near.sum(axis=-1)
    total = (near * np.asarray(times, np.float64)).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def centre_of_mass(values: Array, times: Array, line: Array) -> Floats:
    r"""Mean of the times above the null line, weighted by R squared: ... x times -> ...; NaN where none is above it.

    .. math:: T = \sum_t t\,R(t)^2 / \sum_t R(t)^2 \quad\text{over } t : R(t) > \mathrm{line}(t)

    It uses the whole curve where `plateau_time` uses a point or two, and leaves out layers that predict nothing.

    Parameters
    ----------
    values : array, ... x times
    times : array, times
    line : array, times
        What unrelated predictions stay below (`gyral.curves.Curve.line`).
    """
    weight = np.where(np.isfinite(values) & (values > line), np.nan_to_num(values) ** 2, 0.0)
    total = weight.sum(axis=-1)
    moment = (weight * np.asarray(times, np.float64)).sum(axis=-1)
    return np.asarray(np.where(total > 0, moment / np.where(total > 0, total, 1.0), np.nan))
