"""Confidence: what an interval is, and the two ways one is made.

An interval always says what it is an interval *of*. ``conditional``: the fitted maps stay and as many new
stimuli are drawn. ``procedure``: training is redrawn as well. ``subjects``: new subjects, and new stimuli
where all subjects saw the same. Each names the mean of the score over such redraws.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Kind = Literal["conditional", "procedure", "subjects"]
Method = Literal["bootstrap", "jackknife", "crossed"]

LEVEL = 0.95
# Below this many independent groups (or subjects) percentiles of a bootstrap cover too little.
FEW = 20


@dataclass(frozen=True)
class Interval:
    """A confidence interval of one score.

    Parameters
    ----------
    kind : {"conditional", "procedure", "subjects"}
        What is redrawn.
    value, low, high : float
        NaN where there is no score.
    se : float
        Standard error.
    method : {"bootstrap", "jackknife", "crossed"}
    groups : int
        Independent groups or blocks of stimuli, or subjects, that it rests on.
    df : float
        Degrees of freedom of the standard error.
    level : float
        Nominal coverage.
    """

    kind: Kind
    value: float
    low: float
    high: float
    se: float
    method: Method
    groups: int
    df: float
    level: float = LEVEL


def t_interval(
    kind: Kind,
    value: float,
    se: float,
    *,
    df: float,
    groups: int,
    method: Method = "jackknife",
    level: float = LEVEL,
) -> Interval:
    """``value -+ t(df) se``; without end where there are no degrees of freedom."""
    if not (np.isfinite(value) and np.isfinite(se)):
        return Interval(kind, float(value), float("nan"), float("nan"), float("nan"), method, groups, df, level)
    reach = t_quantile((1 + level) / 2, df) * se if df > 0 else float("inf")
    return Interval(kind, float(value), value - reach, value + reach, float(se), method, groups, df, level)


def percentile_interval(
    kind: Kind,
    value: float,
    drawn: Array,
    *,
    groups: int,
    level: float = LEVEL,
) -> Interval:
    """Percentiles of redraws that are already calibrated, read off where t with g - 1 degrees of freedom has its tails.

    Plain percentiles take the spread of the redraws for known, t does not (Hesterberg 2015, The American
    Statistician 69, 371-386: expanded percentiles).

    An interval holds its value. Of redraws that are nearly all one number (a unit whose two predictions differ in few
    rows) both percentiles are that number, and centring on the mean moves it off the value.

    Parameters
    ----------
    drawn : array, draws
        Centred on the value; NaN draws are left out.
    groups : int
        Number of groups that were drawn.
    """
    finite = drawn[np.isfinite(drawn)]
    if finite.size < 2 or not np.isfinite(value) or groups < 2:
        return t_interval(kind, value, float("nan"), df=groups - 1, groups=groups, method="bootstrap", level=level)
    tail = wide_tail((1 - level) / 2, groups - 1)
    low, high = np.quantile(finite, [tail, 1 - tail])
    low, high = min(float(low), float(value)), max(float(high), float(value))
    se = float(finite.std())
    return Interval(kind, float(value), low, high, se, "bootstrap", groups, groups - 1, level)


def wide_tail(tail: float, df: float) -> float:
    """The normal tail beyond the quantile that t with ``df`` degrees of freedom has at ``tail``.

    >>> round(wide_tail(0.025, 19), 4), round(wide_tail(0.025, 1e9), 4)
    (0.0182, 0.025)
    """
    from scipy.special import ndtr  # slow import, and `gyral list` never comes here

    return float(ndtr(-t_quantile(1 - tail, df)))


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t."""
    from scipy.special import stdtrit  # slow import, and `gyral list` never comes here

    return float(stdtrit(df, probability))
