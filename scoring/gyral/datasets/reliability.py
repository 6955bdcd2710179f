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
    """One estimate per unit.

    Parameters
    ----------
    estimator : str
        "ncsnr", "split-half" or "loso".
    noise_ceiling : float array, one a unit
        Explainable share of variance (``r2``) of the mean over repeats or subjects; NaN where undefined.
    lower : float array, one a unit
        One-sided 95 % lower bound of ``noise_ceiling``.
    """

    estimator: str
    noise_ceiling: NDArray[np.floating[Any]]
    lower: NDArray[np.floating[Any]]
