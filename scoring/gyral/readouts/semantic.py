"""Semantic Spatial Transformer: a factorised readout whose masks and channels move with what features say."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.device import check_device
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts._gradient import FittedGradient, Shape
from gyral.readouts._masks import designs_at_once, grouped
from gyral.readouts._options import require_positive
from gyral.readouts._preparation import Preparation, prepare_rows, prepared_bytes
from gyral.readouts._regions import same_regions
from gyral.readouts._training import Part, Plan, Training, descend
from gyral.readouts._warps import PARTS, Warped
from gyral.readouts.factorized import MANY, WEIGHTS_EPS, WEIGHTS_RATE, MaskReadout
from gyral.readouts.readout import Array, Rows, require

Guide = Literal["own", "other"]

# Steps of the second stage, when warps are trained, against those of the first.
_LATER = 0.1
# Floats of warped masks and channels of a step in memory at once.
_STEP = 1 << 21


@dataclass(frozen=True, eq=False)
class FittedSemantic:
    """A network for the units of the same regions; see `gyral.readouts.readout.FittedReadout`."""

    inner_r2: Array
    warnings: tuple[str, ...]
    traits: Mapping[str, Array]
    _parts: tuple[tuple[Rows, FittedGradient], ...]
    _regions: tuple[Region, ...]
    _guide: Preparation | None = None  # of the assisting features

    def predict(self, features: Features, rows: Rows) -> Array:
        """Predictions for ``rows``: samples x units, float32; NaN for units without a fit."""
        return self.predict_spaces((features,), rows)

    def predict_spaces(self, spaces: Sequence[Features], rows: Rows) -> Array:
        """As ``predict``, with the assisting features last."""
        out = np.empty((len(rows), len(self.inner_r2)), np.float32)
        for part, inputs in self._inputs(spaces, rows):
            for units, fitted in self._parts:
                out[part, units] = fitted.predict_prepared(inputs)
        return out

    def maps(self, features: Features, rows: Rows) -> Mapping[str, Array]:
        """Mean moved mask over the units of each region that was given, and over members: region -> rows x positions."""
        return self.maps_spaces((features,), rows)

    def maps_spaces(self, spaces: Sequence[Features], rows: Rows) -> Mapping[str, Array]:
        """As ``maps``, with the assisting features last."""
        positions = spaces[0].grid[0] * spaces[0].grid[1]
        sums = {r.name: np.zeros((len(rows), positions), np.float64) for r in self._regions}
        for part, inputs in self._inputs(spaces, rows):
            for units, fitted in self._parts:
                here = [r for r in self._regions if len(units) and units[0] in r.units]
                mean = sum(_mean_mask(m, inputs) for m in fitted.members if isinstance(m, Warped))
                for region in here:
                    # The units of a part are in the same regions: all of them are in this one.
                    sums[region.name][part] += len(units) * np.asarray(mean)
        return {
            name: (s / s.sum(axis=1, keepdims=True).clip(1e-30)).astype(np.float32) for name, s in sums.items()
        }

    def _inputs(self, spaces: Sequence[Features], rows: Rows) -> Iterator[tuple[slice, tuple[Tensor, ...]]]:
        first = self._parts[0][1]
        own = first._preparation.pieces(spaces[0], rows, first._device, first._together)
        for part, found in own:
            inputs: tuple[Tensor, ...] = found
            if self._guide is not None:
                beside = self._guide.pieces(spaces[-1], rows[part], first._device, first._together)
                inputs = (*inputs, torch.cat([values for _, (values, _) in beside]))
            yield part, inputs


@dataclass(frozen=True)
class WarpOptions:
    """Options of the readouts whose masks and channels are moved.

    Parameters
    ----------
    warps : str
        What a warp may be: "affine", or out of "translation", "rotation", "scale", "shear" joined by "+".
    channels : int
        Most principal channels.
    members : int
        Networks, one for each of the first inner folds.
    rate, decay, batch, epochs, patience, device
        See `gyral.readouts.factorized.Factorized`; of the first stage.
    later : int
        Most epochs of the second stage.
    """

    warps: str = "affine"
    channels: int = 64
    members: int = 3
    rate: float = 0.1
    decay: float = 1e-2
    batch: int = 256
    epochs: int = 30
    patience: int = 8
    later: int = 12
    device: str = "cpu"


@dataclass(frozen=True)
class Semantic(WarpOptions, MaskReadout):
    """Masks and channels under affine warps that a small net predicts from the submitted features themselves.

    Trained in two stages: first without warps, as the factorised readout with a mask that is not negative and
    has a Euclidean norm of 1; then, from the best state of that, together with the localisation net, whose warps
    start at the identity. A member keeps the second stage only where held-out rows say that it helps. Units in
    the same regions share a localisation net; more than 256 of them share mask and warp too, so that memory
    stays bounded. See `gyral.readouts._warps.Warped` for the formula.

    Options are those of `WarpOptions`.

    References
    ----------
    Saha, Chadha & Khosla (2024), arXiv 2410.14031, where the localisation net sees the image through another
    pretrained network (`SemanticAssisted`); Jaderberg et al. (2015), arXiv 1506.02025.
    """

    name: ClassVar[str] = "semantic"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "later")
        parts = self.warps.split("+")
        if not set(parts) <= set(PARTS) or len(set(parts)) < len(parts) or ("affine" in parts and len(parts) > 1):
            raise UserError(
                f"warps must be 'affine' or some of {', '.join(PARTS[1:])} joined by '+'; it is {self.warps!r}.",
                where=f"readout {self.name!r}",
                code="bad-readout",
            )

    def groups(self, shape: Shape) -> Tensor:
        """Units that share mask and warp."""
        return grouped(shape, MANY)

    def network(self, shape: Shape, generator: torch.Generator) -> Warped:
        """A fresh network."""
        return Warped(shape, self.groups(shape).to(self.device), tuple(self.warps.split("+")), generator)

    def rates(self, net: nn.Module) -> list[dict[str, Any]]:
        """The localisation net is trained in the second stage only."""
        still = not (isinstance(net, Warped) and net.moving)
        rate = self.rate if still else self.rate * _LATER
        slow = [net.get_parameter(n) for n in ("weights", "bias")]
        rest = [p for n, p in net.named_parameters() if n == "scores" or not (still or n in ("weights", "bias"))]
        return [
            {"params": rest, "lr": rate},
            {"params": slow, "lr": rate * WEIGHTS_RATE, "eps": WEIGHTS_EPS},
        ]

    def train(self, net: nn.Module, train: Part, held: Part, generator: torch.Generator, shape: Shape) -> Training:
        """Two stages: masks that stand still, then all together."""
        still = super().train(net, train, held, generator, shape)
        if not isinstance(net, Warped):
            return still
        net.moving = True
        later = Plan(
            self.rate * _LATER,
            self.decay,
            max(1, self.batch // 4),
            self.later,
            max(2, self.patience // 2),
        )
        groups = self.groups(shape).to(self.device)
        return descend(
            net,
            train,
            held,
            later,
            self.rates(net),
            generator,
            groups=torch.zeros_like(groups),
            shared=True,
            at_once=max(1, _STEP // (shape.positions * (int(groups.max()) + 1 + shape.channels))),
        )

    def fit(  # type: ignore[override]
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedSemantic:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`.

        Raises
        ------
        BadFeatures
            The layer has no positions (``needs-positions``), or its values are not finite.
        BadArrays
            A unit has fewer than three finite responses in training (``too-few-responses``).
        """
        return self.fit_guided((features,), responses, rows, inner, regions=regions, seed=seed)

    def fit_guided(
        self,
        spaces: Sequence[Features],
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedSemantic:
        """As ``fit``; where there are two spaces, the localisation net sees the last one."""
        check_device(self.device)
        for space in spaces:
            require(self, space)
        preparation, x, present, grid = prepare_rows(spaces[0], rows, self.channels, self.device)
        inputs: tuple[Tensor, ...] = (x, present)
        guide_shape = guide_preparation = None
        if len(spaces) > 1:
            guide_preparation, guide, _, guide_grid = prepare_rows(spaces[-1], rows, self.channels, self.device)
            inputs, guide_shape = (*inputs, guide), (guide_grid, guide.shape[2])
        count = responses.shape[1]
        alike = same_regions([r.units for r in regions], count)
        parts = [
            (
                units,
                self.fit_prepared(
                    inputs, grid, preparation, responses[np.ix_(rows, units)], inner, (), seed, guide_shape
                ),
            )
            for units in (np.flatnonzero(alike == k) for k in np.unique(alike))
        ]
        inner_r2 = np.empty(count)
        traits = {key: np.full(count, np.nan) for key in parts[0][1].traits}
        for units, fitted in parts:
            inner_r2[units] = fitted.inner_r2
            for key, value in fitted.traits.items():
                traits[key][units] = value
        warnings = tuple(dict.fromkeys(w for _, fitted in parts for w in fitted.warnings))
        return FittedSemantic(inner_r2, warnings, traits, tuple(parts), tuple(regions), guide_preparation)

    def wrap(self, fitted: FittedGradient) -> FittedGradient:
        """As it is: maps are those of all parts."""
        return fitted

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared features, parameters with gradients, a bounded step."""
        positions = features.grid[0] * features.grid[1]
        kept = min(self.channels, features.channels)
        parameters = (3 + self.members) * units * (positions + kept)
        # The closed form moves all rows: channels, and masks of the units that are solved together.
        moved = 4 * rows * positions * min(units, designs_at_once(rows, kept))
        own = 4 * (moved + parameters + 6 * rows * units + 24 * _STEP)
        return prepared_bytes(features, rows, self.channels, 7) + own


@torch.no_grad()
def _mean_mask(net: Warped, inputs: tuple[Tensor, ...]) -> Array:
    """Mean over units of the moved masks: samples x positions."""
    masks, _ = net.warped(inputs[0], inputs[2] if len(inputs) > 2 else inputs[0])
    masks = masks * inputs[1][:, None]
    share = masks / masks.sum(dim=2, keepdim=True).clamp_min(1e-12)
    weight = torch.bincount(net.groups, minlength=masks.shape[1]).to(share)
    return np.asarray((weight @ share / weight.sum()).cpu().numpy())
