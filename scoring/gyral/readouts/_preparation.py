"""Preparation: what positions hold before a structured readout sees it, learned from training rows alone.

Channels are standardised over samples and positions (not place by place: a field is a weight on places, and
scaling each would undo it) and rotated to their first principal directions where there are many. Rows are
read in pieces, so that a float16 memory map is never in memory as a whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gyral.features.features import Features, Places
from gyral.readouts.readout import Rows, require_finite

# Float32 values of raw features in memory at once.
_PIECE = 1 << 24
# Principal directions are settled by this many places a channel (never fewer than _FEWEST in all).
_PLACES_A_CHANNEL = 8
_FEWEST = 8192
# A channel whose spread is below this share of its mean is constant up to rounding.
_CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class Preparation:
    """Channel mean, scale and principal directions of the training rows."""

    mean: Tensor  # channels
    directions: Tensor  # channels x kept

    def apply(self, places: Places, device: str) -> tuple[Tensor, Tensor]:
        """Prepared values (samples x positions x kept; padding 0) and which positions are present."""
        present = torch.from_numpy(np.ascontiguousarray(places.present)).to(device)
        values = (torch.from_numpy(places.values).to(device) - self.mean) @ self.directions
        return values * present[..., None], present

    def pieces(
        self, features: Features, rows: Rows, device: str, most: int
    ) -> Iterator[tuple[slice, tuple[Tensor, Tensor]]]:
        """Prepared values and positions present of ``rows``, at most so many rows at once.

        Raises
        ------
        BadFeatures
            Values of ``rows`` are not finite (``features-finite``).
        """
        step = min(most, _rows_of_a_piece(features))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            places = features.places(rows[part])
            require_finite(features, places.values, rows[part])
            yield part, self.apply(places, device)


def prepare(places: Places, channels: int, device: str) -> Preparation:
    """Standardise channels over samples and positions, then keep at most ``channels`` principal directions.

    Directions are scaled together, not one by one, so that their mean square is 1: small ones stay small.
    """
    flat = _filled(places, device)
    mean = flat.mean(dim=0)
    power = (flat - mean).square_().mean(dim=0)
    return _preparation(mean, power, flat, channels)


def prepare_rows(
    features: Features, rows: Rows, channels: int, device: str
) -> tuple[Preparation, Tensor, Tensor, tuple[int, int]]:
    """Learn the preparation from ``rows`` and apply it to them, reading them in pieces.

    Returns
    -------
    preparation : Preparation
    values : float32 Tensor, rows x positions x kept
    present : bool Tensor, rows x positions
    grid : (int, int)

    Raises
    ------
    BadFeatures
        Values of ``rows`` are not finite (``features-finite``).
    """
    step = _rows_of_a_piece(features)
    pieces = [rows[start : start + step] for start in range(0, len(rows), step)]
    if len(pieces) == 1:
        places = features.places(rows)
        require_finite(features, places.values, rows)
        preparation = prepare(places, channels, device)
        return preparation, *preparation.apply(places, device), places.grid
    count = 0
    # Sums are taken around a first guess of the mean: of large offsets nothing would be left.
    shift = _filled(features.places(pieces[0]), device).mean(dim=0)
    total, square = (torch.zeros(len(shift), dtype=torch.float64, device=device) for _ in range(2))
    sample = []
    wanted = max(_FEWEST, _PLACES_A_CHANNEL * features.channels)
    for part in pieces:
        places = features.places(part)
        require_finite(features, places.values, part)
        flat = _filled(places, device)
        moved = flat - shift
        count += len(flat)
        # Within a piece torch sums pairwise; over pieces float64 keeps what float32 would lose.
        total += moved.sum(dim=0).double()
        square += moved.square_().sum(dim=0).double()
        sample.append(_some(flat, -(-wanted // len(pieces))))
    away = total / count
    preparation = _preparation(
        (shift + away).float(), (square / count - away.square()).clamp_min(0), torch.cat(sample), channels
    )
    high, wide = features.grid
    values = torch.empty(len(rows), high * wide, preparation.directions.shape[1], device=device)
    present = torch.empty(len(rows), high * wide, dtype=torch.bool, device=device)
    for piece, done in preparation.pieces(features, rows, device, len(rows)):
        values[piece], present[piece] = done
    return preparation, values, present, features.grid


def prepared_bytes(features: Features, rows: int, channels: int, copies: int) -> int:
    """What prepared values of ``rows`` samples take, and what reading them takes beside.

    Parameters
    ----------
    copies : int
        Of the prepared values at a time: one, and those that a family cuts into folds or makes of them.
    """
    positions = features.grid[0] * features.grid[1]
    # A piece is read, laid out by positions and centred.
    piece = 3 * min(rows * features.width, _PIECE)
    return 4 * (piece + copies * rows * positions * min(channels, features.channels))


def _rows_of_a_piece(features: Features) -> int:
    return max(1, _PIECE // max(1, features.width))


def _filled(places: Places, device: str) -> Tensor:
    """Channels at every position that is present: places x channels."""
    values = places.values if not places.present.all() else places.values.reshape(-1, places.values.shape[2])
    return torch.from_numpy(values[places.present] if values.ndim == 3 else values).to(device)


def _some(flat: Tensor, most: int) -> Tensor:
    """At most so many rows, drawn at random: a fixed step would always meet the same positions of the map."""
    if len(flat) <= most:
        return flat
    return flat[torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:most].to(flat.device)]


def _preparation(mean: Tensor, power: Tensor, sample: Tensor, channels: int) -> Preparation:
    sd = power.sqrt().float()
    scale = torch.where(sd > _CONSTANT * mean.abs() + 1e-30, 1 / sd.clamp_min(1e-30), torch.zeros_like(sd))
    if len(scale) <= channels:
        return Preparation(mean, torch.diag(scale))
    drawn = _some(sample, max(_FEWEST, _PLACES_A_CHANNEL * len(scale)))
    kept, size = _principal((drawn - mean) * scale, channels)
    return Preparation(mean, scale[:, None] * kept / size.mean().sqrt().clamp_min(1e-12))


def _principal(z: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """First principal directions (channels x count) and mean squares along them, by subspace iteration.

    Halko, Martinsson & Tropp (2011), doi 10.1137/090771806: no covariance of wide layers is formed, which would
    cost more than all training.
    """
    start = torch.randn(z.shape[1], min(z.shape[1], count + 16), generator=torch.Generator().manual_seed(0))
    basis = torch.linalg.qr(start.to(z))[0]
    for _ in range(3):
        basis = torch.linalg.qr(z.T @ (z @ basis))[0]
    seen = (z @ basis).double()
    values, vectors = torch.linalg.eigh(seen.T @ seen / len(z))
    return basis @ vectors[:, -count:].flip(1).to(z), values[-count:].flip(0).clamp_min(0).to(z)
