"""Front: points that no other point beats in everything (Pareto)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pareto_front(better: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """True for each point that none exceeds in one quantity without falling short in the other.

    Points that are the same in both stand or fall together. Values are taken as they are: two points whose intervals
    overlap are apart here.

    Parameters
    ----------
    better : array, points x 2
        More is better in both columns; give a cost (parameters) with a minus. A point with a NaN is on no front.

    Examples
    --------
    >>> pareto_front(np.array([[-1.0, 0.2], [-2.0, 0.5], [-3.0, 0.5], [-4.0, 0.6], [-2.0, np.nan]])).tolist()
    [True, True, False, True, False]
    """
    values = np.asarray(better, np.float64)
    found = np.zeros(len(values), bool)
    there = np.flatnonzero(np.isfinite(values).all(axis=1))
    best = -np.inf
    # From the best in the first quantity on; among equals in it, only those best in the second can stand.
    order = there[np.lexsort((-values[there, 1], -values[there, 0]))]
    first = np.nan
    for k in order.tolist():
        if values[k, 1] > best:
            best, first = values[k, 1], values[k, 0]
            found[k] = True
        else:
            found[k] = bool(values[k, 0] == first and values[k, 1] == best)
    return found
