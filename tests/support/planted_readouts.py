"""Units whose truth is known, for the table of METHODS: which readout finds which truth.

Maps are smooth noise, 16 channels on 8 x 8. Four truths: a static receptive field x channels, the channels at
the one place a prototype stands (content-routed), a dense linear mixture of everything, a global average.
Responses are signal plus noise of the same variance: a noise ceiling of .5 in r2.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter

from gyral.datasets.split import Fold, contiguous
from gyral.features.features import Features
from gyral.metrics.correlation import pearson_r
from gyral.readouts.readout import FittedReadout, Readout

Truth = Literal["field", "routed", "dense", "average"]
CEILING = 0.5
HELD_OUT = 600


@dataclass(frozen=True, eq=False)
class Planted:
    """A problem with its truth.

    ``responses`` and ``signal`` are samples x units; ``centre`` (units x 2: column, row) and ``size`` are in
    cells (fields only); ``routed`` is the position that carries the prototype (routed only).
    """

    features: Features
    responses: np.ndarray
    signal: np.ndarray
    train: np.ndarray
    test: np.ndarray
    inner: tuple[Fold, ...]
    centre: np.ndarray
    size: np.ndarray
    routed: np.ndarray

    def ceiled(self, fitted: FittedReadout) -> float:
        """Median over units of signed r2 / NC on held-out rows."""
        r = pearson_r(self.responses[self.test], fitted.predict(self.features, self.test))
        return float(np.median(np.sign(r) * r**2 / CEILING))

    def score(self, readout: Readout, seed: int = 0) -> float:
        """Fit on training rows and return ``ceiled``."""
        return self.ceiled(readout.fit(self.features, self.responses, self.train, self.inner, seed=seed))


def planted(
    truth: Truth, samples: int = 300, seed: int = 0, *, channels: int = 16, side: int = 8, units: int = 40
) -> Planted:
    """``samples`` training rows and 600 held-out ones."""
    rng = np.random.default_rng([seed, ["field", "routed", "dense", "average"].index(truth)])
    n = samples + HELD_OUT
    maps = gaussian_filter(rng.standard_normal((n, channels, side, side)), (0, 0, 0.75, 0.75), mode="wrap")
    maps /= maps.std()
    places = maps.reshape(n, channels, -1)
    weights = rng.standard_normal((units, channels))
    centre, size = rng.uniform(0.5, side - 1.5, (units, 2)), rng.uniform(0.7, 1.8, units)
    routed = rng.integers(0, side * side, n)
    if truth == "field":
        row, column = np.divmod(np.arange(side * side), side)
        away = (column - centre[:, :1]) ** 2 + (row - centre[:, 1:]) ** 2
        pool = np.exp(-away / (2 * size[:, None] ** 2))
        signal = np.einsum("icp,vp,vc->iv", places, pool, weights, optimize=True)
    elif truth == "routed":
        # The prototype says where to look in channel 0; what the units read stands in the other channels.
        places[np.arange(n), 0, routed] += 8.0
        weights[:, 0] = 0.0
        signal = places[np.arange(n), :, routed] @ weights.T
    elif truth == "dense":
        whole = rng.standard_normal((units, channels * side * side))
        signal = places.reshape(n, -1) @ whole.T
    else:
        signal = places.mean(axis=2) @ weights.T
    signal = (signal - signal.mean(0)) / signal.std(0)
    responses = signal + rng.standard_normal(signal.shape)
    train, test = np.arange(samples), np.arange(samples, n)
    return Planted(
        Features("planted", places.reshape(n, channels, side, side).astype(np.float32)),
        responses.astype(np.float32),
        signal,
        train,
        test,
        contiguous(samples, 5).folds,
        centre,
        size,
        routed,
    )
