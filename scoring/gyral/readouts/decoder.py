"""Attention, full form: one transformer decoder layer whose queries are regions or units."""

from dataclasses import dataclass
from typing import ClassVar, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from gyral.features.features import Features
from gyral.readouts._gradient import FittedGradient, GradientReadout, Shape
from gyral.readouts._options import require_one_of, require_positive, require_share
from gyral.readouts._preparation import prepared_bytes
from gyral.readouts.readout import Array, Rows

# Wavelengths of sine positions run from 2 pi to 2 pi times this (Carion et al. 2020).
_TEMPERATURE = 10_000.0
_LEAST_OF_HEAD = 4


def sine_positions(grid: tuple[int, int], channels: int) -> Tensor:
    """Sine positions: positions x channels.

    On a grid half of the channels code the row and half the column, both scaled to 0 .. 2 pi over the map (DETR:
    Carion et al. 2020, arXiv 2005.12872); in a sequence (one row) all channels code the place, in words (Vaswani et
    al. 2017, arXiv 1706.03762).
    """
    rows, columns = grid
    if rows == 1:
        return _waves(torch.arange(columns, dtype=torch.float32), channels)
    down, along = (2 * np.pi * torch.arange(1, n + 1) / n for n in grid)
    half = channels // 2
    both = torch.zeros(rows, columns, channels)
    both[..., :half] = _waves(down, half)[:, None]
    both[..., half:] = _waves(along, channels - half)[None]
    return both.reshape(rows * columns, channels)


def _waves(place: Tensor, channels: int) -> Tensor:
    k = torch.arange(channels)
    angle = place[:, None] / _TEMPERATURE ** (2 * (k // 2) / max(channels, 1))
    return torch.where(k % 2 == 0, angle.sin(), angle.cos())


def heads_of(channels: int, most: int) -> int:
    """The largest divisor of ``channels`` up to ``most`` that leaves a head four channels or more.

    A head of one channel brings back one number: all heads would have to find the same place by themselves.
    """
    return max(h for h in range(1, most + 1) if channels % h == 0 and (h == 1 or channels >= _LEAST_OF_HEAD * h))


class DecoderLayer(nn.Module):
    """Cross-attention from learned queries to positions, a feed-forward block, and a linear read per unit.

    Scores fold the query into the key projection and values are pooled before their projection, which gives the
    numbers of the usual order for less arithmetic: samples x positions x channels is never projected.
    """

    def __init__(
        self, shape: Shape, *, heads: int, hidden: int, dropout: float, by_unit: bool, generator: torch.Generator
    ) -> None:
        super().__init__()
        d = shape.channels
        self.heads, self.dropout, self.by_unit, self._generator = heads, dropout, by_unit, generator
        count = shape.units if by_unit else len(shape.regions)

        def drawn(rows: int, columns: int) -> nn.Parameter:
            bound = np.sqrt(6 / (rows + columns))  # Glorot & Bengio 2010
            return nn.Parameter((2 * torch.rand(rows, columns, generator=generator) - 1) * bound)

        self.queries = nn.Parameter(torch.randn(count, d, generator=generator))
        self.query, self.key, self.value, self.out = (drawn(d, d) for _ in range(4))
        self.value_bias, self.out_bias = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))
        self.before, self.after = nn.LayerNorm(d), nn.LayerNorm(d)
        self.widen, self.widen_bias = drawn(d, hidden), nn.Parameter(torch.zeros(hidden))
        self.narrow, self.narrow_bias = drawn(hidden, d), nn.Parameter(torch.zeros(d))
        self.read = nn.Parameter(torch.zeros(shape.units, d))
        self.read_bias = nn.Parameter(torch.zeros(shape.units))
        self.positions: Tensor
        self.register_buffer("positions", sine_positions(shape.grid, d))
        self.share: Tensor
        self.register_buffer("share", _shares(shape))

    def weights(self, x: Tensor, present: Tensor) -> Tensor:
        """Attention: samples x queries x heads x positions; 0 where no position is present, else sums to 1."""
        d, h = x.shape[2], self.heads
        projected = (self.queries @ self.query).view(-1, h, d // h)
        # queries x heads x channels: what each head looks for, in the channels of the input.
        folded = torch.einsum("qhk,chk->qhc", projected, self.key.view(d, h, d // h)).flatten(0, 1)
        folded = folded / np.sqrt(d // h)
        logits = (x @ folded.T + self.positions @ folded.T).transpose(1, 2)
        shown = present | ~present.any(dim=1, keepdim=True)
        looks: Tensor = logits.masked_fill(~shown[:, None], -torch.inf).softmax(dim=2)
        return looks.view(len(x), -1, h, x.shape[1])

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Samples x units."""
        d, h = x.shape[2], self.heads
        looks = self._drop(self.weights(x, present))
        pooled = (looks.flatten(1, 2) @ x).view(len(x), -1, h, d)
        heads = torch.einsum("nqhc,chk->nqhk", pooled, self.value.view(d, h, d // h))
        t = self._drop((heads.flatten(2) + self.value_bias) @ self.out + self.out_bias)
        hidden = self._drop(torch.relu(self.before(t) @ self.widen + self.widen_bias))
        t = t + self._drop(hidden @ self.narrow + self.narrow_bias)
        seen: Tensor = self.after(t)
        if self.by_unit:
            return (seen * self.read).sum(dim=2) + self.read_bias
        # Every region reads a unit through the same weights, so the mean of its predictions is the read of a mean.
        return torch.einsum("nrd,ur,ud->nu", seen, self.share, self.read) + self.read_bias

    def _drop(self, values: Tensor) -> Tensor:
        if not self.training or not self.dropout:
            return values
        kept = torch.rand(values.shape, generator=self._generator).to(values.device) >= self.dropout
        return values * kept / (1 - self.dropout)


def _shares(shape: Shape) -> Tensor:
    """Units x regions: 1 / the number of regions a unit is in, 0 outside them; rows sum to 1."""
    inside = torch.zeros(shape.units, len(shape.regions))
    for k, units in enumerate(shape.regions):
        inside[units.cpu(), k] = 1.0
    return inside / inside.sum(dim=1, keepdim=True).clamp_min(1.0)


@dataclass(frozen=True, eq=False)
class FittedDecoder(FittedGradient):
    """A trained decoder layer; see `gyral.readouts.readout.FittedReadout` and `Attentive`."""

    def maps(self, features: Features, rows: Rows) -> dict[str, Array]:
        """Mean attention over heads and members (and units, where units have queries) of each region that was given:
        region name -> rows x positions; sums to 1 over positions present."""
        out = {name: np.zeros((len(rows), int(np.prod(features.grid))), np.float32) for name in self.names}
        networks = cast("tuple[DecoderLayer, ...]", self.members)
        for part, (x, present) in self._preparation.pieces(features, rows, self._device, self._together):
            with torch.no_grad():
                looks = torch.stack([n.weights(x, present).mean(dim=2) for n in networks]).mean(dim=0)
            looks = looks * present[:, None]
            for k, (name, units) in enumerate(zip(self.names, self._shape.regions, strict=False)):
                chosen = looks[:, units].mean(dim=1) if networks[0].by_unit else looks[:, k]
                out[name][part] = chosen.cpu().numpy()
        return out


@dataclass(frozen=True)
class Decoder(GradientReadout):
    """One decoder layer: learned queries attend to positions, and units read what their query brought.

    ``a_q = MHA(q, K = F + PE, V = F)``, ``t = a_q + FFN(LN(a_q))``, ``o_q = LN(t)``, ``yhat_v = w_v . o_q + b_v`` for
    the units of region q. Sine positions stand on keys only; there is no self-attention. A unit in two regions gets
    the mean of both predictions, never the sum.

    Parameters
    ----------
    queries : {"region", "unit"}
        One learned query a region, or one a unit (memory grows with units x positions).
    heads : int
        Of attention, at most; as many as divide the channels and leave four or more to each.
    hidden : int
        Width of the feed-forward block.
    dropout : float
        Share dropped of attention, its output and both layers of the block.
    channels : int
        Most principal channels kept: the width of the layer.
    members : int
        Most inner folds trained on; predictions are their mean.
    rate, decay : float
        Of AdamW.
    batch, epochs, patience : int
        Samples a step; most passes over training rows; passes without improvement.
    device : str
        "cpu" or "cuda".

    Notes
    -----
    Written from the published architecture of Adeli, Minni & Kriegeskorte (2025), arXiv 2505.17329. It takes about
    1,000 samples to learn where to look; below that `gyral.readouts.attention.Attention` is the better choice.
    With one position nothing can be routed: what is left is the feed-forward block on the channels.
    """

    queries: Literal["region", "unit"] = "region"
    heads: int = 16
    hidden: int = 256
    dropout: float = 0.1
    channels: int = 64
    members: int = 5
    rate: float = 5e-3
    decay: float = 0.05
    batch: int = 64
    epochs: int = 100
    patience: int = 10
    device: str = "cpu"
    name: ClassVar[str] = "attention-full"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_one_of(self, "queries", ("region", "unit"))
        require_positive(self, "heads", "hidden")
        require_share(self, "dropout")

    def network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `GradientReadout.network`."""
        return DecoderLayer(
            shape,
            heads=heads_of(shape.channels, self.heads),
            hidden=self.hidden,
            dropout=self.dropout,
            by_unit=self.queries == "unit",
            generator=generator,
        )

    def wrap(self, fitted: FittedGradient) -> FittedDecoder:
        """See `GradientReadout.wrap`. Units of no region have no query, so no fit."""
        inside = _shares(fitted._shape).any(dim=1).numpy()
        own = {"inner_r2": fitted.inner_r2, "_scale": fitted._scale}
        return FittedDecoder(**{**vars(fitted), **{k: np.where(inside, v, np.nan) for k, v in own.items()}})

    def working_bytes(self, features: Features, rows: int, units: int) -> int:
        """See `gyral.readouts.readout.Readout`: prepared values, and a batch of attention and its gradients."""
        positions = int(np.prod(features.grid))
        kept = min(self.channels, features.channels)
        # Regions are not known here: each is taken to hold 20 units or more.
        queries = units if self.queries == "unit" else max(1, units // 20)
        step = min(rows, 2 * self.batch) * queries * (self.heads * (4 * positions + 4 * kept) + 6 * self.hidden)
        return prepared_bytes(features, rows, self.channels, 2) + 4 * (step + 6 * rows * units)
