"""Readout: the protocol every fitted map obeys."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.features.features import Features

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]


@runtime_checkable
class FittedReadout(Protocol):
    """What ``Readout.fit`` returns."""

    @property
    def inner_r2(self) -> Array:
        """One number a unit: R2 of the inner folds' held-out rows (1 - SSE / SSE of the inner training mean)."""
        ...

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows`` of ``features``: samples x units, float32."""
        ...


@runtime_checkable
class Readout(Protocol):
    """A family of maps from one layer to all units."""

    name: str

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        seed: int = 0,
    ) -> FittedReadout:
        """Fit on training rows only.

        Parameters
        ----------
        features : Features
            One layer, all samples; only ``rows`` are read.
        responses : array, samples x units
            All samples; only ``rows`` are read. A NaN masks that sample for that unit.
        rows : int array
            Training rows.
        inner : sequence of Fold
            Folds for every choice, as positions within ``rows``.
        seed : int
            Seed of anything random.

        Raises
        ------
        gyral.errors.BadFeatures
            The family needs positions and ``features`` have none, or features are not finite.
        """
        ...
