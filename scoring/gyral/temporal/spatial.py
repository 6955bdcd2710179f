"""Spatial score: are deeper layers best in regions that lie further along a hierarchy?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.temporal.score import LEAST_LAYERS

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# With 15 regions the correlation of two unrelated maps has a standard deviation of .27; with fewer than 10, over a third.
LEAST_REGIONS = 10


@dataclass(frozen=True, eq=False)
class SpatialScore:
    """Correlation of best layer and distance over regions.

    Parameters
    ----------
    value : float
        Pearson r; NaN where not applicable.
    p : float
        One-sided, against maps as smooth as this one.
    best : array, regions
        Best layer of each region as relative depth, 0 to 1; NaN where no layer predicts it.
    regions : int
        How many entered.
    why_missing : str
        Why there is no value, else empty.
    """

    value: float
    p: float
    best: Floats
    regions: int
    why_missing: str


def spatial_score(values: Array, distance: Array, surrogates: Array) -> SpatialScore:
    r"""Score a model's layers over regions (Raugel et al. 2025, arXiv 2508.18226).

    .. math:: s = \mathrm{corr}_{regions}(k^*, d),\quad k^* = \mathrm{argmax}_k R_k / (K - 1)

    Neighbouring regions have alike layers *and* alike distances, so that an ordinary p of the correlation counts each as a
    new one. Surrogates of the distance map that keep its smoothness give an honest one.

    Parameters
    ----------
    values : array, layers x regions
        r of each layer in each region, from early to late.
    distance : array, regions
        Along the hierarchy (mm from V1, or a rank).
    surrogates : array, draws x regions
        Of ``distance``: `gyral.temporal.surrogate.variogram_surrogates`, or ``distance[spun(...)]``.

    Raises
    ------
    BadArrays
        Shapes do not fit.
    """
    if values.ndim != 2 or values.shape[1] != len(distance) or surrogates.shape[1:] != distance.shape:
        raise BadArrays(
            f"values {values.shape!r}, distances {distance.shape!r} and surrogates {surrogates.shape!r} do not fit.",
            where="values",
            code="shape",
        )
    known = np.isfinite(values).any(axis=0) & np.isfinite(distance)
    known &= np.nan_to_num(values, nan=-np.inf).max(axis=0) > 0
    best = np.full(values.shape[1], np.nan)
    best[known] = np.nanargmax(values[:, known], axis=0) / max(len(values) - 1, 1)
    used = int(known.sum())
    why = ""
    if len(values) < LEAST_LAYERS:
        why = f"{len(values)} layers; at least {LEAST_LAYERS} are needed"
    elif used < LEAST_REGIONS:
        why = f"{used} regions are predicted; at least {LEAST_REGIONS} are needed"
    elif np.ptp(best[known]) == 0:
        why = "one layer is best everywhere"
    if why:
        return SpatialScore(float("nan"), float("nan"), best, used, why)
    layer = _unit(best[known])
    value = float(layer @ _unit(np.asarray(distance, np.float64)[known]))
    null = np.array([layer @ _unit(s) for s in np.asarray(surrogates, np.float64)[:, known]])
    return SpatialScore(value, float((1 + (null >= value - 1e-12).sum()) / (1 + len(null))), best, used, "")


def _unit(values: Floats) -> Floats:
    centred = values - values.mean()
    norm = np.sqrt((centred**2).sum())
    return np.asarray(centred / norm if norm > 0 else centred)
