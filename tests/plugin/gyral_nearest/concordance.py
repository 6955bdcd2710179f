"""A metric that also asks for the right mean and the right scale: Lin (1989), Biometrics 45, 255-268."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Concordance:
    """``2 cov(y, p) / (var y + var p + (mean y - mean p)^2)`` of each unit; 1 on the line y = p."""

    title: str = "Concordance"
    description: str = (
        "how close predictions lie to the responses themselves, their mean and scale included (Lin 1989)"
    )
    task: Literal["encoding"] = "encoding"
    chance: float = 0.0

    def __call__(self, measured: Array, predicted: Array) -> Array:
        """One number a unit; NaN where neither side varies."""
        y, p = measured - measured.mean(axis=0), predicted - predicted.mean(axis=0)
        apart = (measured.mean(axis=0) - predicted.mean(axis=0)) ** 2
        scale = (y * y).mean(axis=0) + (p * p).mean(axis=0) + apart
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(scale > 0, 2 * (y * p).mean(axis=0) / scale, np.nan))


CONCORDANCE = Concordance()
