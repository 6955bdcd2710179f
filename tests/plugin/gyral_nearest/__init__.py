"""A readout that knows no weights: the mean response to the training stimuli whose features are nearest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.features.features import Features
from gyral.readouts.readout import Needs

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class FittedNearest:
    """Training stimuli and their responses."""

    inner_r2: Array
    _scaler: StandardScaler
    _found: KNeighborsRegressor
    warnings: tuple[str, ...] = ()

    @property
    def traits(self) -> Mapping[str, Array]:
        """None."""
        return {}

    def predict(self, features: Features, rows: Rows) -> Array:
        """Mean response to the nearest training stimuli."""
        return np.asarray(self._found.predict(self._scaler.transform(_flat(features, rows))), np.float32)


@dataclass(frozen=True)
class Nearest:
    """k nearest neighbours on standardised features.

    Parameters
    ----------
    neighbours : int
    """

    neighbours: int = 5
    name: ClassVar[str] = "nearest"
    needs: ClassVar[Needs] = "features"
    by_region: ClassVar[bool] = False

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedNearest:
        """Keep the training rows; the inner folds only say how well that works."""
        x, y = _flat(features, rows), np.asarray(responses[rows], np.float64)
        wrong, total = np.zeros(y.shape[1]), np.zeros(y.shape[1])
        for fold in inner:
            scaler, found = self._of(x[fold.train], y[fold.train])
            predicted = found.predict(scaler.transform(x[fold.test])).reshape(len(fold.test), -1)
            wrong += ((y[fold.test] - predicted) ** 2).sum(axis=0)
            total += ((y[fold.test] - y[fold.train].mean(axis=0)) ** 2).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            inner_r2 = np.where(total > 0, 1 - wrong / total, np.nan)
        return FittedNearest(inner_r2, *self._of(x, y))

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """Training features and responses, twice."""
        return 16 * rows * (int(np.prod(features.array.shape[1:])) + units)

    def _of(self, x: Array, y: Array) -> tuple[StandardScaler, KNeighborsRegressor]:
        scaler = StandardScaler().fit(x)
        return scaler, KNeighborsRegressor(min(self.neighbours, len(x))).fit(scaler.transform(x), y)


def _flat(features: Features, rows: Rows) -> Array:
    return np.asarray(features.array[rows], np.float64).reshape(len(rows), -1)
