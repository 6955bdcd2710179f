"""Spread: which columns of training rows vary, and what they are scaled by."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def inverse_spread(mean: NDArray[np.floating[Any]], sd: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """One over the standard deviation of each column; 0 for a constant one, which gets no weight at all.

    A column whose spread is rounding of its mean is constant.
    """
    varies = sd > 1e-6 * np.abs(mean) + 1e-30
    return np.where(varies, 1 / np.maximum(sd, np.float32(1e-30)), 0).astype(np.float32)
