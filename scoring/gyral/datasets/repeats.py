"""Repeats: how often stimuli were shown."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_AT_ONCE = 1 << 24  # bytes looked at at once


def presentations(repeats: NDArray[np.floating[Any]]) -> tuple[int, int]:
    """Fewest and most presentations of a stimulus; `each_presented`."""
    counts = each_presented(repeats)
    return int(counts.min(initial=repeats.shape[1])), int(counts.max(initial=0))


def each_presented(repeats: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Presentations of each stimulus.

    Parameters
    ----------
    repeats : array, samples x repeats x units
        NaN in all units where there was no presentation. May be memory-mapped.
    """
    step = max(1, _AT_ONCE // max(1, repeats[:1].nbytes))
    starts = range(0, len(repeats), step)
    found = [(~np.isnan(np.asarray(repeats[s : s + step]))).any(axis=2).sum(axis=1) for s in starts]
    return np.concatenate([np.zeros(0, np.int64), *found]).astype(np.int64)
