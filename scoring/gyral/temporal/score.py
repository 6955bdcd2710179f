"""Temporal score: do deeper layers predict later responses?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.curves import Curve
from gyral.errors import BadArrays
from gyral.scores.confidence import LEVEL, t_quantile
from gyral.temporal.latency import centre_of_mass, plateau_time

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# A correlation over fewer points says nothing.
LEAST_LAYERS = 5
_EDGE = 1 - 1e-6  # of a correlation, so that its Fisher z is finite


@dataclass(frozen=True, eq=False)
class TemporalScore:
    """Correlation of layer and latency, with its interval over stimuli.

    Parameters
    ----------
    region : str
    value, low, high : float
        Pearson r between the number of a layer and its `plateau_time`; NaN where not applicable.
    robust, robust_low, robust_high : float
        Spearman rho between the number of a layer and its `centre_of_mass`; layers that predict nothing are left out.
    latencies, robust_latencies : array, layers
        Seconds; NaN where a layer has none.
    layers, robust_layers : int
        How many entered.
    why_missing : str
        Why there is no value, else empty.
    drawn, robust_drawn : array, draws
        Fisher z of the scores under redrawn stimuli, all layers together; for differences.
    groups : int
        Independent blocks of stimuli that were drawn.
    """

    region: str
    value: float
    low: float
    high: float
    robust: float
    robust_low: float
    robust_high: float
    latencies: Floats
    robust_latencies: Floats
    layers: int
    robust_layers: int
    why_missing: str
    drawn: Floats
    robust_drawn: Floats
    groups: int


def temporal_score(
    curves: Sequence[Curve], window: tuple[float, float], *, line: Array | None = None, level: float = LEVEL
) -> TemporalScore:
    """Score the curves of all layers of a model in one region.

    Stimuli are redrawn for all layers together, because layers of a network resemble each other and err together:
    a test that permutes layers takes each for a new one, and calls 27 to 49 % of scores of nothing significant.

    Parameters
    ----------
    curves : sequence of Curve
        One a layer, from early to late.
    window : (float, float)
        Seconds; only times inside count.
    line : array, times, optional
        Null line of the robust form (`gyral.curves.Curve.line` of the chosen layers); without it 0.
    level : float

    Raises
    ------
    BadArrays
        Curves of different regions, times or draws.
    """
    if not curves or len({(c.region, c.times, c.redraws.drawn.shape, c.redraws.seed) for c in curves}) != 1:
        raise BadArrays("curves must be of one region, on the same times and draws.", where="curves")
    times = np.asarray(curves[0].times, np.float64)
    inside = (times >= window[0] - 1e-9) & (times <= window[1] + 1e-9)
    values = np.stack([c.value for c in curves])[:, inside]
    drawn = np.stack([c.redraws.drawn for c in curves], axis=1)[:, :, inside]  # draws x layers x times
    above = np.zeros(inside.sum()) if line is None else np.nan_to_num(np.asarray(line)[inside])
    when, when_drawn = (plateau_time(v, times[inside]) for v in (values, drawn))
    mass, mass_drawn = (centre_of_mass(v, times[inside], above) for v in (values, drawn))
    groups = curves[0].redraws.groups
    value, z, used = _correlated(when, when_drawn, ranked=False)
    robust, robust_z, robust_used = _correlated(mass, mass_drawn, ranked=True)
    why = ""
    if used < LEAST_LAYERS:
        why = f"{used} layers have a latency; at least {LEAST_LAYERS} are needed"
    elif not np.isfinite(value):
        why = "all layers are best at one time"
    return TemporalScore(
        curves[0].region,
        value,
        *_interval(value, z, groups, level),
        robust,
        *_interval(robust, robust_z, groups, level),
        when,
        mass,
        used,
        robust_used,
        why,
        z,
        robust_z,
        groups,
    )


def score_difference(
    model: TemporalScore, twin: TemporalScore, *, level: float = LEVEL
) -> tuple[float, float, float]:
    """Score of a model less that of its untrained twin, and its interval; NaN where either has none.

    The draws of both belong together, so that what stimuli do to both cancels.

    Raises
    ------
    BadArrays
        The two come from other draws.
    """
    if model.drawn.shape != twin.drawn.shape or model.groups != twin.groups:
        raise BadArrays("the two scores are not of the same draws.", where="twin")
    difference = model.value - twin.value
    if not np.isfinite(difference):
        return float("nan"), float("nan"), float("nan")
    spread = _spread(np.tanh(model.drawn) - np.tanh(twin.drawn))
    reach = t_quantile((1 + level) / 2, model.groups - 1) * spread
    return difference, difference - reach, difference + reach


def _correlated(latencies: Floats, drawn: Floats, *, ranked: bool) -> tuple[float, Floats, int]:
    """Correlation over layers with a latency, Fisher z of that of each draw, and the number of layers."""
    known = np.isfinite(latencies)
    used = int(known.sum())
    nothing = np.full(len(drawn), np.nan)
    if used < LEAST_LAYERS or np.ptp(latencies[known]) <= 1e-9:
        return float("nan"), nothing, used
    value = _correlation(latencies[None], ranked)[0]
    found = _correlation(np.where(known, drawn, np.nan), ranked)
    return float(value), np.arctanh(_clipped(found)), used


def _correlation(latencies: Floats, ranked: bool) -> Floats:
    """Correlation of layer number and latency in each row, over the layers that have one there."""
    known = np.isfinite(latencies)
    depth = np.broadcast_to(np.arange(latencies.shape[1], dtype=np.float64), latencies.shape)
    x, y = np.where(known, depth, np.nan), np.where(known, latencies, np.nan)
    if ranked:
        from scipy.stats import rankdata  # slow import, and `gyral list` never comes here

        x, y = (rankdata(a, axis=1, nan_policy="omit") for a in (x, y))
    count = known.sum(axis=1)
    safe = np.maximum(count, 1)[:, None]
    x, y = (np.where(known, a - np.where(known, a, 0.0).sum(axis=1, keepdims=True) / safe, 0.0) for a in (x, y))
    scale = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    # In a redraw in which all layers peak at one time they are in no order.
    flat = scale <= 1e-12
    r = np.where(flat, 0.0, (x * y).sum(axis=1) / np.where(flat, 1.0, scale))
    return np.asarray(np.where(count >= LEAST_LAYERS, r, np.nan))


def _interval(value: float, z: Floats, groups: int, level: float) -> tuple[float, float]:
    spread = _spread(z)
    if not np.isfinite(value) or not np.isfinite(spread):
        return float("nan"), float("nan")
    middle, reach = np.arctanh(_clipped(value)), t_quantile((1 + level) / 2, groups - 1) * spread
    return float(np.tanh(middle - reach)), float(np.tanh(middle + reach))


def _spread(z: Floats) -> float:
    finite = z[np.isfinite(z)]
    return float(finite.std()) if len(finite) > 1 else float("nan")


def _clipped(value: Any) -> Any:
    return np.clip(value, -_EDGE, _EDGE)
