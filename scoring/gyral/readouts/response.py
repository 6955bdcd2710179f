"""The response-optimised encoder: a small convolutional network trained end to end on the responses of a region.

It says how well a region can be predicted from pixels with these data and no other: the row beside which a model
that saw more images, or other tasks, is read. Its layer is the image itself (the model ``images``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.device import check_device
from gyral.errors import BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts._gradient import FittedGradient, GradientReadout, Shape
from gyral.readouts._masks import mean_fields
from gyral.readouts._options import require_one_of
from gyral.readouts._preparation import prepare_rows
from gyral.readouts._regions import mean_over_regions, or_all
from gyral.readouts._response_network import STRIDE, Core, ResponseNetwork
from gyral.readouts._responses import standardised
from gyral.readouts.readout import Array, Rows, require

LEAST_SIDE = 3 * STRIDE  # below it the last map has next to no places to choose from
_ROTATIONS = (1, 4, 8)
# Masks are learned this much faster than kernels.
_PLACE_RATE = 10.0


@dataclass(frozen=True, eq=False)
class FittedResponse:
    """One trained encoder a region; see `gyral.readouts.readout.FittedReadout`.

    A unit of several regions has the mean of their predictions and figures.
    """

    inner_r2: Array
    warnings: tuple[str, ...]
    traits: Mapping[str, Array]
    encoders: tuple[FittedGradient, ...]  # of each region
    _regions: tuple[Region, ...]

    def predict(self, features: Features, rows: Rows) -> Array:
        """Samples x units, float32; NaN for units without a fit."""
        parts = [encoder.predict(features, rows) for encoder in self.encoders]
        return mean_over_regions(parts, self._regions, len(self.inner_r2)).astype(np.float32)


@dataclass(frozen=True)
class ResponseOptimized(GradientReadout):
    """A small convolutional network on images, one a region, trained on that region's responses alone.

    Three convolutions (6 x 6 with stride 2, 3 x 3, 3 x 3), each with batch normalisation and ReLU, two pools, then a
    softmax mask over positions times channel weights for each unit. Loss: squared error of standardised
    responses, NaN masked; AdamW; in training images are moved by a few pixels. As in every family trained by
    gradient, one network is trained per inner fold of the training rows and stopped by its held-out rows, and
    predictions are the mean over these members.

    Each region has a core of its own, so a score depends neither on which other regions are asked for nor on how units
    are cut into blocks. With few units and few images a core is what these data can teach, not what the region does.

    Its traits are the place and the size of each unit's mask, ``rf_x``, ``rf_y`` and ``rf_size``; what the core's kernels
    see around a position is not in the size. There are no maps: a position of the mask is `STRIDE` x `STRIDE` pixels of
    the image and reads beyond them.

    Parameters
    ----------
    rotations : {1, 4, 8}
        Rotations of every kernel by which a field responds: 1 is an ordinary network; with 4 or 8 a kernel is shared
        between its turned copies, and the last map turns with the image. Each convolution has ``width`` channels
        in all either way.
    width : int
        Channels of the last two convolutions; the first has three quarters of them. A multiple of 4 x ``rotations``.
    shift : int
        Pixels by which images are moved in training, at most.
    channels : int
        Most channels of the image; a map with more is cut to its first principal directions.
    members : int
        Most networks a region: one for each of the first inner folds.
    rate, decay, batch, epochs, patience
        Of AdamW, with early stopping.
    device : str
        "cpu" or "cuda".

    References
    ----------
    Saha, Chadha & Khosla (2024), arXiv 2410.14031 (a rotation-equivariant network trained on responses);
    Klindt, Ecker, Euler & Bethge (2017), arXiv 1711.02653 (mask times features);
    Cohen & Welling (2016), arXiv 1602.07576 (group convolution).
    """

    rotations: int = 1
    width: int = 32
    shift: int = 2
    channels: int = 16
    members: int = 5
    rate: float = 3e-3
    decay: float = 1e-2
    batch: int = 32
    epochs: int = 50
    patience: int = 6
    device: str = "cpu"
    name: ClassVar[str] = "response-optimized"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of(self, "rotations", _ROTATIONS)
        if self.width < 1 or self.width % (4 * self.rotations):
            raise UserError(
                f"width must be a multiple of {4 * self.rotations} (4 x rotations); it is {self.width!r}.",
                where=f"readout {self.name!r}",
                code="bad-readout",
            )

    def network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """A fresh network for one region."""
        last = self.width // self.rotations
        core = Core(shape.channels, (last * 3 // 4, last, last), self.rotations, generator)
        return ResponseNetwork(shape, core, shift=self.shift, generator=generator)

    def rates(self, net: nn.Module) -> list[dict[str, Any]]:
        """Larger steps for what says where to read than for kernels and weights."""
        named = dict(net.named_parameters())
        return [
            {"params": [p for n, p in named.items() if n != "head.scores"], "lr": self.rate},
            {"params": [named["head.scores"]], "lr": self.rate * _PLACE_RATE},
        ]

    def figures(self, members: Sequence[nn.Module], shape: Shape) -> Mapping[str, Array]:
        """Place and size of each unit's mask, averaged over members (``rf_x``, ``rf_y``, ``rf_size``)."""
        return mean_fields([m.head for m in members if isinstance(m, ResponseNetwork)])

    def fit(  # type: ignore[override]  # a fit a region, not one for all
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedResponse:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`.

        Raises
        ------
        BadFeatures
            The layer is no map of positions (``needs-positions``, ``needs-map``), one of fewer than `LEAST_SIDE` x
            `LEAST_SIDE` positions (``map-too-small``), or not finite.
        BadArrays
            A unit has fewer than three finite responses in training (``too-few-responses``).
        """
        check_device(self.device)
        self._require_image(features)
        units = responses.shape[1]
        named = or_all(regions, units)
        preparation, values, present, grid = prepare_rows(features, rows, self.channels, self.device)
        known = responses[rows]
        standardised(known, self.device)  # names a unit without responses by its own number, not by its region's
        encoders = tuple(
            self.fit_prepared((values, present), grid, preparation, known[:, r.units], inner, (), seed)
            for r in named
        )
        fields = {
            key: mean_over_regions([e.traits[key] for e in encoders], named, units)
            for key in ("rf_x", "rf_y", "rf_size")
        }
        return FittedResponse(
            mean_over_regions([e.inner_r2 for e in encoders], named, units),
            tuple(dict.fromkeys(w for e in encoders for w in e.warnings)),
            fields,
            encoders,
            named,
        )

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: images (read, standardised, cut into folds), maps of a
        batch with their gradients, and responses."""
        positions = features.grid[0] * features.grid[1]
        images = 5 * rows * positions * min(self.channels, features.channels)
        maps = 2 * self.batch * positions * self.width  # all three maps, their normed and rectified copies
        pooled = 2 * self.batch * units * self.width
        return 4 * (images + maps + pooled + 6 * rows * units)

    def _require_image(self, features: Features) -> None:
        require(self, features)
        high, wide = features.grid
        if features.sequence:
            fault, code = f"needs an image; this layer is a sequence of {wide} words.", "needs-map"
        elif min(high, wide) < LEAST_SIDE:
            fault = (
                f"needs a map of at least {LEAST_SIDE} x {LEAST_SIDE} positions; this layer has {high} x {wide}."
            )
            code = "map-too-small"
        else:
            return
        raise BadFeatures(
            f"readout {self.name!r} {fault}",
            where=f"layer {features.layer!r}",
            mend="It is trained on the images themselves: score the model 'images' (layer 'rgb').",
            code=code,
        )
