"""Reliability: what repeats or subjects say of each unit."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

CeilingUnit = Literal["r", "r2"]


@dataclass(frozen=True, eq=False)
class Published:
    """A ceiling taken from the literature, where the data at hand allow none.

    Parameters
    ----------
    region : str
        Region it bounds.
    value : float
        The ceiling.
    unit : {"r", "r2"}
        Whether ``value`` bounds a correlation or an explained variance.
    source : str
        Where it was published.
    """

    region: str
    value: float
    unit: CeilingUnit
    source: str


@dataclass(frozen=True, eq=False)
class Reliability:
    """One estimate per unit, in r2: the share of variance that a model could explain at best.

    Parameters
    ----------
    estimator : str
        One of `gyral.benchmarks.benchmark.CEILINGS`.
    noise_ceiling : float array, one a unit
        NaN where undefined.
    lower : float array, one a unit
        One-sided 95 % lower bound.
    low, high : float array, one a unit
        Two-sided 95 % interval. All three are for new stimuli and, where subjects enter, the same subjects.
    """

    estimator: str
    noise_ceiling: NDArray[np.floating[Any]]
    lower: NDArray[np.floating[Any]]
    low: NDArray[np.floating[Any]]
    high: NDArray[np.floating[Any]]
