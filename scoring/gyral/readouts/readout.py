"""Readout: the protocol every fitted map obeys."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.errors import BadFeatures
from gyral.features.features import Features

Array = NDArray[np.floating[Any]]
Rows = NDArray[np.integer[Any]]
Needs = Literal["features", "positions", "tokens"]


@runtime_checkable
class FittedReadout(Protocol):
    """What ``Readout.fit`` returns."""

    @property
    def inner_r2(self) -> Array:
        """One number a unit: R2 of the inner folds' held-out rows (1 - SSE / SSE of the inner training mean)."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the score should know."""
        ...

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows`` of ``features``: samples x units, float32."""
        ...


@runtime_checkable
class Readout(Protocol):
    """A family of maps from one layer to all units."""

    @property
    def name(self) -> str:
        """Name on boards and in records."""
        ...

    @property
    def needs(self) -> Needs:
        """What a layer must have."""
        ...

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


def accepts(readout: Readout, features: Features) -> bool:
    """True if the layer has what the family needs (any columns, positions, or a token sequence)."""
    if readout.needs == "tokens":
        return features.array.ndim == 3
    return readout.needs == "features" or features.has_positions


def require(readout: Readout, features: Features) -> None:
    """Refuse a layer that lacks what the family needs.

    Raises
    ------
    BadFeatures
        ``needs-positions``; the message names layer, axes and a way out.
    """
    if not accepts(readout, features):
        what = "a token sequence" if readout.needs == "tokens" else "positions"
        raise BadFeatures(
            f"readout {readout.name!r} needs {what}; this layer has axes {' x '.join(features.axes)}.",
            where=f"layer {features.layer!r}",
            mend="Choose layers with positions (`--layers`), or the readout 'ridge'.",
            code="needs-positions",
        )
