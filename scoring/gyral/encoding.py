"""Encoding: predict responses from every layer, choose layers inside training rows, score per region."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r, squared_errors
from gyral.progress import Progress, silent
from gyral.readouts.readout import Readout
from gyral.record import CHOSEN, Row
from gyral.scores.interval import around, resampling_weights, weighted_r
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class LayerFits:
    """Out-of-fold predictions of every layer of one model.

    Parameters
    ----------
    layers : tuple of str
    predictions : array, layers x samples x units
        float32; NaN where a row is never held out.
    inner_r2 : array, folds x layers x units
        What training rows say of each layer.
    """

    layers: tuple[str, ...]
    predictions: Array
    inner_r2: Array
    warnings: tuple[str, ...] = ()

    def chosen_in(self, fold: int, region: Region) -> int:
        """Layer with the best mean inner R2 over the region's units; the first of equals."""
        scores = self.inner_r2[fold][:, region.units]
        known = np.isfinite(scores)
        sums = np.where(known, scores, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return int(np.argmax(np.where(known.any(axis=1), sums, -np.inf)))


def fit_layers(
    features: dict[str, Features],
    problem: Problem,
    readout: Readout,
    *,
    seed: int = 0,
    progress: Progress = silent,
    step: str = "readout",
) -> LayerFits:
    """Fit the readout on each layer and fold; predictions are for held-out rows only."""
    split = problem.split
    samples, units = problem.responses.shape
    predictions = np.full((len(features), samples, units), np.nan, np.float32)
    inner_r2 = np.full((len(split.folds), len(features), units), np.nan)
    notes: Counter[str] = Counter()
    parts = len(features) * len(split.folds)
    for k, layer in enumerate(features.values()):
        for f, fold in enumerate(split.folds):
            progress(step, k * len(split.folds) + f, parts)
            fitted = readout.fit(layer, problem.responses, fold.train, split.inner(fold), seed=seed)
            predictions[k, fold.test] = fitted.predict(layer, fold.test)
            inner_r2[f, k] = fitted.inner_r2
            notes.update(fitted.warnings)
    progress(step, parts, parts)
    warnings = tuple(f"{text} (in {count} of {parts} fits)" for text, count in sorted(notes.items()))
    return LayerFits(tuple(features), predictions, inner_r2, warnings)


@dataclass(frozen=True, eq=False)
class Cell:
    """Per-unit figures of one region and one layer (or the chosen ones), mean over draws."""

    region: Region
    r: Array  # folds x units
    r2: Array  # units, out-of-sample
    drawn: Array  # bootstrap draws x units
    per_draw: list[Array] = field(default_factory=list)  # one unit-wise r per model draw


def score_encoding(
    fits: Sequence[LayerFits], problem: Problem, *, readout: str, metric: str = "pearson", seed: int = 0
) -> tuple[list[Row], pd.DataFrame, Array, tuple[str, ...]]:
    """Rows, unit table and chosen predictions from the fits of one model or of all draws of a twin.

    Returns
    -------
    rows : list of Row
        Each region x subject (and "all") with the chosen layers, and each layer.
    units : DataFrame
        One row per region and unit: region, subject, unit, r, r2, ceiling, ceiled.
    predictions : array, draws x samples x rows of ``units``
        Out-of-fold predictions with the chosen layers, float32.
    warnings : tuple of str
    """
    weights = resampling_weights(problem.split, seed=seed)
    rows: list[Row] = []
    tables: list[pd.DataFrame] = []
    kept: list[Array] = []
    constant = 0
    for region in problem.regions:
        picks = [[fit.chosen_in(f, region) for f in range(len(problem.split.folds))] for fit in fits]
        chosen = [_assemble(fit, problem, region, pick) for fit, pick in zip(fits, picks, strict=True)]
        won = Counter(fit.layers[k] for fit, pick in zip(fits, picks, strict=True) for k in pick)
        cell = _cell(problem, region, chosen, weights)
        constant += int(np.isnan(_over_folds(cell.r, problem)).sum())
        rows += _rows(cell, problem, CHOSEN, readout, metric, dict(won))
        tables.append(_unit_table(cell, problem))
        kept.append(np.stack(chosen))
        for k, layer in enumerate(fits[0].layers):
            fixed = [fit.predictions[k][:, region.units] for fit in fits]
            rows += _rows(_cell(problem, region, fixed, weights), problem, layer, readout, metric, {})
    warnings = tuple(dict.fromkeys(w for fit in fits for w in fit.warnings))
    if constant:
        warnings += (f"{constant} units are constant in a held-out fold or in training and have no score",)
    return rows, pd.concat(tables, ignore_index=True), np.concatenate(kept, axis=2), warnings


def _assemble(fit: LayerFits, problem: Problem, region: Region, pick: list[int]) -> Array:
    out = np.full((len(problem.responses), len(region)), np.nan, np.float32)
    for fold, k in zip(problem.split.folds, pick, strict=True):
        out[fold.test] = fit.predictions[k][np.ix_(fold.test, region.units)]
    return out


def _cell(problem: Problem, region: Region, predictions: Sequence[Array], weights: Sequence[Array]) -> Cell:
    y = problem.responses[:, region.units]
    folds = problem.split.folds
    r = np.zeros((len(folds), len(region)))
    per_draw, errors, drawn = [], np.zeros(len(region)), np.zeros((len(weights[0]), len(region)))
    total = sum(squared_errors(y[f.test], np.nanmean(y[f.train], axis=0)) for f in folds)
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
    return Cell(region, r, r2, drawn, per_draw)


def _rows(cell: Cell, problem: Problem, layer: str, readout: str, metric: str, won: dict[str, int]) -> list[Row]:
    subject_of = problem.subject_of[cell.region.units]
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
                spread=_number(spread) if spread is not None else None,
                layers_chosen=won,
            )
        )
    return rows


def _unit_table(cell: Cell, problem: Problem) -> pd.DataFrame:
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
