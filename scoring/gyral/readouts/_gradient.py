"""Readouts trained by gradient: one way to train, stop, average and predict for all of them.

A family says what its network is; everything else is here. One network is trained per inner fold on that fold's
training rows and stopped by its held-out rows; predictions are the mean over these members, and the members'
held-out predictions give ``inner_r2``. So the folds, features and inner validation are those of every other
family; what comes before is `gyral.readouts._preparation`.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.device import check_device
from gyral.features.features import Features
from gyral.readouts._options import require_positive
from gyral.readouts._preparation import Preparation, prepare_rows, prepared_bytes
from gyral.readouts._regions import or_all
from gyral.readouts._responses import standardised
from gyral.readouts._training import Part, Plan, Training, descend, outputs
from gyral.readouts.readout import Array, Needs, Rows, require

# A unit still improves at the last epoch if the final `patience` epochs won it this share of its variance; a
# reader is told from this share of units on.
_STILL_WINS = 0.01
_TOLD = 0.05


@dataclass(frozen=True, eq=False)
class Shape:
    """What a network is built for.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns of positions; (1, positions) for a sequence.
    channels : int
        After preparation.
    regions : tuple of int Tensor
        Units of each region; together they cover all units, and may overlap.
    units : int
    guide : ((int, int), int), optional
        Grid and channels of another map that is handed to the network beside the first.
    """

    grid: tuple[int, int]
    channels: int
    regions: tuple[Tensor, ...]
    units: int
    guide: tuple[tuple[int, int], int] | None = None

    @property
    def positions(self) -> int:
        """Number of positions of the grid."""
        return self.grid[0] * self.grid[1]


@dataclass(frozen=True, eq=False)
class FittedGradient:
    """Trained members behind their preparation; see `gyral.readouts.readout.FittedReadout`."""

    inner_r2: Array
    warnings: tuple[str, ...]
    traits: Mapping[str, Array]
    members: tuple[nn.Module, ...]
    names: tuple[str, ...]  # of the regions that were given, in the order of those of the shape
    _shape: Shape
    _preparation: Preparation
    _offset: Array
    _scale: Array
    _device: str
    _together: int

    def predict(self, features: Features, rows: Rows) -> Array:
        """Mean over members: samples x units, float32; NaN for units without a fit.

        Raises
        ------
        BadFeatures
            Features of ``rows`` are not finite (``features-finite``).
        """
        out = np.empty((len(rows), len(self._offset)), np.float32)
        for part, inputs in self._preparation.pieces(features, rows, self._device, self._together):
            out[part] = self.predict_prepared(inputs)
        return out

    def predict_prepared(self, inputs: tuple[Tensor, ...]) -> Array:
        """As ``predict``, from prepared inputs of the network."""
        total = np.zeros((len(inputs[0]), len(self._offset)), np.float64)
        for member in self.members:
            total += outputs(member, *inputs).cpu().numpy()
        return (total / len(self.members) * self._scale + self._offset).astype(np.float32)


class GradientReadout:
    """Base of the families trained by gradient; frozen dataclasses derive from it.

    Subclasses have the fields ``channels`` (most principal channels), ``members`` (most inner folds trained on),
    ``rate``, ``decay`` (AdamW), ``batch``, ``epochs`` (most), ``patience`` and ``device``; their ``__post_init__``
    calls this one.
    """

    needs: ClassVar[Needs] = "positions"
    # True if no parameter is shared between groups of units, so that each group may stop at its own epoch.
    separable: ClassVar[bool] = False
    name: ClassVar[str]
    channels: int
    members: int
    rate: float
    decay: float
    batch: int
    epochs: int
    patience: int
    device: str

    def __post_init__(self) -> None:
        require_positive(self, "channels", "members", "rate", "batch", "epochs", "patience")

    @property
    def by_region(self) -> bool:
        """See `gyral.readouts.readout.Readout`."""
        return True

    @abstractmethod
    def network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """A fresh network: ``forward(values, present)`` maps samples x positions x channels to samples x units."""

    def groups(self, shape: Shape) -> Tensor:
        """Group of each unit (0, 1, ...); groups share no parameter. One a unit if separable, else one for all."""
        return torch.arange(shape.units) if self.separable else torch.zeros(shape.units, dtype=torch.long)

    def rates(self, net: nn.Module) -> list[dict[str, Any]]:
        """Parameters and their learning rates, as an optimiser takes them."""
        return [{"params": list(net.parameters()), "lr": self.rate}]

    def rows_at_once(self, shape: Shape) -> int:
        """Most rows whose activations are held in a step; a larger batch is gone through in pieces."""
        return 2 * self.batch

    def start(self, net: nn.Module, train: Part, held: Part) -> None:
        """Set first values from training rows (``held`` may choose, as it chooses when to stop)."""

    def finish(self, net: nn.Module, train: Part, held: Part) -> Tensor | None:
        """Last step of a member; returns held-out squared errors of its units if it changed them."""
        return None

    def figures(self, members: Sequence[nn.Module], shape: Shape) -> Mapping[str, Array]:
        """Traits of the fit, one number a unit (see `gyral.readouts.readout.FittedReadout.traits`)."""
        return {}

    def wrap(self, fitted: FittedGradient) -> FittedGradient:
        """A family's own fitted class around what training gave."""
        return fitted

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared features and a batch of activations and gradients."""
        positions = features.grid[0] * features.grid[1]
        step = min(rows, 2 * self.batch) * positions * (units + min(self.channels, features.channels))
        return prepared_bytes(features, rows, self.channels, 2) + 4 * (6 * step + 6 * rows * units)

    def fit(
        self,
        features: Features,
        responses: Array,
        rows: Rows,
        inner: Sequence[Fold],
        *,
        regions: Sequence[Region] = (),
        seed: int = 0,
    ) -> FittedGradient:
        """Fit on ``rows``; see `gyral.readouts.readout.Readout`.

        Raises
        ------
        BadFeatures
            The layer has no positions (``needs-positions``), or its values are not finite.
        BadArrays
            A unit has fewer than three finite responses in training (``too-few-responses``).
        """
        check_device(self.device)
        require(self, features)
        preparation, x, present, grid = prepare_rows(features, rows, self.channels, self.device)
        return self.fit_prepared((x, present), grid, preparation, responses[rows], inner, regions, seed)

    def fit_prepared(
        self,
        inputs: tuple[Tensor, ...],
        grid: tuple[int, int],
        preparation: Preparation,
        responses: Array,
        inner: Sequence[Fold],
        regions: Sequence[Region] = (),
        seed: int = 0,
        guide: tuple[tuple[int, int], int] | None = None,
    ) -> FittedGradient:
        """As ``fit``, from the prepared inputs and the responses of the training rows."""
        y, offset, scale = standardised(responses, self.device)
        units = y.shape[1]
        named = or_all(regions, units)
        of_regions = tuple(torch.as_tensor(r.units, device=self.device) for r in named)
        shape = Shape(grid, inputs[0].shape[2], of_regions, units, guide)
        whole = Part(inputs, y)
        errors, totals, late = (torch.zeros(units) for _ in range(3))
        members = []
        for k, fold in enumerate(inner[: self.members]):
            # One stream a member: members differ, and the same seed gives the same members.
            generator = torch.Generator().manual_seed(seed * 1000 + k)
            net = self.network(shape, generator).to(self.device)
            train, held = (whole.take(torch.as_tensor(rows, device=self.device)) for rows in fold)
            self.start(net, train, held)
            done = self.train(net, train, held, generator, shape)
            refitted = self.finish(net.eval(), train, held)
            errors += (done.errors if refitted is None else refitted).cpu()
            totals += done.totals.cpu()
            late += done.late.cpu()
            members.append(net)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner_r2 = np.where(totals > 0, 1 - errors.numpy() / totals.numpy(), np.nan)
        warnings: tuple[str, ...] = ()
        if ((late > _STILL_WINS * totals) & (totals > 0)).float().mean() > _TOLD:
            warnings = (f"over {_TOLD:.0%} of units were still improving after {self.epochs} epochs",)
        traits = self.figures(members, shape)
        fitted = FittedGradient(
            inner_r2,
            warnings,
            {key: np.where(np.isfinite(scale), value, np.nan) for key, value in traits.items()},
            tuple(members),
            tuple(r.name for r in regions),
            shape,
            preparation,
            offset,
            scale,
            self.device,
            max(1, self.batch),
        )
        return self.wrap(fitted)

    def plan(self) -> Plan:
        """How a member is trained."""
        return Plan(self.rate, self.decay, self.batch, self.epochs, self.patience)

    def train(self, net: nn.Module, train: Part, held: Part, generator: torch.Generator, shape: Shape) -> Training:
        """Train a member; see `gyral.readouts._training.descend`."""
        return descend(
            net,
            train,
            held,
            self.plan(),
            self.rates(net),
            generator,
            groups=self.groups(shape).to(self.device),
            shared=not self.separable,
            at_once=self.rows_at_once(shape),
        )
