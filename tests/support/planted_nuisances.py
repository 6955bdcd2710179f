"""Units that nuisances drive, a model drives, both, or neither. Tests only."""

from dataclasses import dataclass

import numpy as np

from gyral.controls.bands import PREFIX, Nuisances
from gyral.controls.nuisance import Fitting, NuisanceFits
from gyral.controls.unique import Left, what_is_left
from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.features.features import Features
from gyral.fitting import MEMORY, LayerFits
from gyral.scores.problem import Problem

SAMPLES, UNITS = 400, 15
# Variance from nuisances and from the model in a response of variance 1.
TRUTH = {"nuisance": (0.5, 0.0), "model": (0.0, 0.5), "both": (0.3, 0.3), "noise": (0.0, 0.0)}


@dataclass(frozen=True, eq=False)
class Planted:
    """Two regions' worth of each truth, bands, and a model that also carries the bands."""

    problem: Problem
    nuisances: Nuisances
    layers: dict[str, Features]

    @property
    def fitting(self) -> Fitting:
        return Fitting(self.nuisances, self.problem, 0, MEMORY, "cpu")

    def left(self, alone: NuisanceFits, fits: LayerFits) -> dict[str, Left]:
        picks = {r.name: fits.picks(self.problem, r) for r in self.problem.regions}
        chosen = {name: [fits.layers[k] for k in pick] for name, pick in picks.items()}
        model = {r.name: fits.assembled(self.problem, r, picks[r.name]) for r in self.problem.regions}
        both = self.fitting.joint(self.layers, chosen, alone)
        gains = {r.name: fits.gains(r, picks[r.name]) for r in self.problem.regions}
        return what_is_left(self.problem, alone.predictions, model, both, gains)


def planted(subjects: int = 1, seed: int = 0) -> Planted:
    rng = np.random.default_rng(seed)

    def columns(width: int) -> np.ndarray:
        return rng.standard_normal((SAMPLES, width))

    bands = {"length": columns(2), "frequency": columns(4), "edges": columns(12)}
    own = columns(10)
    everything = np.concatenate(list(bands.values()), axis=1)

    def driven(source: np.ndarray, share: float) -> np.ndarray:
        signal = source @ rng.standard_normal((source.shape[1], UNITS))
        return np.sqrt(share) * signal / signal.std(axis=0)

    responses = np.concatenate(
        [driven(everything, n) + driven(own, m) + np.sqrt(1 - n - m) * columns(UNITS) for n, m in TRUTH.values()],
        axis=1,
    ).astype(np.float32)
    regions = tuple(Region(name, np.arange(UNITS) + UNITS * k) for k, name in enumerate(TRUTH))
    owner = np.array([f"s{u % subjects}" for u in range(responses.shape[1])])
    spaces = tuple(Features(PREFIX + k, v.astype(np.float32)) for k, v in bands.items())
    mixed = np.concatenate([own, everything @ rng.standard_normal((everything.shape[1], 10)) / 4], axis=1)
    layers = {
        "both": Features("both", mixed.astype(np.float32)),
        "useless": Features("useless", columns(5).astype(np.float32)),
    }
    problem = Problem(responses, contiguous(SAMPLES), regions, owner, None, exchangeable=True)
    return Planted(problem, Nuisances(spaces, dict.fromkeys(bands, "made")), layers)
