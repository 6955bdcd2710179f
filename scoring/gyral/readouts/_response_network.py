"""The network behind `gyral.readouts.response`: a small convolutional core, plain or rotation-equivariant.

A map of the core has ``fields`` x ``rotations`` channels. With one rotation a field is a channel; with more it is a
function on the rotations of the plane by multiples of 360 / rotations degrees: turning the image turns every map and
shifts the channels of each field by one step (Cohen & Welling 2016, arXiv 1602.07576). Kernels of even size with
stride 2, and pools that are symmetric about the middle of the map, keep this exact for quarter turns of images whose
side is a multiple of `STRIDE`.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from gyral.readouts._gradient import Shape
from gyral.readouts._masks import Masks

STRIDE = 8  # pixels of the image to one position of the last map, along a side
_MOMENTUM = 0.2  # of the running statistics: training lasts a few hundred steps


def turns(size: int, rotations: int) -> Tensor:
    """Matrices that turn a kernel counter-clockwise by each of ``rotations`` steps of a full turn.

    Quarter turns permute the weights; eighth turns between them are interpolated bilinearly (weights that leave
    the kernel are lost), then turned by quarters, so that quarter turns of the group stay exact.

    Returns
    -------
    Tensor, rotations x size^2 x size^2
        Row-major kernels; ``turns[s] @ kernel`` is the kernel turned by s steps.
    """
    cells = torch.eye(size * size).reshape(-1, size, size)  # one kernel per cell
    steps = []
    for s in range(rotations):
        quarters, rest = divmod(s * 4, rotations)
        part = cells if rest == 0 else _turned(cells, 2 * math.pi * rest / (4 * rotations))
        steps.append(torch.rot90(part, quarters, (1, 2)).flatten(1).T)
    return torch.stack(steps)


def _turned(kernels: Tensor, angle: float) -> Tensor:
    """Kernels turned counter-clockwise (rows go down) by bilinear interpolation."""
    c, s = math.cos(angle), math.sin(angle)
    # grid_sample asks where each cell of the result comes from: its place turned back.
    back = torch.tensor([[[c, -s, 0.0], [s, c, 0.0]]]).expand(len(kernels), 2, 3)
    grid = functional.affine_grid(back, [len(kernels), 1, *kernels.shape[1:]], align_corners=True)
    return functional.grid_sample(kernels[:, None], grid, align_corners=True)[:, 0]


class RotationConv(nn.Module):
    """Convolution with all rotations of its kernels; ordinary for ``rotations=1``.

    Parameters
    ----------
    inputs, fields : int
        Fields of the map that comes in (channels of the image for a ``lifting`` layer) and that goes out.
    size, stride : int
        Of the kernel. Padding keeps the side (or its half, for stride 2).
    rotations : {1, 4, 8}
    lifting : bool
        True for the first layer, whose input is a plain map.
    generator : torch.Generator
        Draws the weights.
    """

    steps: Tensor

    def __init__(
        self,
        inputs: int,
        fields: int,
        size: int,
        stride: int,
        *,
        rotations: int,
        lifting: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.size, self.stride, self.rotations = size, stride, rotations
        self.padding = (size - stride) // 2 if stride > 1 else size // 2
        seen = 1 if lifting else rotations
        scale = 1 / math.sqrt(inputs * seen * size * size)
        weight = torch.randn(fields, inputs, seen, size * size, generator=generator) * scale
        self.weight = nn.Parameter(weight)
        self.register_buffer("steps", turns(size, rotations), persistent=False)

    def kernels(self) -> Tensor:
        """All turned kernels: (fields x rotations) x (inputs x rotations seen) x size x size."""
        fields, inputs, seen, _ = self.weight.shape
        turned = torch.einsum("spq,fitq->fsitp", self.steps, self.weight)
        if seen > 1:
            # A kernel turned by s steps reads the input's orientations s steps on.
            turned = torch.stack([turned[:, s].roll(s, dims=2) for s in range(self.rotations)], dim=1)
        return turned.reshape(fields * self.rotations, inputs * seen, self.size, self.size)

    def forward(self, maps: Tensor) -> Tensor:
        """Samples x channels x height x width to samples x (fields x rotations) x height x width."""
        return functional.conv2d(maps, self.kernels(), stride=self.stride, padding=self.padding)


class FieldNorm(nn.Module):
    """Batch normalisation of each field over samples, positions and rotations, then ReLU.

    The running statistics are parameters without gradient: the state that training goes back to holds them.
    """

    def __init__(self, fields: int, rotations: int) -> None:
        super().__init__()
        self.fields, self.rotations = fields, rotations
        self.gain, self.bias = nn.Parameter(torch.ones(fields)), nn.Parameter(torch.zeros(fields))
        self.mean = nn.Parameter(torch.zeros(fields), requires_grad=False)
        self.variance = nn.Parameter(torch.ones(fields), requires_grad=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Same shape as ``maps``: samples x (fields x rotations) x height x width."""
        stacked = maps.reshape(len(maps), self.fields, -1, maps.shape[3])
        normed = functional.batch_norm(
            stacked, self.mean, self.variance, self.gain, self.bias, self.training, _MOMENTUM
        )
        return functional.relu(normed, inplace=True).reshape(maps.shape)


class Core(nn.Module):
    """Three convolutions, each normalised and rectified, two of them followed by a pool of 2 x 2.

    Kernels of 6 x 6 (stride 2), 3 x 3 and 3 x 3; the last map has one position for `STRIDE` x `STRIDE` pixels.

    Parameters
    ----------
    channels : int
        Of the image.
    fields : tuple of three int
        Of each convolution.
    rotations : {1, 4, 8}
    generator : torch.Generator
    """

    def __init__(
        self, channels: int, fields: tuple[int, int, int], rotations: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.channels = fields[-1] * rotations
        layers: list[nn.Module] = []
        for k, (inputs, outputs) in enumerate(pairwise((channels, *fields))):
            size, stride = ((6, 2), (3, 1), (3, 1))[k]
            layers.append(
                RotationConv(
                    inputs, outputs, size, stride, rotations=rotations, lifting=k == 0, generator=generator
                )
            )
            layers.append(FieldNorm(outputs, rotations))
            if k != 1:
                layers.append(nn.AvgPool2d(2))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Samples x channels x height x width to samples x (fields x rotations) x height / 8 x width / 8."""
        maps: Tensor = self.layers(images)
        return maps


class ResponseNetwork(nn.Module):
    """A core whose last map each unit reads through a softmax mask of its own (`gyral.readouts._masks.Masks`).

    In training every image is moved by up to ``shift`` pixels along both axes (its edge is repeated).
    """

    def __init__(self, shape: Shape, core: Core, *, shift: int, generator: torch.Generator) -> None:
        super().__init__()
        self.grid, self.shift, self.core = shape.grid, shift, core
        small = Shape((self.grid[0] // STRIDE, self.grid[1] // STRIDE), core.channels, (), shape.units)
        self.head = Masks(small, torch.arange(shape.units))
        self._generator = generator

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        """Samples x positions x channels to samples x units; images have no padding, ``present`` is unused."""
        images = values.transpose(1, 2).reshape(len(values), -1, *self.grid)
        if self.training and self.shift:
            images = self._moved(images)
        maps = self.core(images).flatten(2).transpose(1, 2)
        predicted: Tensor = self.head(maps, torch.ones(maps.shape[:2], dtype=torch.bool, device=maps.device))
        return predicted

    def _moved(self, images: Tensor) -> Tensor:
        high, wide = self.grid
        padded = functional.pad(images, (self.shift,) * 4, mode="replicate")
        offsets = torch.randint(0, 2 * self.shift + 1, (len(images), 2), generator=self._generator).tolist()
        return torch.stack([padded[i, :, a : a + high, b : b + wide] for i, (a, b) in enumerate(offsets)])
