"""Intervals of maps that were fitted in folds which train on one another's rows, against those maps' own scores.

The truth of a simulation is what its maps reach, on average, with as many stimuli they have not seen. Without a signal
that is 0, and an interval that lies above it says so of nothing.
"""

from collections.abc import Iterator

import numpy as np
from coverage_designs import Array, Design, covers, in_groups, independent, percent, series

from gyral.datasets.region import Region
from gyral.scores.pairs import twice
from gyral.scores.problem import Problem
from gyral.scores.region import region_blocks, score_blocks, score_region
from gyral.scores.resampling import unit_scores

FRESH = 12  # sets of unseen stimuli that the truth is a mean of

# Design, features, penalty.
FITS = (
    (independent(200), 20, 20.0),
    (independent(200), 200, 200.0),
    (independent(1000), 20, 20.0),
    (in_groups(20, 10), 20, 20.0),
    (series(400), 20, 20.0),
)
SIGNAL = (0.0, 0.1, 0.5)  # variance of the signal per variance of the noise


def fitted(sims: int, only: str) -> Iterator[str]:
    """Ridge fitted in five folds, conditional on its maps; without signal, also how many intervals lie above 0 (2.5 promised)."""
    yield (
        f"{'design':<28}{'features':>9}{'units':>6}{'signal':>7}{'covers':>11}{'gain unknown':>14}"
        f"{'as redrawn':>12}{'above 0':>11}{'as redrawn':>12}"
    )
    for design, features, penalty in FITS:
        for units in (1, 30):
            for signal in SIGNAL:
                if only in f"{design.name}, {features} features, {units} units, {signal}":
                    yield _fitted(design, features, penalty, units, signal, sims)


def _fitted(design: Design, features: int, penalty: float, units: int, signal: float, sims: int) -> str:
    found, truths = fitted_intervals(design, features, penalty, units, signal, sims)
    hits = {name: covers(own, truths) for name, own in found.items()}
    above = {name: np.transpose(own)[0] > 0 for name, own in found.items()} if not signal else {}
    shares = f"{percent(hits['pairs']):>11}{percent(hits['unknown']):>14}{percent(hits['redrawn']):>12}"
    nothing = f"{percent(above['pairs']):>11}{percent(above['redrawn']):>12}" if above else ""
    return f"{design.name:<28}{features:>9}{units:>6}{signal:>7}{shares}{nothing}"


def fitted_intervals(
    design: Design, features: int, penalty: float, units: int, signal: float, sims: int
) -> tuple[dict[str, list[tuple[float, float]]], Array]:
    """Intervals of each simulation with pairs counted twice (by the gain, and by r alone) and as redrawn; and truths."""
    rng = np.random.default_rng(11)
    region = Region("all", np.arange(units))
    found: dict[str, list[tuple[float, float]]] = {"pairs": [], "unknown": [], "redrawn": []}
    truths = []
    exchangeable = not design.phi and design.split.groups is None
    for seed in range(sims):
        weights = np.sqrt(signal / features) * rng.standard_normal((features, units))
        x, y = _data(design, weights, rng)
        maps, p, gains = penalised(design, x, y, penalty)
        truths.append(np.mean([reached(design, maps, *_data(design, weights, rng)) for _ in range(FRESH)]))
        problem = Problem(y, design.split, (region,), np.full(units, "s1"), None, exchangeable=exchangeable)
        blocks = region_blocks(problem, region, [p], *score_blocks(problem))
        r = unit_scores(blocks, np.ones((1, len(blocks))), strict=True)[0]
        known, unknown = (twice(problem, region, [p], [g], r) for g in (gains, None))
        for name, shares in (("pairs", known), ("unknown", unknown), ("redrawn", None)):
            own = score_region(problem, region, blocks, twice=shares, seed=seed).intervals[0]
            found[name].append((own.low, own.high))
    return found, np.array(truths)


def _data(design: Design, weights: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    x = design.noise(rng, len(weights))
    noise = design.units(rng, weights.shape[1]) if weights.shape[1] > 1 else design.noise(rng, 1)
    return x, x @ weights + noise


def penalised(design: Design, x: Array, y: Array, penalty: float) -> tuple[list[Array], Array, Array]:
    """Maps of each fold, out-of-fold predictions, and the noise gain: folds x units."""
    maps, p, gains = [], np.zeros_like(y), np.zeros((len(design.split.folds), y.shape[1]))
    for k, fold in enumerate(design.split.folds):
        mean = x[fold.train].mean(axis=0)
        a, b = x[fold.train] - mean, x[fold.test] - mean
        smooth = np.linalg.solve(a.T @ a + penalty * np.eye(x.shape[1]), a.T)
        maps.append(smooth @ (y[fold.train] - y[fold.train].mean(axis=0)))
        p[fold.test] = b @ maps[-1]
        gains[k] = ((b @ smooth) ** 2).sum(axis=1).mean()
    return maps, p, gains


def reached(design: Design, maps: list[Array], x: Array, y: Array) -> float:
    """Median over units of what the maps reach on other stimuli, in folds of the same size."""
    total = 0.0
    for own, fold in zip(maps, design.split.folds, strict=True):
        p, t = x[fold.test] @ own, y[fold.test]
        p, t = p - p.mean(axis=0), t - t.mean(axis=0)
        r = (p * t).sum(axis=0) / np.sqrt((p * p).sum(axis=0) * (t * t).sum(axis=0))
        total = total + r * len(fold.test) / design.rows
    return float(np.median(total))
