"""Intervals of what a model adds to nuisances, where folds train on one another's rows.

``left``: two ridges with fixed penalties, against what their maps add on average on stimuli they have not seen.
``nothing``: the search of weights and penalties that a score runs, with one band, for a model that adds nothing; how many
are said to leave something.
"""

from collections.abc import Iterator

import numpy as np
from coverage_designs import Array, Design, covers, in_groups, independent, percent, series

from gyral.controls.bands import PREFIX, Nuisances
from gyral.controls.nuisance import Fitting, Joint
from gyral.controls.unique import what_is_left
from gyral.datasets.region import Region
from gyral.features.features import Features
from gyral.fitting import MEMORY, fit_layers
from gyral.left import nothing_left
from gyral.readouts.ridge import Ridge
from gyral.scores.gain import block_errors
from gyral.scores.pairs import twice_beyond, widened_by
from gyral.scores.problem import Problem
from gyral.scores.region import score_blocks

FRESH = 40  # sets of unseen stimuli that the truth is a mean of
BANDS = 5  # columns of nuisances
EXPLAINED = 0.4  # variance that nuisances explain, per variance of the noise
PENALTY = 20.0

# Design, features of the model.
FITS = (
    (independent(200), 20),
    (independent(200), 100),
    (independent(1000), 20),
    (in_groups(20, 10), 20),
    (series(400), 20),
)
SIGNAL = (0.0, 0.1, 0.5)  # variance that the model alone explains, per variance of the noise


class World:
    """Units that nuisances drive, and a model that carries them in half of its variance."""

    def __init__(self, design: Design, features: int, units: int, signal: float, rng: np.random.Generator) -> None:
        self.design, self.units, self.rng = design, units, rng
        self.mixed = rng.standard_normal((BANDS, features)) / np.sqrt(2 * BANDS)
        self.of_bands = np.sqrt(EXPLAINED / BANDS) * rng.standard_normal((BANDS, units))
        self.of_model = np.sqrt(signal / features) * rng.standard_normal((features, units))

    def stimuli(self) -> tuple[Array, Array, Array]:
        """Nuisances, the model's features, and responses."""
        bands = self.design.noise(self.rng, BANDS)
        own = self.design.noise(self.rng, len(self.of_model))
        noise = self.design.units(self.rng, self.units) if self.units > 1 else self.design.noise(self.rng, 1)
        responses = bands @ self.of_bands + own @ self.of_model + noise
        return bands, np.sqrt(0.5) * own + bands @ self.mixed, responses

    def problem(self, responses: Array) -> Problem:
        region = Region("all", np.arange(self.units))
        exchangeable = not self.design.phi and self.design.split.groups is None
        subject = np.full(self.units, "s1")
        return Problem(responses, self.design.split, (region,), subject, None, exchangeable=exchangeable)


def left(sims: int, only: str) -> Iterator[str]:
    """What a second ridge adds to a first, conditional on both; how many intervals lie above what is true (2.5 promised)."""
    yield (
        f"{'design':<28}{'features':>9}{'units':>6}{'signal':>7}{'added':>8}{'covers':>11}{'gain unknown':>14}"
        f"{'as redrawn':>12}{'above truth':>13}{'as redrawn':>12}"
    )
    for design, features in FITS:
        for units in (1, 30):
            for signal in SIGNAL:
                if only in f"{design.name}, {features} features, {units} units, {signal}":
                    yield _left(design, features, units, signal, sims)


def _left(design: Design, features: int, units: int, signal: float, sims: int) -> str:
    found, truths = left_intervals(design, features, units, signal, sims)
    hits = {name: covers(own, truths) for name, own in found.items()}
    above = {name: np.transpose(own)[0] > truths for name, own in found.items()}
    shares = f"{percent(hits['gain']):>11}{percent(hits['unknown']):>14}{percent(hits['redrawn']):>12}"
    high = f"{percent(above['gain']):>13}{percent(above['redrawn']):>12}"
    return f"{design.name:<28}{features:>9}{units:>6}{signal:>7}{truths.mean():>8.3f}{shares}{high}"


def left_intervals(
    design: Design, features: int, units: int, signal: float, sims: int
) -> tuple[dict[str, list[tuple[float, float]]], Array]:
    """Intervals of each simulation, widened by the gain, by what is not explained, and as redrawn; and truths."""
    rng = np.random.default_rng(12)
    found: dict[str, list[tuple[float, float]]] = {"gain": [], "unknown": [], "redrawn": []}
    truths = []
    for seed in range(sims):
        world = World(design, features, units, signal, rng)
        bands, model, y = world.stimuli()
        problem = world.problem(y)
        (region,), parts = problem.regions, [np.arange(units)]
        both = np.hstack([bands, model])
        maps, alone, joint, gain = _ridges(design, bands, both, y)
        truths.append(np.mean([_added(design, maps, *world.stimuli()) for _ in range(FRESH)]))
        errors = block_errors(y, (alone, joint), design.split, *score_blocks(problem))
        drawn = errors.redraws(1, 2, parts, seed=seed)
        for name, known in (("gain", gain), ("unknown", None), ("redrawn", 0 * gain)):
            factor = widened_by(twice_beyond(problem, region, alone, joint, known), parts)
            (own,) = drawn.wider(factor).intervals()
            found[name].append((own.low, own.high))
    return found, np.array(truths)


def _ridges(
    design: Design, bands: Array, both: Array, y: Array
) -> tuple[list[tuple[Array, ...]], Array, Array, Array]:
    """Maps of each fold, predictions of either, and the gain of their difference: folds x units."""
    maps, predictions, gain = [], [np.zeros_like(y), np.zeros_like(y)], []
    for fold in design.split.folds:
        mean = y[fold.train].mean(axis=0)
        own: list[Array] = [mean]
        weights = []
        for x, out in zip((bands, both), predictions, strict=True):
            middle = x[fold.train].mean(axis=0)
            a, b = x[fold.train] - middle, x[fold.test] - middle
            penalty = PENALTY * np.where(np.arange(x.shape[1]) < BANDS, 1.0, x.shape[1] / BANDS / 2)
            smooth = np.linalg.solve(a.T @ a + np.diag(penalty), a.T)
            own += [middle, smooth @ (y[fold.train] - mean)]
            out[fold.test] = b @ own[-1] + mean
            weights.append(b @ smooth)
        maps.append(tuple(own))
        gain.append(np.full(y.shape[1], ((weights[1] - weights[0]) ** 2).sum(axis=1).mean()))
    return maps, *predictions, np.array(gain)


def _added(design: Design, maps: list[tuple[Array, ...]], bands: Array, model: Array, y: Array) -> float:
    """Median over units of what the maps add on other stimuli, in folds of the same size."""
    both, less, total = np.hstack([bands, model]), 0.0, 0.0
    for (mean, first, alone, second, joint), fold in zip(maps, design.split.folds, strict=True):
        rest = y[fold.test] - mean
        errors = [((rest - (x[fold.test] - m) @ w) ** 2).sum(axis=0)
                  for x, m, w in ((bands, first, alone), (both, second, joint))]  # fmt: skip
        less, total = less + errors[0] - errors[1], total + (rest**2).sum(axis=0)
    return float(np.median(less / total))


# Design, columns of the model.
EMPTY = ((independent(200), 10), (in_groups(20, 10), 10), (series(400), 10))


def nothing(sims: int, only: str) -> Iterator[str]:
    """A model that adds nothing, through the search of weights and penalties: how many are said to leave something, and lie above 0."""
    yield f"{'design':<28}{'units':>6}   {'model':<22}{'left':>11}{'above 0':>11}{'as redrawn':>12}{'mean':>9}"
    for design, features in EMPTY:
        for units in (1, 30):
            for kind in ("noise", "half nuisances"):
                if only in f"{design.name}, {units} units, {kind}":
                    yield _nothing(design, features, units, kind, sims)


def _nothing(design: Design, features: int, units: int, kind: str, sims: int) -> str:
    rng = np.random.default_rng(13)
    said, above, plain, values = [], [], [], []
    for seed in range(sims):
        world = World(design, features, units, 0.0, rng)
        bands, model, y = world.stimuli()
        columns = {"noise": design.noise(rng, features), "half nuisances": model}
        wide, narrow = _lows(world.problem(y.astype(np.float32)), bands, columns[kind], seed)
        values.append(wide[0])
        said.append(not nothing_left(*wide))
        above.append(wide[1] > 0)
        plain.append(narrow[1] > 0)
    shares = f"{percent(said):>11}{percent(above):>11}{percent(plain):>12}"
    return f"{design.name:<28}{units:>6}   {kind:<22}{shares}{np.mean(values):9.4f}"


def _lows(problem: Problem, bands: Array, model: Array, seed: int) -> tuple[tuple[float, float], ...]:
    """What is left and the lower end of its interval, as a record has it and without widening."""
    # One band: with several, two hundred weightings of them take most of the time.
    nuisances = Nuisances((Features(f"{PREFIX}band", np.asarray(bands, np.float32)),), {"band": ""})
    layers = {"model": Features("model", np.asarray(model, np.float32))}
    fits = fit_layers(layers, problem, Ridge(), seed=seed)
    fitting = Fitting(nuisances, problem, seed, MEMORY, "cpu")
    alone = fitting.alone()
    picks = [0] * len(problem.split.folds)
    (region,) = problem.regions
    joint = fitting.joint(layers, {region.name: ["model"] * len(picks)}, alone)
    own = {region.name: fits.assembled(problem, region, picks)}
    gains = {region.name: fits.gains(region, picks)}
    found = []
    for factor in (1.0, 0.0):
        both = {name: Joint(j.predictions, factor * j.gain) for name, j in joint.items()}
        fields = what_is_left(problem, alone.predictions, own, both, gains, seed=seed)[region.name].fields["all"]
        found.append((fields["unique_r2"], fields["unique_low"]))
    return tuple(found)
