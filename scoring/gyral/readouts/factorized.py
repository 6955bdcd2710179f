"""Factorised readout trained by gradient: a mask over positions times channel weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from gyral.features.features import Features
from gyral.readouts._gradient import FittedGradient, GradientReadout, Shape
from gyral.readouts._masks import FittedMasks, MaskKind, Masks, evidence, grouped, mean_fields, solve, solve_all
from gyral.readouts._options import require_one_of
from gyral.readouts._preparation import prepared_bytes
from gyral.readouts._training import Part
from gyral.readouts.readout import Array

Sharing = Literal["auto", "unit", "region"]

# More units than this in the same regions share a mask by default.
MANY = 256
# Channel weights start from their closed form: they need smaller steps than masks.
WEIGHTS_RATE = 0.2
# Where the closed form leaves them their gradients are rounding, of which Adam's own eps would make full steps.
WEIGHTS_EPS = 1e-4
# Activations of a step in memory at once, in floats.
STEP = 1 << 23


class MaskReadout(GradientReadout):
    """Base of the families whose network is a `Masks`: how they start, step and end.

    Masks start from what each position says of the responses in training rows (squared covariance above
    chance), channel weights from the ridge solution for those masks. When a member has stopped, its weights are
    solved once more by ridge for its final masks, the penalty chosen by the member's held-out rows, and then
    with that penalty on all training rows; ``inner_r2`` is from before that last step.
    """

    separable: ClassVar[bool] = True

    def rates(self, net: nn.Module) -> list[dict[str, Any]]:
        """Smaller steps for weights and biases than for what says where to read."""
        slow = {"weights", "bias"}
        named = dict(net.named_parameters())
        return [
            {"params": [p for n, p in named.items() if n not in slow], "lr": self.rate},
            {
                "params": [p for n, p in named.items() if n in slow],
                "lr": self.rate * WEIGHTS_RATE,
                "eps": WEIGHTS_EPS,
            },
        ]

    def rows_at_once(self, shape: Shape) -> int:
        """Rows whose activations stay within a fixed number of floats, whatever the units."""
        own = len(torch.unique(self.groups(shape)))
        return max(1, STEP // (own * min(shape.positions, shape.channels) + shape.units))

    def start(self, net: nn.Module, train: Part, held: Part) -> None:
        """Masks from the evidence at each position, weights in closed form."""
        assert_masks(net).begin(evidence(assert_masks(net), train))
        solve(assert_masks(net), train, held)

    def finish(self, net: nn.Module, train: Part, held: Part) -> Tensor:
        """Weights in closed form for the final masks."""
        chosen, errors = solve(assert_masks(net), train, held)
        whole = Part(
            tuple(torch.cat(both) for both in zip(train.inputs, held.inputs, strict=True)),
            torch.cat([train.y, held.y]),
        )
        solve_all(assert_masks(net), whole, chosen)
        return errors

    def figures(self, members: Sequence[nn.Module], shape: Shape) -> Mapping[str, Array]:
        """``rf_x``, ``rf_y``, ``rf_size``: centre of mass and spread of the mask, mean over members."""
        return mean_fields(members)

    def wrap(self, fitted: FittedGradient) -> FittedGradient:
        """With maps."""
        return FittedMasks(**vars(fitted))


@dataclass(frozen=True)
class Factorized(MaskReadout):
    """Mask times features, by gradient: ``y_v = sum_c w_vc sum_p s_vp F_pc + b_v``.

    Each unit has a mask of its own, unless more than 256 units are in exactly the same regions: those share one,
    which is some twenty times cheaper and says so in its map. The rule looks at regions only, so that it does
    not depend on how units are cut into blocks.

    Parameters
    ----------
    masks : {"auto", "unit", "region"}
        The rule above, a mask for each unit, or one for all units in the same regions.
    mask : {"softmax", "l2"}
        ``softmax`` over positions, or squares scaled to a Euclidean norm of 1 (not negative either).
    channels : int
        Most principal channels.
    members : int
        Networks, one for each of the first inner folds.
    rate, decay : float
        AdamW's.
    batch : int
        Samples a step; twice as many are taken in one step.
    epochs, patience : int
        Most passes over the training rows, and how many without gain end the fit of a unit.
    device : str
        "cpu" or "cuda".

    References
    ----------
    Klindt, Ecker, Euler & Bethge (2017), arXiv 1711.02653 (eq. 2); Saha, Chadha & Khosla (2024), arXiv 2410.14031.
    """

    masks: Sharing = "auto"
    mask: MaskKind = "softmax"
    channels: int = 64
    members: int = 5
    rate: float = 0.1
    decay: float = 1e-2
    batch: int = 256
    epochs: int = 30
    patience: int = 8
    device: str = "cpu"
    name: ClassVar[str] = "factorized"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of(self, "masks", get_args(Sharing))
        require_one_of(self, "mask", get_args(MaskKind))

    @property
    def by_region(self) -> bool:
        """True unless every unit has a mask of its own."""
        return self.masks != "unit"

    def groups(self, shape: Shape) -> Tensor:
        """Units that share a mask."""
        return grouped(shape, {"auto": MANY, "unit": shape.units, "region": 0}[self.masks])

    def network(self, shape: Shape, generator: torch.Generator) -> Masks:
        """A fresh network; nothing of it is random."""
        return Masks(shape, self.groups(shape).to(self.device), self.mask)

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared features, parameters with gradients, a bounded step."""
        positions = features.grid[0] * features.grid[1]
        kept = min(self.channels, features.channels)
        parameters = (3 + self.members) * units * (positions + kept)
        return prepared_bytes(features, rows, self.channels, 3) + 4 * (parameters + 6 * rows * units + 6 * STEP)


def assert_masks(net: nn.Module) -> Masks:
    """The network as what it is."""
    if not isinstance(net, Masks):
        raise TypeError(type(net).__name__)
    return net
