"""Encoding: choose layers inside training rows, score predictions per region."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.curves import Curve, series_curves
from gyral.datasets.region import Region
from gyral.datasets.split import Rows
from gyral.fitting import LayerFits
from gyral.metrics.correlation import squared_errors
from gyral.readings import map_arrays, summaries, unit_columns
from gyral.record import CHOSEN, MapRef, Row
from gyral.retraining import Retrained
from gyral.rows import interval_fields, number_or_none, with_q
from gyral.scores.bound import Bound, region_bounds
from gyral.scores.ceiling import FLOOR
from gyral.scores.chance import region_chance
from gyral.scores.pairs import twice
from gyral.scores.problem import Problem
from gyral.scores.region import RegionScore, region_blocks, score_blocks, score_region
from gyral.scores.resampling import unit_scores

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class EncodingScores:
    """What the fits of one model, or of all draws of a twin, come to.

    Parameters
    ----------
    rows : list of Row
        Each region x subject (and "all") with the chosen layers, and each layer.
    units : DataFrame
        One row per region and unit: region, subject, unit, r, r2, ceiling and its interval, ceiled, and the fits' own figures
        (`gyral.readings.unit_columns`).
    predictions : array, draws x samples x rows of ``units``
        Out-of-fold predictions with the chosen layers, float32.
    redraws : array, redraws x chosen rows
        Deviations from their values, float32.
    maps : tuple of MapRef
    map_arrays : dict of str to array
    warnings : tuple of str
    curves : tuple of Curve
        Of each region, where units are sensors at time points.
    """

    rows: list[Row]
    units: pd.DataFrame
    predictions: Array
    redraws: Array | None
    maps: tuple[MapRef, ...]
    map_arrays: dict[str, Array]
    warnings: tuple[str, ...]
    curves: tuple[Curve, ...] = ()


def score_encoding(
    fits: Sequence[LayerFits],
    problem: Problem,
    *,
    readout: str,
    metric: str = "pearson",
    ids: Sequence[str] | None = None,
    retrained: Retrained | None = None,
    seed: int = 0,
) -> EncodingScores:
    """Score the fits of one model or of all draws of a twin.

    Parameters
    ----------
    fits : sequence of LayerFits
    problem : Problem
    readout, metric : str
        Labels of the rows.
    ids : sequence of str, optional
        Stimulus of each sample; default their numbers.
    retrained : Retrained, optional
        Values of fits without each group of training rows: then chosen rows have a ``procedure`` interval, too.
    seed : int
        Seed of the interval's draws.
    """
    blocks, fold_of = score_blocks(problem)
    labelled = partial(_rows, readout=readout, metric=metric)
    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    kept: list[Array] = []
    redraws: list[Array] = []
    first_picks: dict[str, list[int]] = {}
    all_picks: dict[str, list[list[int]]] = {}
    unreliable: list[str] = []
    constant = silent = 0
    for number, region in enumerate(problem.regions):
        picks = [fit.picks(problem, region) for fit in fits]
        first_picks[region.name], all_picks[region.name] = picks[0], picks
        pairs = list(zip(fits, picks, strict=True))
        chosen = [fit.assembled(problem, region, pick) for fit, pick in pairs]
        won = Counter(fit.layers[k] for fit, pick in pairs for k in pick)
        columns = unit_columns(fits, problem, region, picks)
        score = _scored(problem, region, chosen, [f.gains(region, p) for f, p in pairs], blocks, fold_of, seed)
        constant += int(np.isnan(score.r).sum())
        silent += int(_says_nothing(problem, chosen).sum())
        r2 = _r2(problem, region, chosen)
        bounds = region_bounds(
            problem, region.units, problem.members(region), rows=blocks, fold_of=fold_of, seed=seed
        )
        further = [summaries(columns, mine) for mine in score.members]
        if len(chosen) == 1:
            chance = region_chance(problem, region, chosen[0], score, seed=seed)
            for said, p in zip(further, chance.p, strict=True):
                said |= {"p": number_or_none(p), "null_kind": chance.null}
        if retrained is not None:
            for said, i in zip(further, retrained.intervals(number, score.found, chosen), strict=True):
                said |= {"procedure_low": number_or_none(i.low), "procedure_high": number_or_none(i.high)}
        own = labelled(problem, region, score, r2, bounds, layer=CHOSEN, layers_chosen=dict(won))
        rows += [row.model_copy(update=said) for row, said in zip(own, further, strict=True)]
        redraws.append(score.found.drawn - score.found.values)
        tables.append(_unit_table(problem, region, score, r2, columns))
        if problem.ceiling is not None and not np.isfinite(score.ceiled).any():
            unreliable.append(region.name)
        kept.append(np.stack(chosen))
        for k, layer in enumerate(fits[0].layers):
            fixed = [np.asarray(fit.predictions[k][:, region.units]) for fit in fits]
            gains = [fit.gains(region, [k] * len(problem.split.folds)) for fit in fits]
            alone = _scored(problem, region, fixed, gains, blocks, fold_of, seed)
            rows += labelled(problem, region, alone, _r2(problem, region, fixed), bounds, layer=layer)
    warnings = (*dict.fromkeys(w for fit in fits for w in fit.warnings), *_notes(constant, silent, unreliable))
    names = ids or [str(i) for i in range(len(problem.responses))]
    maps, arrays = map_arrays(fits[0], problem, first_picks, names)
    curves = [
        curve
        for series in problem.series
        for curve in series_curves(problem, series, fits, all_picks[series.region], blocks, fold_of, seed=seed)
    ]
    units = pd.concat(tables, ignore_index=True)
    return EncodingScores(
        with_q(rows),
        units,
        np.concatenate(kept, axis=2),
        np.concatenate(redraws, axis=1).astype(np.float32),
        maps,
        arrays,
        warnings,
        tuple(curves),
    )


def _scored(
    problem: Problem,
    region: Region,
    predictions: Sequence[Array],
    gains: Sequence[Array | None],
    rows: Sequence[Rows],
    fold_of: NDArray[np.int64],
    seed: int,
) -> RegionScore:
    blocks = region_blocks(problem, region, predictions, rows, fold_of)
    r = unit_scores(blocks, np.ones((1, len(blocks))), strict=True)[0]
    shares = twice(problem, region, predictions, gains, r)
    return score_region(problem, region, blocks, twice=shares, seed=seed)


def _notes(constant: int, silent: int, unreliable: Sequence[str]) -> list[str]:
    notes = []
    if constant:
        notes.append(f"{constant} units are constant in a held-out fold or in training and have no score")
    if silent:
        notes.append(f"{silent} units are predicted to be constant: the fits found nothing there, and r is 0")
    if unreliable:
        notes.append(
            f"no unit of {', '.join(unreliable)} is reliable enough for a ceiled score (a noise ceiling of {FLOOR} in "
            "training rows, surely above 0, and in held-out rows)"
        )
    return notes


def _says_nothing(problem: Problem, predictions: Sequence[Array]) -> NDArray[np.bool_]:
    """Units whose predictions are one number in every fold."""
    spans = [np.ptp(p[f.test], axis=0) for p in predictions for f in problem.split.folds]
    return np.asarray((np.stack(spans) == 0).all(axis=0))


def _r2(problem: Problem, region: Region, predictions: Sequence[Array]) -> Array:
    """Out-of-sample R2 of each unit, against the mean of training rows; mean over model draws."""
    y = problem.responses[:, region.units]
    folds = problem.split.folds
    total = sum(squared_errors(y[f.test], _mean(y[f.train])) for f in folds)
    errors = sum(squared_errors(y[f.test], p[f.test]) for p in predictions for f in folds) / len(predictions)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(total > 0, 1 - errors / total, np.nan))


def _rows(
    problem: Problem,
    region: Region,
    score: RegionScore,
    r2: Array,
    bounds: Sequence[Bound],
    *,
    layer: str,
    readout: str,
    metric: str,
    layers_chosen: dict[str, int] | None = None,
) -> list[Row]:
    missing = np.isnan(problem.responses[:, region.units]).sum(axis=0)
    rows = []
    for k, (subject, units) in enumerate(zip(score.subjects, score.members, strict=True)):
        interval = score.intervals[k]
        ceiled = None if score.ceiled_intervals is None else score.ceiled_intervals[k]
        rows.append(
            Row(
                region=region.name,
                subject=subject,
                layer=layer,
                readout=readout,
                metric=metric,
                **interval_fields(interval),
                ceiling=number_or_none(bounds[k].value),
                ceiling_low=number_or_none(bounds[k].low),
                ceiling_high=number_or_none(bounds[k].high),
                ceiling_unit="r2" if bounds[k].kind != "none" else None,
                ceiling_kind=bounds[k].kind,
                ceiling_rows="held-out" if bounds[k].kind not in ("none", "published") else None,
                ceiled=number_or_none(ceiled.value) if ceiled else None,
                ceiled_low=number_or_none(ceiled.low) if ceiled else None,
                ceiled_high=number_or_none(ceiled.high) if ceiled else None,
                r2=number_or_none(score.over(k, r2)),
                n_units=len(units),
                n_ceiled=int(np.isfinite(score.ceiled[units]).sum()),
                n_samples=len(problem.split.held_out),
                n_missing=int(missing[units].sum()),
                spread=number_or_none(score.spread[k]),
                layers_chosen=layers_chosen or {},
            )
        )
    return rows


def _unit_table(
    problem: Problem, region: Region, score: RegionScore, r2: Array, columns: dict[str, Array]
) -> pd.DataFrame:
    none = np.full(len(region), np.nan)
    return pd.DataFrame(
        {
            "region": region.name,
            "subject": problem.subject_of[region.units],
            "unit": region.units,
            "r": score.r,
            "r2": r2,
            "ceiling": none if problem.ceiling is None else problem.ceiling.held_out[region.units],
            "ceiling_low": none if problem.ceiling is None else problem.ceiling.low[region.units],
            "ceiling_high": none if problem.ceiling is None else problem.ceiling.high[region.units],
            "ceiled": score.ceiled,
            **columns,
        }
    )


def _mean(values: Array) -> Array:
    """Mean of the values that are there; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
