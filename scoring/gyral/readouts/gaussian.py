"""Gaussian readout: a receptive field whose centre and width are learned, one a unit."""

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gyral.features.features import Features
from gyral.readouts._gradient import Shape
from gyral.readouts._masks import Masks
from gyral.readouts._options import require_one_of
from gyral.readouts._pools import coordinates
from gyral.readouts._preparation import prepared_bytes
from gyral.readouts._training import Part
from gyral.readouts.factorized import STEP, MaskReadout

Read = Literal["point", "pool"]

# Widths in cells never fall below this: bilinear sampling itself spreads a point that far.
_NARROWEST = 0.2


class Fields(Masks):
    """A centre and a width (both axes, in cells) for each unit.

    ``point``: bilinear sampling at the centre; in training at ``centre + width * noise`` drawn anew for each
    sample (one draw for all units, so that no unit depends on which others are fitted with it). ``pool``: the
    average under the Gaussian.
    """

    def __init__(self, shape: Shape, read: Read, generator: torch.Generator) -> None:
        self.read = read
        self.noise: torch.Generator | None = generator
        super().__init__(shape, torch.arange(shape.units))
        across, down = coordinates(shape.grid)
        self.register_buffer("places", torch.stack([across, down], dim=1))

    places: Tensor  # positions x 2: column, row

    def build(self, count: int) -> None:
        """Centres in the middle, a quarter of the map wide."""
        sides = torch.tensor([float(self.grid[1]), float(self.grid[0])])
        self.centre = nn.Parameter(((sides - 1) / 2).repeat(count, 1))
        self.width = nn.Parameter((sides / 4).log().repeat(count, 1))

    def widths(self) -> Tensor:
        """Standard deviations in cells: units x 2."""
        return self.width.exp().clamp(_NARROWEST, float(max(self.grid)))

    def begin(self, snr: Tensor) -> None:
        """Centre and width of what positions say."""
        with torch.no_grad():
            weight = snr.square() + 1e-6
            weight = weight / weight.sum(dim=1, keepdim=True)
            centre = weight @ self.places
            variance = weight @ self.places.square() - centre.square()
            self.centre.copy_(centre)
            self.width.copy_(variance.clamp_min(0.25).sqrt().log())

    def masks(self) -> Tensor:
        """Weights of positions at test: units x positions."""
        if self.read == "point":
            return _hats(self._inside(self.centre)[:, None], self.places)
        away = (self.places - self.centre[:, None]) / self.widths()[:, None]
        return torch.softmax(-away.square().sum(dim=2) / 2, dim=1)

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Predictions: samples x units."""
        if not self.training or self.read == "pool" or self.noise is None:
            return super().forward(values, present)
        rows, columns = self.grid
        noise = torch.randn(len(values), 1, 2, generator=self.noise).to(values)
        at = self._inside(self.centre + self.widths() * noise)  # samples x units x 2
        x = _hat(at[..., 0, None] - torch.arange(columns, device=at.device))
        y = _hat(at[..., 1, None] - torch.arange(rows, device=at.device))
        felt = (values @ self.weights.T).view(len(values), rows, columns, -1)
        out = ((felt * x.mT[:, None]).sum(dim=2) * y.mT).sum(dim=1)
        if not present.all():
            out = out / (x * present[:, None]).sum(dim=2).clamp_min(1e-6)
        return out + self.bias

    def fields(self) -> dict[str, NDArray[np.float64]]:
        """``rf_x``, ``rf_y``, ``rf_size``: the learned centre and width (root mean square over the axes)."""
        rows, columns = self.grid
        centre = self._inside(self.centre.detach()).double().cpu().numpy()
        axes = [axis for axis, side in enumerate((columns, rows)) if side > 1] or [0]
        width = self.widths().detach().double().cpu().numpy()[:, axes]
        return {
            "rf_x": (centre[:, 0] + 0.5) / columns,
            "rf_y": (centre[:, 1] + 0.5) / rows,
            "rf_size": np.sqrt((width**2).mean(axis=1)) / columns,
        }

    def _inside(self, points: Tensor) -> Tensor:
        sides = torch.tensor([self.grid[1] - 1.0, self.grid[0] - 1.0], device=points.device)
        return torch.minimum(points.clamp_min(0.0), sides)


@dataclass(frozen=True)
class Gaussian(MaskReadout):
    """Channel weights at a learned place: ``y_v = w_v . F(m_v + s_v * e) + b_v``, noise ``e`` in training only.

    ``F`` is sampled bilinearly at one point; at test the point is the centre ``m_v``. The noise spreads the
    gradient over the neighbourhood while the place is being found, and the squared error of its spread makes the
    learned width shrink: ``rf_size`` of ``read="point"`` says how surely the place is known, not how far a unit
    pools. ``read="pool"`` averages under the Gaussian instead, in training and at test; its width is the
    field's. Positions of a word sequence are cells of one axis.

    Parameters
    ----------
    read : {"point", "pool"}
    channels : int
        Most principal channels.
    members : int
        Networks, one for each of the first inner folds.
    rate, decay, batch, epochs, patience, device
        See `gyral.readouts.factorized.Factorized`.

    References
    ----------
    Lurz et al. (2021), doi 10.1101/2020.10.05.326256 (sampled receptive fields); Saha, Chadha & Khosla (2024),
    arXiv 2410.14031.
    """

    read: Read = "point"
    channels: int = 64
    members: int = 5
    rate: float = 0.1
    decay: float = 1e-2
    batch: int = 256
    epochs: int = 30
    patience: int = 8
    device: str = "cpu"
    name: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of(self, "read", get_args(Read))

    @property
    def by_region(self) -> bool:
        """Never: each unit has a field of its own."""
        return False

    def network(self, shape: Shape, generator: torch.Generator) -> Fields:
        """A fresh network; the generator draws the noise of training."""
        return Fields(shape, self.read, generator)

    def rows_at_once(self, shape: Shape) -> int:
        """Sampling a point goes through every unit's response at every position."""
        if self.read == "point":
            return max(1, STEP // (shape.units * shape.positions))
        return super().rows_at_once(shape)

    def finish(self, net: nn.Module, train: Part, held: Part) -> Tensor:
        """Weights in closed form for the final fields; the noise is over."""
        if isinstance(net, Fields):
            net.noise = None
        return super().finish(net, train, held)

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared features, parameters with gradients, a bounded step."""
        positions = features.grid[0] * features.grid[1]
        kept = min(self.channels, features.channels)
        parameters = (3 + self.members) * units * (kept + 4) + units * positions
        return prepared_bytes(features, rows, self.channels, 3) + 4 * (parameters + 6 * rows * units + 6 * STEP)


def _hat(away: Tensor) -> Tensor:
    """Bilinear weight of a cell that is ``away`` cells from the point, along one axis."""
    return (1 - away.abs()).clamp_min(0.0)


def _hats(points: Tensor, places: Tensor) -> Tensor:
    """Bilinear weights of places for points (units x 1 x 2): units x positions."""
    return torch.prod(_hat(points - places), dim=2)
