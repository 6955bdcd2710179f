"""Encoding: choose layers inside training rows, score predictions per region."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.fitting import LayerFits
from gyral.metrics.correlation import pearson_r, squared_errors
from gyral.readings import map_arrays, summaries, unit_columns
from gyral.record import CHOSEN, MapRef, Row
from gyral.scores.interval import around, resampling_weights, weighted_r
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]

# Units whose draws are computed at a time.
_TOGETHER = 4096


@dataclass(frozen=True, eq=False)
class Cell:
    """Per-unit figures of one region and one layer (or the chosen ones), mean over draws."""

    region: Region
    r: Array  # folds x units
    r2: Array  # units, out-of-sample
    drawn: Array  # bootstrap draws x units
    per_draw: list[Array] = field(default_factory=list)  # one unit-wise r per model draw


@dataclass(frozen=True, eq=False)
class EncodingScores:
    """What the fits of one model, or of all draws of a twin, come to.

    Parameters
    ----------
    rows : list of Row
        Each region x subject (and "all") with the chosen layers, and each layer.
    units : DataFrame
        One row per region and unit: region, subject, unit, r, r2, ceiling, ceiled, and the fits' own figures
        (`gyral.readings.unit_columns`).
    predictions : array, draws x samples x rows of ``units``
        Out-of-fold predictions with the chosen layers, float32.
    maps : tuple of MapRef
    map_arrays : dict of str to array
    warnings : tuple of str
    """

    rows: list[Row]
    units: pd.DataFrame
    predictions: Array
    maps: tuple[MapRef, ...]
    map_arrays: dict[str, Array]
    warnings: tuple[str, ...]


def score_encoding(
    fits: Sequence[LayerFits],
    problem: Problem,
    *,
    readout: str,
    metric: str = "pearson",
    ids: Sequence[str] | None = None,
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
    seed : int
        Seed of the interval's draws.
    """
    weights = resampling_weights(problem.split, seed=seed)
    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    kept: list[Array] = []
    first_picks: dict[str, list[int]] = {}
    constant = 0
    for region in problem.regions:
        picks = [[fit.chosen_in(f, region) for f in range(len(problem.split.folds))] for fit in fits]
        first_picks[region.name] = picks[0]
        chosen = [_assemble(fit, problem, region, pick) for fit, pick in zip(fits, picks, strict=True)]
        won = Counter(fit.layers[k] for fit, pick in zip(fits, picks, strict=True) for k in pick)
        cell = _cell(problem, region, chosen, weights)
        constant += int(np.isnan(_over_folds(cell.r, problem)).sum())
        columns = unit_columns(fits, problem, region, picks)
        rows += _rows(cell, problem, CHOSEN, readout, metric, dict(won), columns)
        tables.append(_unit_table(cell, problem, columns))
        kept.append(np.stack(chosen))
        for k, layer in enumerate(fits[0].layers):
            fixed = [np.asarray(fit.predictions[k][:, region.units]) for fit in fits]
            rows += _rows(_cell(problem, region, fixed, weights), problem, layer, readout, metric, {}, {})
    warnings = tuple(dict.fromkeys(w for fit in fits for w in fit.warnings))
    if constant:
        warnings += (f"{constant} units are constant in a held-out fold or in training and have no score",)
    names = ids or [str(i) for i in range(len(problem.responses))]
    maps, arrays = map_arrays(fits[0], problem, first_picks, names)
    units = pd.concat(tables, ignore_index=True)
    return EncodingScores(rows, units, np.concatenate(kept, axis=2), maps, arrays, warnings)


def _assemble(fit: LayerFits, problem: Problem, region: Region, pick: list[int]) -> Array:
    out = np.full((len(problem.responses), len(region)), np.nan, np.float32)
    for fold, k in zip(problem.split.folds, pick, strict=True):
        out[fold.test] = fit.predictions[k][np.ix_(fold.test, region.units)]
    return out


def _cell(problem: Problem, region: Region, predictions: Sequence[Array], weights: Sequence[Array]) -> Cell:
    """Figures of a region, computed for a block of its units after the other."""
    cells = []
    for start in range(0, len(region), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        block = Region(region.name, region.units[part])
        cells.append(_block(problem, block, [p[:, part] for p in predictions], weights))
    if len(cells) == 1:
        return cells[0]
    return Cell(
        region,
        np.concatenate([c.r for c in cells], axis=1),
        np.concatenate([c.r2 for c in cells]),
        np.concatenate([c.drawn for c in cells], axis=1),
        [np.concatenate(draws) for draws in zip(*(c.per_draw for c in cells), strict=True)],
    )


def _block(problem: Problem, region: Region, predictions: Sequence[Array], weights: Sequence[Array]) -> Cell:
    y = problem.responses[:, region.units]
    folds = problem.split.folds
    r = np.zeros((len(folds), len(region)))
    per_draw, errors, drawn = [], np.zeros(len(region)), np.zeros((len(weights[0]), len(region)))
    total = sum(squared_errors(y[f.test], _mean(y[f.train])) for f in folds)
    sizes = _sizes(problem)
    for p in predictions:
        own = np.stack([pearson_r(y[f.test], p[f.test]) for f in folds])
        per_draw.append(_over_folds(own, problem))
        r += own / len(predictions)
        errors += sum(squared_errors(y[f.test], p[f.test]) for f in folds) / len(predictions)
        boot = np.stack([weighted_r(y[f.test], p[f.test], w) for f, w in zip(folds, weights, strict=True)])
        drawn += _weighted_mean(boot, sizes) / len(predictions)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(total > 0, 1 - errors / total, np.nan)
    return Cell(region, r, r2, drawn.astype(np.float32), per_draw)


def _rows(
    cell: Cell,
    problem: Problem,
    layer: str,
    readout: str,
    metric: str,
    won: dict[str, int],
    columns: dict[str, Array],
) -> list[Row]:
    subject_of = problem.subject_of[cell.region.units]
    missing = np.isnan(problem.responses[:, cell.region.units]).sum(axis=0)
    unit_r = _over_folds(cell.r, problem)
    nc, ceiled = _ceiled(cell, problem)
    everyone: list[tuple[str, NDArray[np.bool_]]] = [("all", np.ones(len(subject_of), bool))]
    if len(problem.subjects) > 1:
        everyone += [(s, subject_of == s) for s in problem.subjects if (subject_of == s).any()]
    rows = []
    for subject, mine in everyone:
        value = float(_median(unit_r[mine]))
        low, high = around(value, _median(cell.drawn[:, mine], axis=1))
        spread = (
            float(np.std([_median(d[mine]) for d in cell.per_draw], ddof=1)) if len(cell.per_draw) > 1 else None
        )
        rows.append(
            Row(
                region=cell.region.name,
                subject=subject,
                layer=layer,
                readout=readout,
                metric=metric,
                value=_number(value),
                low=_number(low),
                high=_number(high),
                ceiling=_number(_median(nc[mine])),
                ceiling_unit="r2" if np.isfinite(nc[mine]).any() else None,
                ceiling_kind=problem.ceiling.kind if problem.ceiling and np.isfinite(nc[mine]).any() else "none",
                ceiled=_number(_median(ceiled[mine])),
                r2=_number(_median(cell.r2[mine])),
                n_units=int(mine.sum()),
                n_ceiled=int(np.isfinite(ceiled[mine]).sum()),
                n_samples=len(problem.split.held_out),
                n_missing=int(missing[mine].sum()),
                spread=_number(spread) if spread is not None else None,
                layers_chosen=won,
                **summaries(columns, mine),
            )
        )
    return rows


def _unit_table(cell: Cell, problem: Problem, columns: dict[str, Array]) -> pd.DataFrame:
    nc, ceiled = _ceiled(cell, problem)
    return pd.DataFrame(
        {
            "region": cell.region.name,
            "subject": problem.subject_of[cell.region.units],
            "unit": cell.region.units,
            "r": _over_folds(cell.r, problem),
            "r2": cell.r2,
            "ceiling": nc,
            "ceiled": ceiled,
            **columns,
        }
    )


def _ceiled(cell: Cell, problem: Problem) -> tuple[Array, Array]:
    none = np.full(len(cell.region), np.nan)
    if problem.ceiling is None:
        return none, none
    part = problem.ceiling.of(cell.region.units)
    return part.value(), part.ceiled(cell.r, _sizes(problem))


def _over_folds(r: Array, problem: Problem) -> Array:
    """Mean over folds weighted by held-out rows; NaN where any fold is undefined."""
    return np.asarray(np.average(r, axis=0, weights=_sizes(problem)))


def _weighted_mean(values: Array, sizes: NDArray[np.int64]) -> Array:
    # A draw that leaves a unit constant in one fold is averaged over the other folds.
    known = np.isfinite(values)
    weight = np.where(known, sizes[:, None, None], 0.0)
    total = weight.sum(axis=0)
    mean = (weight * np.where(known, values, 0.0)).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, mean, np.nan)


def _mean(values: Array) -> Array:
    """Mean of the values that are there; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _sizes(problem: Problem) -> NDArray[np.int64]:
    return np.array([len(f.test) for f in problem.split.folds])


def _median(values: Array, axis: int = 0) -> Any:
    """Median of the finite values along an axis; NaN where there is none (and no warning)."""
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=axis)  # NaN sorts last
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=axis)
    high = np.take_along_axis(ordered, np.maximum(count // 2, 0) * (count > 0), axis=axis)
    return np.squeeze((low + high) / 2, axis=axis)[()]


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
