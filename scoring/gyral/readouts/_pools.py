"""Gaussian pools over positions: the grid of candidate receptive fields, and features averaged under them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Centres along an axis at most; on wider grids both the steps and the widths of the pools grow with the grid.
_STEPS = 16


@dataclass(frozen=True, eq=False)
class Pools:
    """Candidate receptive fields.

    Parameters
    ----------
    logs : float32 Tensor, pools x positions
        Logarithm of the weight of each position, up to a constant a pool.
    x, y, size : array, one a pool
        Centre from the left and the top, and standard deviation, as a share of the map's width (``y``: height).
    """

    logs: Tensor
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    size: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.logs)

    def take(self, index: NDArray[np.integer] | slice) -> "Pools":
        """Some of the pools."""
        return Pools(self.logs[index], self.x[index], self.y[index], self.size[index])


def coordinates(grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Column and row of every position, in cells from the left and the top: two float32 Tensors."""
    rows, columns = grid
    index = torch.arange(rows * columns)
    return (index % columns).float(), (index // columns).float()


def gaussian_pools(grid: tuple[int, int], sizes: Sequence[float]) -> Pools:
    """A Gaussian of every size at every cell, and the average over the whole map as the last pool.

    Parameters
    ----------
    grid : (int, int)
        Rows and columns; (1, positions) gives windows over the positions of a sequence.
    sizes : sequence of float
        Standard deviations in cells. On grids wider than 16 cells they are in sixteenths of the wider side,
        and so are the steps between centres.
    """
    rows, columns = grid
    step = max(1.0, max(grid) / _STEPS)
    across, down = coordinates(grid)
    centres = [(x, y) for y in _centres(rows, step) for x in _centres(columns, step)]
    logs, at, width = [], [], []
    for size in sizes:
        for x, y in centres:
            logs.append(-((across - x) ** 2 + (down - y) ** 2) / (2 * (size * step) ** 2))
            at.append((x, y))
            width.append(size * step)
    logs.append(torch.zeros(rows * columns))
    at.append(((columns - 1) / 2, (rows - 1) / 2))
    # Mean over the axes that have an extent of the variance of a uniform weight.
    width.append(float(np.sqrt(np.mean([(side**2 - 1) / 12 for side in grid if side > 1] or [0.0]))))
    x, y = np.array(at).T
    return Pools(torch.stack(logs), (x + 0.5) / columns, (y + 0.5) / rows, np.array(width) / columns)


def pooled(values: Tensor, present: Tensor, logs: Tensor) -> Tensor:
    """Features averaged under each pool: pools x samples x channels.

    Parameters
    ----------
    values : Tensor, samples x positions x channels
    present : bool Tensor, samples x positions
        Padding has no weight; weights sum to 1 over what is present, so that a pool beyond the end of a short
        sentence reads its last words.
    logs : Tensor, pools x positions
    """
    if present.all():
        return torch.matmul(logs.softmax(dim=1), values).transpose(0, 1)
    hidden = logs.masked_fill(~present[:, None], -torch.inf)
    weights = torch.nan_to_num(hidden.softmax(dim=2))
    return torch.matmul(weights, values).transpose(0, 1)


def moments(weights: Tensor, grid: tuple[int, int]) -> dict[str, NDArray[np.float64]]:
    """``rf_x``, ``rf_y``, ``rf_size`` of masks: centre of mass and spread (see `FittedReadout.traits`).

    Parameters
    ----------
    weights : Tensor, masks x positions
        Non-negative.
    """
    share = (weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-30)).double().cpu()
    x, y = (axis.double() for axis in coordinates(grid))
    mean_x, mean_y = share @ x, share @ y
    variances = []
    for side, axis, mean in ((grid[1], x, mean_x), (grid[0], y, mean_y)):
        if side > 1:
            variances.append(share @ axis.square() - mean.square())
    variance = torch.stack(variances).mean(dim=0) if variances else torch.zeros(len(share), dtype=torch.float64)
    return {
        "rf_x": ((mean_x + 0.5) / grid[1]).numpy(),
        "rf_y": ((mean_y + 0.5) / grid[0]).numpy(),
        "rf_size": (variance.clamp_min(0).sqrt() / grid[1]).numpy(),
    }


def _centres(side: int, step: float) -> list[float]:
    count = max(1, round(side / step))
    return [(k + 0.5) * side / count - 0.5 for k in range(count)]
