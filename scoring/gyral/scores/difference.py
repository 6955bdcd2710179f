"""Difference: all pairs of models on the same held-out stimuli, with one error rate for the whole board."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.scores.conditional import Redraws
from gyral.scores.confidence import LEVEL

Floats = NDArray[np.float64]

# Scores and redraws (float32 in files) nearer than this are the same.
_SAME = 1e-7


@dataclass(frozen=True, eq=False)
class Comparison:
    """Differences between all pairs of models of one board.

    Parameters
    ----------
    values : array, models
        NaN where a model has no score; its rows and columns below are NaN or False.
    difference, low, high : array, models x models
        Row less column, with simultaneous limits.
    p : array, models x models
        Two-sided, adjusted for all pairs; 1 on the diagonal.
    better : bool array, models x models
        True where the row is significantly better than the column.
    critical : float
        Studentised difference from which on a pair is told apart.
    level : float
        Probability that no pair of equal models is told apart.
    """

    values: Floats
    difference: Floats
    low: Floats
    high: Floats
    p: Floats
    better: NDArray[np.bool_]
    critical: float
    level: float


def compare_models(models: Sequence[Redraws | None], part: int = 0, *, level: float = LEVEL) -> Comparison:
    """Compare models by their redraws of one board.

    Parameters
    ----------
    models : sequence of Redraws or None
        None where a model was not scored here; it is compared with none.
    part : int
        Which of their values.

    Raises
    ------
    BadArrays
        No model has a score, or redraws come from other blocks, seeds or numbers of draws, and are not paired.
    """
    known = [m for m in models if m is not None]
    if not known:
        raise BadArrays("no model has a score.", where="models")
    if len({(m.groups, m.seed, m.kind, len(m.drawn)) for m in known}) > 1:
        raise BadArrays(
            "redraws of these models are not paired.",
            where="models",
            mend="Draw all of them from the same blocks, with the same seed and number of draws.",
        )
    nothing = np.full(len(known[0].drawn), np.nan)
    values = np.array([np.nan if m is None else m.values[part] for m in models])
    drawn = np.stack([nothing if m is None else m.drawn[:, part] for m in models], axis=1)
    return compare(values, drawn, df=known[0].groups - 1, level=level)


def compare(values: Floats, drawn: Floats, *, df: float, level: float = LEVEL) -> Comparison:
    """Paired differences by max-t over all pairs.

    In each redraw the largest studentised deviation of any pair's difference is taken; its ``level`` quantile is
    the critical value (Westfall and Young 1993; single step). Standard errors come from ``df`` degrees of
    freedom, so the quantile is moved from the normal to the t distribution of the same tail.

    Parameters
    ----------
    values : array, models
        NaN: the model has no score here, and is compared with none.
    drawn : array, draws x models
        Redraws of all models under the same weights, centred on the values
        (`gyral.scores.conditional.Redraws.drawn`, or `gyral.scores.hierarchy.normal_redraws`).
    df : float
        Blocks of stimuli less one, or `gyral.scores.hierarchy.Crossed.df`.

    Raises
    ------
    BadArrays
        Shapes do not fit, fewer than 100 draws, or no degrees of freedom.
    """
    values = np.asarray(values, np.float64)
    if drawn.ndim != 2 or drawn.shape[1] != len(values):
        raise BadArrays(f"redraws must be draws x {len(values)} models, not {drawn.shape!r}.", where="drawn")
    if len(drawn) < 100 or df <= 0:
        raise BadArrays(f"{len(drawn)} draws and {df:g} degrees of freedom tell nothing apart.", where="drawn")
    count = len(values)
    shape = (count, count)
    difference = values[:, None] - values[None, :]
    se, p = np.full(shape, np.nan), np.full(shape, np.nan)
    there = np.flatnonzero(np.isfinite(values))
    usable = drawn[np.isfinite(drawn[:, there]).all(axis=1)]
    largest = np.zeros(len(usable))
    for i in there:
        others = there[there > i]
        deviations = usable[:, [i]] - usable[:, others] - difference[i, others]
        deviations -= deviations.mean(axis=0)
        spread = deviations.std(axis=0)
        # Two copies of one model differ by rounding only.
        spread[spread <= _SAME] = 0.0
        se[i, others] = se[others, i] = spread
        apart = spread > 0
        if apart.any():
            largest = np.maximum(largest, (np.abs(deviations[:, apart]) / spread[apart]).max(axis=1))
    critical = float(_to_t(np.quantile(largest, level), df)) if len(largest) else float("inf")
    with np.errstate(invalid="ignore", divide="ignore"):
        # What never varies and is not rounding is a difference for certain.
        t = np.where(se > 0, difference / se, np.where(np.abs(difference) > _SAME, difference * np.inf, 0.0))
    known = np.isfinite(se)
    order = np.sort(largest)
    exceeding = len(order) - np.searchsorted(order, _to_normal(np.abs(t), df), side="left")
    p[known] = ((1 + exceeding) / (1 + len(order)))[known]
    p[there, there] = 1.0
    reach = critical * se
    better = known & (t > critical)
    return Comparison(values, difference, difference - reach, difference + reach, p, better, critical, level)


def _to_t(z: Any, df: float) -> Any:
    from scipy import stats  # slow import, and `gyral list` never comes here

    return stats.t.isf(stats.norm.sf(z), df)


def _to_normal(t: Floats, df: float) -> Floats:
    from scipy import stats  # slow import, and `gyral list` never comes here

    return np.asarray(stats.norm.isf(stats.t.sf(t, df)))
