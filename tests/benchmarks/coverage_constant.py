"""Intervals of the correlation of a model's predictions with those of nuisances held constant, where folds train on one another's rows.

Two ridges with fixed penalties, one of nuisances and one of the model, against the partial correlation that their maps reach
on average on stimuli they have not seen; and how many of models that add nothing are said to leave something.
"""

from collections.abc import Iterator

import numpy as np
from coverage_designs import Array, Design, covers, in_groups, independent, percent, series
from coverage_left import FRESH, PENALTY, World

from gyral.scores.constant import partial_sums, residuals
from gyral.scores.pairs import twice_beyond, widened_by
from gyral.scores.region import score_blocks

FITS = ((independent(200), 20), (independent(1000), 20), (in_groups(20, 10), 20), (series(400), 20))
SIGNAL = (0.0, 0.1, 0.5)  # variance that the model alone explains, per variance of the noise


def constant(sims: int, only: str) -> Iterator[str]:
    """Coverage conditional on both maps, and intervals that lie above 0 (2.5 promised where nothing is added)."""
    yield f"{'design':<28}{'units':>6}{'signal':>7}{'partial':>9}{'covers':>11}{'gain unknown':>14}{'as redrawn':>12}{'above 0':>11}"
    for design, features in FITS:
        for units in (1, 30):
            for signal in SIGNAL:
                if only in f"{design.name}, {units} units, {signal}":
                    yield _line(design, features, units, signal, sims)


def _line(design: Design, features: int, units: int, signal: float, sims: int) -> str:
    rng = np.random.default_rng(14)
    found: dict[str, list[tuple[float, float]]] = {"gain": [], "unknown": [], "redrawn": []}
    truths = []
    for seed in range(sims):
        world = World(design, features, units, signal, rng)
        bands, model, y = world.stimuli()
        problem = world.problem(y)
        (region,), parts = problem.regions, [np.arange(units)]
        maps, predictions, gain = _ridges(design, bands, model, y)
        fresh = (world.stimuli() for _ in range(FRESH))
        truths.append(np.mean([_reached(design, maps, *new) for new in fresh]))
        rows, fold_of = score_blocks(problem)
        drawn = partial_sums(y, predictions[1], predictions[:1], rows, fold_of).redraws(parts, seed=seed)
        beyond = residuals(y, predictions[1], predictions[:1], design.split)
        for name, known in (("gain", gain), ("unknown", None), ("redrawn", 0 * gain)):
            (own,) = drawn.wider(widened_by(twice_beyond(problem, region, *beyond, known), parts)).intervals()
            found[name].append((own.low, own.high))
    hits = {name: covers(own, np.array(truths)) for name, own in found.items()}
    above = [low > 0 for low, _ in found["gain"]]
    shares = f"{percent(hits['gain']):>11}{percent(hits['unknown']):>14}{percent(hits['redrawn']):>12}{percent(above):>11}"
    return f"{design.name:<28}{units:>6}{signal:>7}{np.mean(truths):>9.3f}{shares}"


def _ridges(design: Design, bands: Array, model: Array, y: Array) -> tuple[list[list[Array]], list[Array], Array]:
    """Maps of each fold, predictions by nuisances and by the model, and the gain of the second: folds x units."""
    maps, predictions, gain = [], [np.zeros_like(y), np.zeros_like(y)], []
    for fold in design.split.folds:
        own, mean = [], y[fold.train].mean(axis=0)
        for x, out in zip((bands, model), predictions, strict=True):
            middle = x[fold.train].mean(axis=0)
            a, b = x[fold.train] - middle, x[fold.test] - middle
            smooth = np.linalg.solve(a.T @ a + PENALTY * np.eye(a.shape[1]), a.T)
            own.append(smooth @ (y[fold.train] - mean))
            out[fold.test] = b @ own[-1] + mean
        maps.append(own)
        gain.append(np.full(y.shape[1], ((b @ smooth) ** 2).sum(axis=1).mean()))
    return maps, predictions, np.array(gain)


def _reached(design: Design, maps: list[list[Array]], bands: Array, model: Array, y: Array) -> float:
    """Median over units of what the maps reach on other stimuli, in folds of the same size."""
    predictions = [np.zeros_like(y), np.zeros_like(y)]
    for own, fold in zip(maps, design.split.folds, strict=True):
        for x, weights, out in zip((bands, model), own, predictions, strict=True):
            out[fold.test] = x[fold.test] @ weights
    tests = [fold.test for fold in design.split.folds]
    sums = partial_sums(y, predictions[1], predictions[:1], tests, np.arange(len(tests)))
    return float(np.median(sums.partial(np.ones((1, len(tests))))))
