"""Curves: how well each time is predicted, for region x layer; value, interval, ceiling and chance at every time.

A curve's value at a time is the median over the sensors of a region, of all subjects the mean over subjects: what a row's
value is over all times of the window. Layers are those chosen for the row, so that a curve is a row seen in time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.fitting import LayerFits
from gyral.record import CHOSEN, CURVE, CurveRef
from gyral.scores.chance import runs_and_null, twice_stretch
from gyral.scores.conditional import Redraws, redraws
from gyral.scores.hierarchy import with_everyone
from gyral.scores.pairs import twice, widened_by
from gyral.scores.problem import Problem
from gyral.scores.pvalue import mean_before, null_values
from gyral.scores.region import ALL, region_blocks
from gyral.scores.resampling import DRAWS, Scored, Statistic
from gyral.scores.series import Series

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Of single layers, which are many.
LAYER_DRAWS = 400
# Error rate of a significant time over all times of a curve.
ALPHA = 0.05
# Samples x units of one draw of the null; beyond it every k-th sensor is tested.
_ENTRIES = 2_000_000


@dataclass(frozen=True, eq=False)
class Curve:
    """One region, subject (or "all") and layer over time.

    Parameters
    ----------
    region, subject, layer : str
    times : tuple of float
    value, low, high : array, times
        r and its 95 % interval at each time by itself.
    ceiling : array, times
        Noise ceiling in r2, median over sensors; NaN where there is none.
    p : array, times
        That unrelated predictions reach the value at *any* time (maximum statistic); NaN where it was not tested.
    line : array, times
        What 95 % of unrelated predictions stay below at this time by itself; NaN where not tested.
    redraws : Redraws
        One part a time, under the draws that all curves of a board share.
    """

    region: str
    subject: str
    layer: str
    times: tuple[float, ...]
    value: Floats
    low: Floats
    high: Floats
    ceiling: Floats
    p: Floats
    line: Floats
    redraws: Redraws

    @property
    def rows(self) -> Floats:
        """The array that a record keeps, in the order of `gyral.record.CURVE`."""
        return np.stack([getattr(self, name) for name in CURVE])


def series_curves(
    problem: Problem,
    series: Series,
    fits: Sequence[LayerFits],
    picks: Sequence[Sequence[int]],
    rows: Sequence[Rows],
    fold_of: NDArray[np.int64],
    *,
    seed: int = 0,
) -> list[Curve]:
    """Curves of a region: the chosen layers (all subjects, then each), and every layer (all subjects).

    Parameters
    ----------
    problem : Problem
    series : Series
    fits : sequence of LayerFits
        One a draw of the model.
    picks : draws x folds
        Which layer the region chose.
    rows, fold_of
        From `gyral.scores.region.score_blocks`.
    seed : int
        Of redraws and null.
    """
    here = series.as_region
    parts = series.parts(problem.subject_of, problem.subjects)
    ceiling = _ceilings(problem, series, parts)

    def curves(
        layer: str, predictions: Sequence[Array], picked: Sequence[Sequence[int]], draws: int
    ) -> list[Curve]:
        blocks = region_blocks(problem, here, list(predictions), rows, fold_of)
        scored = Scored(blocks, Statistic(), parts)
        gains = [fit.gains(here, pick) for fit, pick in zip(fits, picked, strict=True)]
        shares = twice(problem, here, predictions, gains, scored.units)
        found = redraws(scored, draws=draws, seed=seed).wider(widened_by(shares, parts))
        return curves_of(series.region, series.times, problem.subjects, layer, found, ceiling)

    chosen = [fit.assembled(problem, here, pick) for fit, pick in zip(fits, picks, strict=True)]
    out = curves(CHOSEN, chosen, picks, DRAWS)
    if len(chosen) == 1:
        out = _tested(problem, series, chosen[0], out, seed)
    for k, layer in enumerate(fits[0].layers):
        fixed = [np.asarray(fit.predictions[k][:, series.units]) for fit in fits]
        out.append(curves(layer, fixed, [[k] * len(problem.split.folds) for _ in fits], LAYER_DRAWS)[0])
    return out


def curve_arrays(curves: Sequence[Curve]) -> tuple[tuple[CurveRef, ...], dict[str, Array]]:
    """What a record says of curves, and the arrays of ``curves.npz``, float32."""
    arrays = {f"curve{n}": curve.rows.astype(np.float32) for n, curve in enumerate(curves)}
    return tuple(_reference(f"curve{n}", curve) for n, curve in enumerate(curves)), arrays


def _reference(name: str, curve: Curve) -> CurveRef:
    known = np.isfinite(curve.value)
    top = int(np.argmax(np.where(known, curve.value, -np.inf))) if known.any() else None
    beyond = np.flatnonzero(curve.p <= ALPHA)
    return CurveRef(
        name=name,
        region=curve.region,
        subject=curve.subject,
        layer=curve.layer,
        peak=None if top is None else float(curve.value[top]),
        peak_time=None if top is None else curve.times[top],
        first_time=curve.times[beyond[0]] if len(beyond) else None,
    )


def curves_of(
    region: str,
    times: tuple[float, ...],
    subjects: tuple[str, ...],
    layer: str,
    found: Redraws,
    ceiling: Floats,
) -> list[Curve]:
    """All subjects' curve, then each subject's where there are several; not yet tested.

    Parameters
    ----------
    region : str
    times : tuple of float
    subjects : tuple of str
    layer : str
    found : Redraws
        One part a subject and time, subject after subject.
    ceiling : array, curves x times
    """
    count = len(times)
    names = (ALL, *subjects) if len(subjects) > 1 else (ALL,)
    parts, intervals = [], []
    for t in range(count):
        own = found.of(np.arange(t, len(found.values), count))
        if len(subjects) > 1:
            own, ends = with_everyone(own)
        else:
            ends = own.intervals()
        parts.append(own)
        intervals.append(ends)
    nothing = np.full(count, np.nan)
    return [
        Curve(
            region,
            name,
            layer,
            times,
            np.array([own.values[k] for own in parts]),
            np.array([ends[k].low for ends in intervals]),
            np.array([ends[k].high for ends in intervals]),
            ceiling[k],
            nothing,
            nothing,
            Redraws(
                np.array([own.values[k] for own in parts]),
                np.stack([own.drawn[:, k] for own in parts], axis=1),
                found.groups,
                found.kind,
                found.seed,
            ),
        )
        for k, name in enumerate(names)
    ]


def _ceilings(problem: Problem, series: Series, parts: Sequence[NDArray[np.int64]]) -> Floats:
    """Median noise ceiling over the sensors of all subjects (the mean of theirs, first) and of each: ... x times."""
    count = len(series.times)
    if problem.ceiling is None:
        return np.full((len(problem.subjects) + 1, count), np.nan)
    held_out = problem.ceiling.held_out[series.units]
    own = np.array([float(Statistic().of(held_out[part])) for part in parts]).reshape(-1, count)
    return own if len(own) == 1 else np.concatenate([own.mean(axis=0, keepdims=True), own])


def _tested(problem: Problem, series: Series, predictions: Array, curves: list[Curve], seed: int) -> list[Curve]:
    """The curves with p over all their times (Nichols and Holmes 2002, Human Brain Mapping 15, 1-25).

    Predictions of all sensors and times are made unrelated together, so that the maximum over times has the null of
    curves as smooth and as alike as these.
    """
    found = runs_and_null(problem)
    if found is None:
        return curves
    runs, null = found
    held_out = np.sort(np.concatenate(runs))
    measured = np.asarray(problem.responses[:, series.units])
    whole = np.isfinite(np.stack([measured[held_out], predictions[held_out]])).all(axis=(0, 1))
    step = -(-len(held_out) * len(series) // _ENTRIES)
    parts = [units[whole[units]][::step] for units in series.parts(problem.subject_of, problem.subjects)]
    count = len(series.times)
    if any(len(part) == 0 for part in parts):
        return curves
    values, chunks = null_values(
        measured,
        np.where(np.isfinite(predictions), predictions, 0.0),
        runs,
        null,
        parts=parts,
        groups=problem.split.groups,
        stretch=twice_stretch(problem),
        seed=seed,
    )
    values, drawn = (v.reshape(*v.shape[:-1], -1, count) for v in (values, np.concatenate(list(chunks))))
    if len(curves) > 1:  # of all subjects their mean is shown
        values, drawn = (mean_before(v.swapaxes(-1, -2)).swapaxes(-1, -2) for v in (values, drawn))
    most = np.nanmax(drawn, axis=2)
    out = []
    for k, curve in enumerate(curves):
        reached = (most[:, k, None] >= values[k] - 1e-12).sum(axis=0)
        p = (1 + reached) / (1 + len(drawn))
        p = np.where(np.isfinite(curve.value), p, np.nan)
        line = np.quantile(drawn[:, k], 1 - ALPHA, axis=0)
        out.append(Curve(**{**vars(curve), "p": p, "line": line}))
    return out
