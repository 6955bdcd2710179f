"""Scored canaries: features that know nothing of the stimuli, through the engine that scores models.

Standard errors are over stretches of samples that may be held for independent (`stretches`), and over draws of a canary's
features where those are random.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.canaries.verdict import MEAN, TAIL, Cell
from gyral.datasets.split import Fold, Rows, Split
from gyral.features.features import Features
from gyral.fitting import LayerFits, fit_layers
from gyral.readouts.spec import open_readout
from gyral.scores.blocks import LEAST_BLOCKS, ORDERED_BLOCKS, correlated_rows
from gyral.scores.confidence import t_quantile
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

DRAWS = 200
READOUT = "ridge"
_ROUND = 20
_LENGTHS = 4.0  # of a stretch, in rows that stay correlated


def fit(problem: Problem, spaces: Mapping[str, Array], seed: int) -> LayerFits:
    """Out-of-fold predictions of each feature array (rows x features) by the engine's ridge."""
    solver = open_readout(READOUT, exchangeable=problem.exchangeable)
    layers = {name: Features(name, np.asarray(array, np.float32)) for name, array in spaces.items()}
    return fit_layers(layers, problem, solver, seed=seed)


def cells(
    problem: Problem, spaces: Mapping[str, Array], seed: int, independent: Sequence[Rows] | None = None
) -> list[Cell]:
    """Every region under every setting (name of a feature array).

    ``independent``: rows that know nothing of each other; default `stretches`.
    """
    parts = stretches(problem) if independent is None else independent
    fits = fit(problem, spaces, seed)
    found = []
    for setting, predictions in zip(fits.layers, fits.predictions, strict=True):
        values, influence = region_values(problem, _told_apart(problem, spaces[setting], predictions))
        errors, df = standard_errors(influence, parts)
        for k, region in enumerate(problem.regions):
            found.append(Cell(region.name, setting, float(values[k]), float(errors[k]), float(df[k])))
    return found


def drawn_cells(problem: Problem, make: Callable[[int], Array], seed: int, *, most: int = DRAWS) -> list[Cell]:
    """Every region, mean over draws of a canary's features.

    Drawing stops early only where no mean that the draws allow could be refused; a refusal rests on all of them.

    Parameters
    ----------
    problem : Problem
    make : callable
        Number of a draw -> rows x features.
    seed : int
    most : int
        Draws.
    """
    values: list[Floats] = []
    influence = np.zeros((len(problem.responses), len(problem.regions)))
    parts = stretches(problem)
    while len(values) < most:
        numbers = range(len(values), len(values) + _ROUND)
        for predictions in fit(problem, {f"draw {n}": make(n) for n in numbers}, seed).predictions:
            value, own = region_values(problem, predictions)
            values.append(value)
            influence += own
        count, regions = len(values), len(problem.regions)
        mean, spread = np.mean(values, axis=0), np.std(values, axis=0, ddof=1) / np.sqrt(count)
        errors, df = standard_errors(influence / count, parts)
        highest = mean + t_quantile(1 - TAIL / regions, count - 1) * spread
        if not ((highest > MEAN) & (highest > _reach(df, regions) * errors)).any():
            break
    names = [region.name for region in problem.regions]
    total = np.sqrt(spread**2 + errors**2)
    return [
        Cell(n, "", float(m), float(s), float(d), count) for n, m, s, d in zip(names, mean, total, df, strict=True)
    ]


def region_values(problem: Problem, predictions: Array) -> tuple[Floats, Floats]:
    """r of each region, and what each held-out row does to it.

    Returns
    -------
    values : array, regions
        r in each fold, mean over folds by their rows, then over units; NaN where no unit has a score.
    influence : array, rows x regions
        Influence of the row, ``z_y z_p - r (z_y^2 + z_p^2) / 2`` (Devlin et al. 1975, Biometrika 62, 531-545), over
        the number of held-out rows and units: summed over independent blocks, its spread is the standard error.
    """
    held_out = sum(len(f.test) for f in problem.split.folds)
    shape = problem.responses.shape
    r, product, squares = np.zeros(shape[1]), np.zeros(shape), np.zeros(shape)
    for fold in problem.split.folds:
        predicted = np.asarray(predictions[fold.test], np.float64)
        present = np.isfinite(problem.responses[fold.test]) & np.isfinite(predicted)
        y = _standardised(problem.responses[fold.test], present)
        p = _standardised(predicted, present)
        own = (y * p).sum(axis=0) / np.maximum(present.sum(axis=0), 1)
        # A unit that does not change in a fold has no score; a prediction that does not change scores 0.
        r += np.where((y != 0).any(axis=0), own, np.nan) * len(fold.test) / held_out
        product[fold.test], squares[fold.test] = y * p, y * y + p * p
    # Around r over all folds: around that of each fold, nothing would be left of what folds differ in.
    influence = (product - r * squares / 2) / held_out
    values, effects = [], []
    for region in problem.regions:
        known = region.units[np.isfinite(r[region.units])]
        values.append(r[known].mean() if len(known) else np.nan)
        effects.append(influence[:, known].mean(axis=1) if len(known) else np.full(len(influence), np.nan))
    return np.array(values), np.column_stack(effects)


def in_order(count: int) -> Split:
    """All rows as one series."""
    order = np.arange(count, dtype=np.int64)
    return Split("in order", (Fold(order[:0], order),))


def _told_apart(problem: Problem, space: Array, predictions: Array) -> Array:
    """Predictions, made equal in folds whose held-out rows a readout cannot tell apart.

    What it predicts of them differs by rounding only, and the correlation of rounding is no score.
    """
    out = np.array(predictions)
    for fold in problem.split.folds:
        used = np.ptp(space[fold.train], axis=0) > 0
        if not np.ptp(space[fold.test][:, used], axis=0).any():
            out[fold.test] = np.where(np.isfinite(out[fold.test]), 0.0, np.nan)
    return out


def _reach(df: Floats, count: int) -> Floats:
    return np.array([t_quantile(1 - TAIL / count, d) for d in df])


def standard_errors(influence: Floats, parts: Sequence[Rows]) -> tuple[Floats, Floats]:
    """Standard error of each region over independent parts of the rows, and its degrees of freedom.

    A canary may speak in a few parts only, such as those at borders between folds; Satterthwaite's degrees of freedom,
    ``(sum v)^2 / sum v^2`` of the variances v of parts, count those. Normal sums s have ``E s^4 = 3 v^2``.
    """
    sums = np.stack([influence[rows].sum(axis=0) for rows in parts])
    count = len(sums)
    squares = (sums - sums.mean(axis=0)) ** 2
    total, fourth = squares.sum(axis=0), (squares**2).sum(axis=0)
    df = 3 * total**2 / np.where(fourth > 0, fourth, 1.0) - 1
    return np.sqrt(total * count / max(count - 1, 1)), np.clip(df, 1, max(count - 1, 1))


def stretches(problem: Problem) -> list[Rows]:
    """Rows in order, cut into stretches long enough that they hardly know of each other, with borders of folds inside.

    What two neighbours on either side of a border have in common enters twice, by each of them: cut at the border,
    it would be taken for two independent observations, and the standard error would be 1.4 times too small.
    """
    count = len(problem.responses)
    order = np.arange(count, dtype=np.int64)
    length = _LENGTHS * correlated_rows(problem.responses, in_order(count))
    wanted = int(np.clip(count / length, LEAST_BLOCKS, ORDERED_BLOCKS))
    fold_of = np.full(count, -1, np.int64)
    for k, fold in enumerate(problem.split.folds):
        fold_of[fold.test] = k
    borders = np.concatenate([[0], np.flatnonzero(np.diff(fold_of)) + 1, [count]])
    cuts: list[int] = []
    for start, stop in pairwise(borders.tolist()):
        pieces = round(wanted * (stop - start) / count)
        cuts += [start + round((k + 0.5) / pieces * (stop - start)) for k in range(pieces)]
    if len(cuts) < wanted / 2:  # folds of single rows
        return np.array_split(order, min(wanted, count))
    return [part for part in np.split(order, sorted(set(cuts))) if len(part)]


def _standardised(values: Array, present: NDArray[np.bool_]) -> Floats:
    """Centred and scaled over present rows; 0 where missing or constant."""
    count = np.maximum(present.sum(axis=0), 1)
    filled = np.where(present, values, 0.0).astype(np.float64)
    mean = filled.sum(axis=0) / count
    centred = np.where(present, filled - mean, 0.0)
    variance = (centred**2).sum(axis=0) / count
    flat = variance <= 1e-14 * mean**2  # float32 rounding of a constant
    return np.asarray(centred / np.sqrt(np.where(flat | (variance == 0), 1.0, variance)) * ~flat)
