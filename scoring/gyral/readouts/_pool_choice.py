"""Choice of a pool and a penalty for each unit, by held-out rows of inner folds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gyral.datasets.split import Fold
from gyral.readouts._pools import Pools, pooled
from gyral.readouts._spectrum import Ahead, Spectrum
from gyral.readouts.readout import Array, Rows

# Floats of designs, and of predictions of a block of units, in memory at once.
ROOM = 1 << 23
_UNITS = 2048


@dataclass(frozen=True, eq=False)
class Choice:
    """Pool and penalty of each unit, its held-out squared errors, and those of the training mean."""

    pool: Rows
    penalty: Array
    errors: Array
    totals: Array


def choose(
    values: Tensor, present: Tensor, y: Tensor, inner: Sequence[Fold], pools: Pools, penalties: Sequence[float]
) -> Choice:
    """Pool and penalty of each unit with the least squared error over the held-out rows of all inner folds.

    Parameters
    ----------
    values, present : Tensor
        Prepared features (samples x positions x channels) and which positions are there.
    y : Tensor, samples x units
        No NaN.
    inner : sequence of Fold
    pools : Pools
    penalties : sequence of float
        For designs whose mean square is 1.
    """
    samples, _, channels = values.shape
    units = y.shape[1]
    best = np.full(units, np.inf)
    pool, penalty = np.zeros(units, np.int64), np.zeros(units)
    folds = [f for f in inner if len(f.train) > 1 and len(f.test)]
    totals = np.zeros(units)
    for fold in folds:
        totals += (y[fold.test] - y[fold.train].mean(dim=0)).square().sum(dim=0).double().cpu().numpy()
    step = max(1, ROOM // (samples * channels + len(penalties) * min(units, _UNITS)))
    for first in range(0, len(pools), step):
        part = slice(first, first + step)
        designs = scaled(pooled(values, present, pools.logs[part]))
        errors = torch.zeros(len(designs), len(penalties), units, device=y.device)
        for fold in folds:
            _add_errors(errors, designs, y, fold, penalties)
        flat = errors.flatten(0, 1).cpu().numpy()
        least = flat.min(axis=0)
        better = least < best
        at = flat[:, better].argmin(axis=0)
        best[better] = least[better]
        pool[better] = first + at // len(penalties)
        penalty[better] = np.asarray(penalties)[at % len(penalties)]
    return Choice(pool, penalty, best, totals)


def scaled(designs: Tensor) -> Tensor:
    """Designs with a mean square of 1 around their column means, so that a penalty means the same for each."""
    return designs / scales(designs)


def scales(designs: Tensor) -> Tensor:
    """Root mean square of each design around its column means: stack x 1 x 1."""
    power = (designs - designs.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2), keepdim=True)
    return power.sqrt().clamp_min(1e-12)


def _add_errors(errors: Tensor, designs: Tensor, y: Tensor, fold: Fold, penalties: Sequence[float]) -> None:
    train, middle = designs[:, fold.train], y[fold.train].mean(dim=0)
    spectrum = Spectrum.of(train)
    ahead = Ahead(spectrum, designs[:, fold.test], y.shape[1] * len(penalties))
    for start in range(0, y.shape[1], _UNITS):
        block = slice(start, start + _UNITS)
        along, _ = spectrum.along(train, y[None, fold.train, block])
        target = y[None, fold.test, block] - middle[block]
        errors[..., block] += ahead.errors(along, target, penalties).transpose(0, 1)
