"""Affine warps of masks and channels that are predicted from features: the network of the semantic readout."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from gyral.readouts._gradient import Shape
from gyral.readouts._masks import Masks

Part = Literal["affine", "translation", "rotation", "scale", "shear"]
PARTS: tuple[str, ...] = get_args(Part)
# Numbers a warp needs of each part.
_NUMBERS = {"affine": 6, "translation": 2, "rotation": 1, "scale": 2, "shear": 2}
# The localisation net: channels and largest grid of its map, and hidden units.
_MAP, _SIDE, _HIDDEN = 4, 7, 32


class Warped(Masks):
    """`Masks` whose masks and channels are moved sample by sample, as a localisation net says.

    ``y_v = sum_c w_vc sum_p s~_ivp F~_icp + b_v`` with ``s~`` and ``F~`` the mask and each channel under affine
    warps (bilinear, nothing outside the map). The localisation net: 1 x 1 convolution to 4 channels, at most 7 x
    7 positions, then one hidden layer of 32 for the masks' warps and one for the channels'. Its last layers start
    at 0, which is the identity; as long as ``moving`` is false there are no warps at all.
    """

    def __init__(self, shape: Shape, groups: Tensor, parts: tuple[str, ...], generator: torch.Generator) -> None:
        super().__init__(shape, groups, "l2")
        self.parts = parts
        self.moving = False
        grid, channels = shape.guide or (shape.grid, shape.channels)
        self.guide_grid = grid
        small = (min(grid[0], _SIDE), min(grid[1], _SIDE if grid[0] > 1 else _SIDE**2))
        numbers = sum(_NUMBERS[p] for p in parts)
        self.squeeze = nn.Linear(channels, _MAP)
        self.small = nn.AdaptiveAvgPool2d(small)
        count = int(groups.max()) + 1
        width = _MAP * small[0] * small[1]
        hidden = [nn.Linear(width, _HIDDEN) for _ in range(2)]
        heads = [nn.Linear(_HIDDEN, numbers * n) for n in (count, shape.channels)]
        self.hidden, self.heads = nn.ModuleList(hidden), nn.ModuleList(heads)
        for layer in (self.squeeze, *hidden):
            bound = layer.weight.shape[1] ** -0.5
            nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
            nn.init.zeros_(layer.bias)
        for head in heads:
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, values: Tensor, present: Tensor, *guide: Tensor) -> Tensor:
        """Predictions: samples x units; ``guide`` is what the localisation net sees instead of ``values``."""
        if not self.moving:
            return super().forward(values, present)
        masks, moved = self.warped(values, guide[0] if guide else values)
        parts = []
        if len(self.alone):
            felt = moved @ self.weights[self.alone].T
            parts.append((felt * masks[:, self.groups[self.alone]].mT).sum(dim=1))
        for group, units in self.together:
            under = (masks[:, group, None] @ moved)[:, 0]
            parts.append(under @ self.weights[units].T)
        out = torch.cat(parts, dim=1)[:, self.order]
        if not present.all():
            out = out / _share(masks, present)[:, self.groups]
        return out + self.bias

    def design(self, inputs: tuple[Tensor, ...], groups: Tensor) -> Tensor:
        """See `Masks.design`."""
        if not self.moving:
            return super().design(inputs, groups)
        values, present = inputs[:2]
        masks, moved = self.warped(values, inputs[2] if len(inputs) > 2 else values, groups)
        under = masks @ moved
        if not present.all():
            under = under / _share(masks, present)[..., None]
        return under.transpose(0, 1)

    def warped(self, values: Tensor, guide: Tensor, groups: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Masks (samples x groups x positions) and features (samples x positions x channels), both moved."""
        seen = functional.gelu(self.squeeze(guide)).transpose(1, 2).reshape(len(guide), _MAP, *self.guide_grid)
        z = self.small(seen).flatten(1)
        mask_warps, channel_warps = (
            head(functional.relu(hidden(z))).view(len(z), -1, sum(_NUMBERS[p] for p in self.parts))
            for head, hidden in zip(self.heads, self.hidden, strict=True)
        )
        masks = self.masks()
        if groups is not None:
            masks, mask_warps = masks[groups], mask_warps[:, groups]
        moved = self._moved(values.transpose(1, 2), channel_warps)
        return self._moved(masks.expand(len(values), -1, -1), mask_warps), moved.transpose(1, 2)

    def _moved(self, images: Tensor, numbers: Tensor) -> Tensor:
        """Each of samples x images x positions under its own warp."""
        samples, count, positions = images.shape
        theta = matrices(numbers.flatten(0, 1), self.parts, self.grid)
        size = (samples * count, 1, *self.grid)
        at = functional.affine_grid(theta, list(size), align_corners=False)
        return functional.grid_sample(images.reshape(size), at, align_corners=False).view(
            samples, count, positions
        )


def matrices(numbers: Tensor, parts: tuple[str, ...], grid: tuple[int, int]) -> Tensor:
    """Affine matrices (warps x 2 x 3) from the numbers a localisation net gives; zeros give the identity.

    Linear parts are multiplied in the order given, translations added. On a sequence only what moves or scales
    along it is used.
    """
    linear = torch.eye(2, device=numbers.device).expand(len(numbers), 2, 2)
    shift = torch.zeros(len(numbers), 2, device=numbers.device)
    first = 0
    for part in parts:
        n = numbers[:, first : first + _NUMBERS[part]]
        first += _NUMBERS[part]
        zero, one = torch.zeros_like(n[:, 0]), torch.ones_like(n[:, 0])
        if part == "translation":
            shift = shift + n
            continue
        if part == "affine":
            shift = shift + n[:, 4:]
            cells = [1 + n[:, 0], n[:, 1], n[:, 2], 1 + n[:, 3]]
        elif part == "rotation":
            cells = [n[:, 0].cos(), -n[:, 0].sin(), n[:, 0].sin(), n[:, 0].cos()]
        elif part == "scale":
            cells = [n[:, 0].exp(), zero, zero, n[:, 1].exp()]
        else:
            cells = [one, n[:, 0], n[:, 1], one]
        linear = linear @ torch.stack(cells, dim=1).view(-1, 2, 2)
    theta = torch.cat([linear, shift[:, :, None]], dim=2)
    if grid[0] > 1:
        return theta
    keep = torch.tensor([[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]], device=theta.device)
    return theta * keep + torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], device=theta.device)


def _share(masks: Tensor, present: Tensor) -> Tensor:
    """Share of each moved mask that lies on what is present: samples x masks."""
    there = (masks * present[:, None]).sum(dim=2)
    return (there / masks.sum(dim=2).clamp_min(1e-12)).clamp_min(1e-6)
