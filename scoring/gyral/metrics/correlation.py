"""Correlation and explained variance, one number per unit; never clipped, never averaged here."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

# Mean squares below these shares of the squared mean are rounding of a constant column: measured values are
# as given (float64 sums), predictions are float32.
_FLAT_MEASURED = 1e-20
_FLAT_PREDICTED = float(4 * np.finfo(np.float32).eps) ** 2


def pearson_r(measured: Array, predicted: Array) -> Array:
    """Pearson correlation of each unit.

    Parameters
    ----------
    measured, predicted : array, samples x units
        NaN in ``measured`` masks that sample for that unit.

    Returns
    -------
    float64 array, one a unit, in [-1, 1]; best 1
        NaN where ``measured`` is constant (nothing can be predicted of it); 0 where only ``predicted`` is
        constant (a prediction that says nothing).

    Examples
    --------
    >>> y = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    >>> pearson_r(y, y[:, :1] + np.zeros((3, 2))).round(6).tolist()
    [1.0, nan]
    """
    present = np.isfinite(measured)
    count = present.sum(axis=0)
    y = np.where(present, measured, 0.0).astype(np.float64)
    p = np.where(present, predicted, 0.0).astype(np.float64)
    some = np.maximum(count, 1)
    y_mean, p_mean = y.sum(0) / some, p.sum(0) / some
    y = np.where(present, y - y_mean, 0.0)
    p = np.where(present, p - p_mean, 0.0)
    y_square, p_square = (y * y).sum(0), (p * p).sum(0)
    y_flat = (y_square <= _FLAT_MEASURED * (some * y_mean**2)) | (y_square == 0) | (count < 3)
    p_flat = (p_square <= _FLAT_PREDICTED * (some * p_mean**2)) | (p_square == 0)
    safe = np.where(y_flat | p_flat, 1.0, np.sqrt(y_square) * np.sqrt(p_square))
    r = np.where(p_flat, 0.0, (y * p).sum(0) / safe)
    return np.where(y_flat, np.nan, np.clip(r, -1.0, 1.0))


def squared_errors(measured: Array, predicted: Array | NDArray[np.floating[Any]]) -> Array:
    """Sum of squared errors of each unit over samples where ``measured`` is present; float64.

    A prediction that is missing where there is a measurement makes the sum NaN: no prediction is no error of 0.
    """
    present = np.isfinite(measured)
    error = np.where(present, np.asarray(measured, np.float64) - predicted, 0.0)
    return np.asarray((error * error).sum(axis=0))


def r2_score(measured: Array, predicted: Array, baseline: Array) -> Array:
    """Out-of-sample explained variance of each unit.

    ``1 - SSE(predicted) / SSE(baseline)`` where ``baseline`` is the training mean of each unit.

    Parameters
    ----------
    measured, predicted : array, samples x units
    baseline : array, one a unit
        Mean of the unit over the training rows.

    Returns
    -------
    float64 array, one a unit, at most 1, unbounded below; NaN where ``measured`` equals the baseline throughout

    Examples
    --------
    >>> y = np.array([[0.0], [2.0]])
    >>> r2_score(y, y, np.array([1.0])).tolist(), r2_score(y, y * 0 + 1, np.array([1.0])).tolist()
    ([1.0], [0.0])
    """
    total = squared_errors(measured, baseline)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 1 - squared_errors(measured, predicted) / total, np.nan)
