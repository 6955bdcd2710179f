"""Penalties: the grid they are chosen from, and what a reader should know of the choice.

The texts carry no numbers of one fit, so that equal warnings of many fits can be counted as one.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from gyral.datasets.split import Fold
from gyral.errors import UserError
from gyral.readouts._ridge_arrays import has_fast_bfloat16
from gyral.readouts.readout import Array

PENALTIES = tuple(float(10.0**k) for k in range(-2, 9))

# Inner r2 above which a unit counts as predicted: chance alone leaves null units a little above 0.
_PREDICTED = 0.01
# Share of units at an edge of the grid from which a reader is told.
_EDGE_SHARE = 0.05
# Training rows a penalty, and rows an inner fold holds out, below which choices are chance.
_ROWS_A_PENALTY, _ROWS_AHEAD = 2, 3


def require_grid(name: str, penalties: Sequence[float]) -> None:
    """Refuse a grid that is empty, not positive or not ascending.

    Raises
    ------
    UserError
        ``bad-penalties``.
    """
    grid = np.asarray(penalties, float)
    if not grid.size or not np.isfinite(grid).all() or grid[0] <= 0 or (np.diff(grid) <= 0).any():
        raise UserError(
            f"{penalties!r} is no grid of penalties.",
            where=f"readout {name!r}",
            mend="Give positive numbers in ascending order.",
            code="bad-penalties",
        )


def edges(chosen: Array, inner_r2: Array, grid: Sequence[float] | Array) -> Iterator[str]:
    """Units whose best penalty may lie outside the grid (``chosen``: NaN for units without a fit)."""
    fitted = np.isfinite(chosen)
    if not fitted.any() or len(grid) < 2:
        return
    low = float((chosen[fitted] == grid[0]).mean())
    high = float(((chosen[fitted] == grid[-1]) & (inner_r2[fitted] > _PREDICTED)).mean())
    if low > _EDGE_SHARE:
        yield f"over {_EDGE_SHARE:.0%} of units sit at the lower edge of the penalty grid ({grid[0]:g})"
    # Null units rightly end at the top; only units that are predicted say that the grid is too short.
    if high > _EDGE_SHARE:
        yield (
            f"over {_EDGE_SHARE:.0%} of units with inner r2 > {_PREDICTED:g} sit at the upper edge of the "
            f"penalty grid ({grid[-1]:g})"
        )


def doubts(
    rows: int, inner: Sequence[Fold], grid: Sequence[float] | Array, orphaned: bool = False
) -> Iterator[str]:
    """Choices made on too little.

    Parameters
    ----------
    rows : int
        Training rows.
    inner : sequence of Fold
        Empty where no folds choose.
    grid : sequence of float
    orphaned : bool
        True if a unit varies, but no inner fold has samples of it on both sides.
    """
    least = _ROWS_A_PENALTY * len(grid)
    if len(grid) > 1 and rows < least:
        yield f"fewer than {least} training samples choose among {len(grid)} penalties: close to chance"
    if len(inner) and min(len(fold.test) for fold in inner) < _ROWS_AHEAD:
        yield f"an inner fold holds out fewer than {_ROWS_AHEAD} samples: penalties are chosen on very little"
    if orphaned:
        yield "some units have no inner fold with samples on both sides and are not fitted"


def reduced_precision(device: str) -> str:
    """What chose penalties with ``selection="kfold-reduced"``."""
    if device != "cpu" or has_fast_bfloat16():
        return "penalties were chosen in reduced precision (bfloat16)"
    return "penalties were chosen in float32: this processor has no fast bfloat16"
