"""Masks times features: the network of the factorised families, and what training rows say of it in closed form.

``y_v = sum_c w_vc sum_p s_gp F_pc + b_v`` with a mask ``s_g`` for each group ``g`` of units. A few units have a
mask each; the many units of a region share one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gyral.readouts._gradient import FittedGradient, Shape
from gyral.readouts._pools import moments
from gyral.readouts._regions import same_regions
from gyral.readouts._spectrum import Ahead, Spectrum
from gyral.readouts._training import Part
from gyral.readouts.readout import Array

MaskKind = Literal["softmax", "l2"]

# Penalties of the closed form, in mean eigenvalues of a unit's design.
_PENALTIES = tuple(float(10.0**k) for k in np.arange(-3, 4.25, 0.5))
# Floats of designs in memory at once.
_DESIGN = 1 << 22


def grouped(shape: Shape, own: int) -> Tensor:
    """Group of each unit: units in the same regions share a mask if there are more than ``own`` of them.

    Each other unit is a group of its own. Groups are numbered by their first units.
    """
    atom = same_regions([region.cpu().numpy() for region in shape.regions], shape.units)
    alone = np.bincount(atom)[atom] <= own
    key = np.where(alone, np.arange(shape.units), shape.units + atom)
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return torch.from_numpy(rank[group.reshape(-1)])


class Masks(nn.Module):
    """A mask a group, channel weights and a bias a unit.

    Parameters
    ----------
    shape : Shape
    groups : int Tensor, one a unit
    kind : {"softmax", "l2"}
        ``softmax(scores)``, or ``scores^2`` scaled to a Euclidean norm of 1.
    """

    groups: Tensor
    scores: Tensor

    def __init__(self, shape: Shape, groups: Tensor, kind: MaskKind = "softmax") -> None:
        super().__init__()
        self.kind = kind
        self.grid = shape.grid
        count = int(groups.max()) + 1
        self.register_buffer("groups", groups)
        sizes = torch.bincount(groups, minlength=count)
        self.alone = torch.nonzero(sizes[groups] == 1).flatten()
        self.together = [
            (int(g), torch.nonzero(groups == g).flatten()) for g in torch.nonzero(sizes > 1).flatten()
        ]
        self.order = torch.cat([self.alone, *(units for _, units in self.together)]).argsort()
        self.build(count)
        self.weights = nn.Parameter(torch.zeros(shape.units, shape.channels))
        self.bias = nn.Parameter(torch.zeros(shape.units))

    def build(self, count: int) -> None:
        """Parameters of ``count`` masks."""
        positions = self.grid[0] * self.grid[1]
        self.scores = nn.Parameter(torch.full((count, positions), 0.0 if self.kind == "softmax" else 1.0))

    def masks(self) -> Tensor:
        """Groups x positions, not negative."""
        if self.kind == "softmax":
            return self.scores.softmax(dim=1)
        squares = self.scores.square()
        return squares / squares.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-6)

    def begin(self, snr: Tensor) -> None:
        """First masks, from how much each position says of each group (groups x positions, 0 or more)."""
        with torch.no_grad():
            self.scores.copy_(torch.log1p(snr) if self.kind == "softmax" else (1 + snr).sqrt())

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Predictions: samples x units."""
        masks = self.masks()
        if not self.together:
            return self._finished(_one_each(values, masks, self.weights), masks, present)
        parts = [_one_each(values, masks[self.groups[self.alone]], self.weights[self.alone])]
        shared = torch.matmul(masks[[g for g, _ in self.together]], values)  # samples x shared x channels
        parts += [shared[:, k] @ self.weights[units].T for k, (_, units) in enumerate(self.together)]
        return self._finished(torch.cat(parts, dim=1)[:, self.order], masks, present)

    def _finished(self, out: Tensor, masks: Tensor, present: Tensor) -> Tensor:
        if not present.all():
            out = out / _present_share(masks, present)[:, self.groups]
        return out + self.bias

    def design(self, inputs: tuple[Tensor, ...], groups: Tensor) -> Tensor:
        """Features under the masks of some groups: groups x samples x channels."""
        values, present = inputs[:2]
        masks = self.masks()[groups]
        under = torch.matmul(masks, values)
        if not present.all():
            under = under / _present_share(masks, present)[..., None]
        return under.transpose(0, 1)

    def fields(self) -> dict[str, NDArray[np.float64]]:
        """``rf_x``, ``rf_y``, ``rf_size`` of each group's mask."""
        return moments(self.masks().detach(), self.grid)


class FittedMasks(FittedGradient):
    """Members are `Masks`; they say where they read (see `gyral.readouts.readout.Attentive`)."""

    def maps(self, features: Any, rows: Any) -> Mapping[str, Array]:
        """Mean mask over the units of each region that was given, and over members: region -> 1 x positions."""
        each = torch.stack([share(m) for m in self.members if isinstance(m, Masks)]).mean(dim=0).cpu().numpy()
        return {
            name: each[units.cpu().numpy()].mean(axis=0, keepdims=True)
            for name, units in zip(self.names, self._shape.regions, strict=False)
        }


def share(net: Masks) -> Tensor:
    """Mask of each unit, scaled to sum to 1: units x positions."""
    masks = net.masks().detach()
    return (masks / masks.sum(dim=1, keepdim=True).clamp_min(1e-30))[net.groups]


def mean_fields(members: Sequence[nn.Module]) -> dict[str, Array]:
    """Mean over members of the receptive field of each unit; sizes are not those of a mean mask, which is wider."""
    found = [
        {key: value[m.groups.cpu().numpy()] for key, value in m.fields().items()}
        for m in members
        if isinstance(m, Masks)
    ]
    return {key: np.mean([f[key] for f in found], axis=0) for key in found[0]}


@torch.no_grad()
def evidence(net: Masks, train: Part) -> Tensor:
    """What each position says of each group's responses, above chance: groups x positions.

    Squared covariance of responses and channels, summed over channels and the group's units, less what noise
    gives, as a share of it: 0 where a position says nothing.
    """
    values = train.inputs[0]
    samples, positions, channels = values.shape
    known = torch.isfinite(train.y)
    count = known.sum(0).clamp_min(1)
    y = torch.where(known, train.y, 0.0)
    y = torch.where(known, y - y.sum(0) / count, 0.0)
    spread = (values - values.mean(0)).square().mean(0).sum(1)  # of each position
    groups = int(net.groups.max()) + 1
    found, chance = (torch.zeros(groups, positions, device=values.device) for _ in range(2))
    step = max(1, _DESIGN // (positions * channels))
    for units in torch.split(torch.arange(y.shape[1], device=values.device), step):
        power = (y[:, units].T @ values.view(samples, -1) / count[units, None]).view(-1, positions, channels)
        found.index_add_(0, net.groups[units], power.square().sum(2))
        noise = y[:, units].square().sum(0) / count[units].square()
        chance.index_add_(0, net.groups[units], noise[:, None] * spread)
    return (found - chance).clamp_min(0) / chance.clamp_min(1e-12)


@torch.no_grad()
def solve(net: Masks, train: Part, held: Part) -> tuple[Tensor, Tensor]:
    """Channel weights and biases by ridge, the masks as they are; penalties by the held-out rows.

    Returns
    -------
    chosen : int Tensor, one a unit
        Index of the penalty.
    errors : Tensor, one a unit
        Squared errors over the held-out rows.
    """
    chosen = torch.zeros(len(net.bias), dtype=torch.long, device=net.bias.device)
    errors = torch.zeros(len(net.bias), device=net.bias.device)
    for groups, block in _blocks(net, torch.cat([train.y, held.y])):
        y, known = _columns(train.y[:, block], len(groups))
        target, there = _columns(held.y[:, block], len(groups))
        design = net.design(train.inputs, groups)
        spectrum = Spectrum.of(design, known, exact=True)
        along, middle = spectrum.along(design, y)
        ahead = Ahead(spectrum, net.design(held.inputs, groups), y.shape[2] * len(_PENALTIES), there)
        tried = ahead.errors(along, target - middle, [p * spectrum.size[:, None] for p in _PENALTIES])
        errors[block], chosen[block] = tried.flatten(1).min(dim=0)
        _set(net, block, *spectrum.weights(along, middle, _penalties(spectrum, chosen[block])))
    return chosen, errors


@torch.no_grad()
def solve_all(net: Masks, whole: Part, chosen: Tensor) -> None:
    """As ``solve`` on all rows, with the penalties that are chosen."""
    for groups, block in _blocks(net, whole.y):
        y, known = _columns(whole.y[:, block], len(groups))
        design = net.design(whole.inputs, groups)
        spectrum = Spectrum.of(design, known, exact=True)
        _set(net, block, *spectrum.weights(*spectrum.along(design, y), _penalties(spectrum, chosen[block])))


def _columns(y: Tensor, designs: int) -> tuple[Tensor, Tensor | None]:
    """Responses and which are there, as a stack: one column for each design, or all units for one design."""
    stack = y.T[..., None] if designs > 1 else y[None]
    known = torch.isfinite(stack[..., :1])
    return stack, None if known.all() else known


def _penalties(spectrum: Spectrum, chosen: Tensor) -> Tensor:
    """Penalties of units: designs x 1, or 1 x units."""
    each = torch.tensor(_PENALTIES, device=chosen.device)[chosen]
    return each[:, None] * spectrum.size[:, None] if len(spectrum.size) > 1 else each[None] * spectrum.size


def designs_at_once(rows: int, channels: int) -> int:
    """How many units' designs are in memory together in the closed form."""
    return max(2, _DESIGN // (rows * channels))


def _blocks(net: Masks, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Groups whose designs are made together, and their units: one each, or those of a group that lack the same."""
    step = designs_at_once(len(y), net.weights.shape[1])
    for units in torch.split(net.alone, step):
        if len(units):
            yield net.groups[units], units
    for group, units in net.together:
        _, pattern = torch.unique(torch.isfinite(y[:, units]), dim=1, return_inverse=True)
        for k in range(int(pattern.max()) + 1):
            yield torch.tensor([group], device=units.device), units[pattern == k]


def _set(net: Masks, units: Tensor, weights: Tensor, bias: Tensor) -> None:
    one_each = len(weights) > 1
    net.weights[units] = weights[..., 0] if one_each else weights[0].T
    net.bias[units] = bias[:, 0, 0] if one_each else bias[0, 0]


def _one_each(values: Tensor, masks: Tensor, weights: Tensor) -> Tensor:
    """``sum_pc masks_vp values_pc weights_vc``, by the order that leaves less between its two products."""
    if values.shape[2] < values.shape[1]:
        return torch.einsum("ivc,vc->iv", torch.matmul(masks, values), weights)
    return ((values @ weights.T) * masks.T).sum(dim=1)


def _present_share(masks: Tensor, present: Tensor) -> Tensor:
    """Share of each mask that lies on what is present: samples x masks."""
    return (present.to(masks) @ masks.T / masks.sum(dim=1)).clamp_min(1e-6)
