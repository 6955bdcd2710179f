"""Readout: the protocol every fitted map obeys."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
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
        """What a reader of the score should know; equal texts of many fits are counted as one."""
        ...

    @property
    def traits(self) -> Mapping[str, Array]:
        """Figures of the fit, one number a unit: chosen penalty, receptive field ...

        A receptive field is ``rf_x`` and ``rf_y``, its centre as a share of the map's width and height from
        the left and the top (0 to 1), and ``rf_size``, its standard deviation as a share of the width.
        """
        ...

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows`` of ``features``: samples x units, float32; NaN for units without a fit."""
        ...


@runtime_checkable
class Attentive(Protocol):
    """A fitted readout that can say where it reads."""

    def maps(self, features: Features, rows: Rows) -> Mapping[str, Array]:
        """Weight of each position for each region and sample: region name -> rows x positions, sums to 1.

        A mask that is the same for every sample is given once: 1 x positions.
        """
        ...


@runtime_checkable
class Weighing(Protocol):
    """A fitted readout whose predictions are weighted sums of training responses, and that can say by what weights."""

    def noise_gain(self, features: Features, rows: Rows) -> Array:
        """Sum of squared weights of training responses, mean over ``rows``; one number a unit, NaN without a fit.

        Responses that are independent noise of variance 1 are predicted with this variance.
        """
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

    @property
    def by_region(self) -> bool:
        """True if units of a region share parameters, so that a region must be fitted in one piece."""
        ...

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedReadout:
        """Fit on training rows only.

        Parameters
        ----------
        features : Features
            One layer, all samples; only ``rows`` are read.
        responses : array, samples x units
            All samples; only ``rows`` are read. A NaN masks that sample for that unit. May be memory-mapped.
        rows : int array
            Training rows.
        inner : sequence of Fold
            Folds for every choice, as positions within ``rows``.
        regions : sequence of Region
            Which columns of ``responses`` share parameters where a family works region by region (one region
            of one subject each; they may overlap). Empty: all columns are one region.
        seed : int
            Seed of anything random.

        Raises
        ------
        gyral.errors.BadFeatures
            The family needs positions and ``features`` have none, or features are not finite.
        """
        ...

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """Estimate of what fitting ``units`` columns on ``rows`` samples takes beside inputs and predictions."""
        ...


@runtime_checkable
class JointReadout(Protocol):
    """A family of maps from several layers (or several models' layers) at once."""

    @property
    def name(self) -> str:
        """Name on boards and in records."""
        ...

    @property
    def needs(self) -> Needs:
        """What the layers must have; sentences are read word by word where it is not "features"."""
        ...

    @property
    def by_region(self) -> bool:
        """See `Readout.by_region`."""
        ...

    @property
    def per_layer(self) -> bool:
        """True if each layer of the model is fitted for itself (with any spaces beside it, which come last) and
        the layer is chosen inside training rows; False if all layers are read together."""
        ...

    def fit_spaces(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> "FittedJoint":
        """Fit on training rows only; see `Readout.fit`. ``spaces`` have distinct ``layer`` names."""
        ...

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """Estimate for one of the spaces; see `Readout.working_bytes`."""
        ...


@runtime_checkable
class FittedJoint(Protocol):
    """What ``JointReadout.fit_spaces`` returns."""

    @property
    def inner_r2(self) -> Array:
        """See `FittedReadout.inner_r2`."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """See `FittedReadout.warnings`."""
        ...

    @property
    def traits(self) -> Mapping[str, Array]:
        """See `FittedReadout.traits`; weights of the spaces are ``weight:LAYER``."""
        ...

    def predict(self, spaces: Sequence[Features], rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32."""
        ...

    def explain(self, spaces: Sequence[Features], responses: Array, rows: Rows) -> Mapping[str, Array]:
        """What each space gives to held-out ``rows``, one number a unit; empty where the family does not say.

        ``share:LAYER`` splits R2 over the spaces (they sum to R2); ``unique:LAYER`` is R2 less R2 without it.
        """
        ...


def accepts(readout: Readout, features: Features) -> bool:
    """True if the layer has what the family needs (any columns, positions, or a token sequence)."""
    if readout.needs == "tokens":
        return features.has_class_token
    return readout.needs == "features" or features.has_positions


def require(readout: Readout, features: Features) -> None:
    """Refuse a layer that lacks what the family needs.

    Raises
    ------
    BadFeatures
        ``needs-positions``; the message names layer, axes and a way out.
    """
    if not accepts(readout, features):
        what = "a class token ahead of a grid of tokens" if readout.needs == "tokens" else "positions"
        raise BadFeatures(
            f"readout {readout.name!r} needs {what}; this layer has axes {' x '.join(features.axes)}.",
            where=f"layer {features.layer!r}",
            mend=f"Choose layers with {what}, or the readout 'ridge'.",
            code="needs-positions",
        )


def require_finite(features: Features, values: Array, rows: Rows) -> None:
    """Refuse values with NaN or infinity, by sample.

    Parameters
    ----------
    values : array, rows x ...
        What was read of ``features`` for ``rows``.

    Raises
    ------
    BadFeatures
        ``features-finite``.
    """
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not finite.all():
        raise BadFeatures(
            f"the features of sample {int(rows[np.flatnonzero(~finite)[0]])} are not finite.",
            where=f"layer {features.layer!r}",
            code="features-finite",
        )
