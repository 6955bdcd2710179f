"""Heat maps of positions as SVG: where a readout reads."""

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CELL = 16
_INK = "#3b528b"


def heatmap_svg(weights: NDArray[np.floating[Any]], grid: tuple[int, int], title: str) -> str:
    """One SVG element: a square a position, the darker the more weight; no style, script or outside file.

    Parameters
    ----------
    weights : array, positions
        Not negative; row after row of ``grid``.
    grid : (int, int)
        Rows and columns.
    title : str
        What a screen reader says; the largest weight is added.
    """
    rows, columns = grid
    values = np.nan_to_num(np.asarray(weights, np.float64)).clip(min=0)
    if len(values) != rows * columns:
        raise ValueError(f"{len(values)} weights for a grid of {rows} x {columns}")
    most = float(values.max(initial=0.0))
    top = int(values.argmax())
    squares = "".join(
        f'<rect x="{(i % columns) * _CELL}" y="{(i // columns) * _CELL}" width="{_CELL}" height="{_CELL}" '
        f'fill="currentColor" fill-opacity="{value / most if most else 0:.2f}"/>'
        for i, value in enumerate(values)
    )
    share = most / values.sum() if most else 0.0
    says = f"{title}: most weight, {share:.0%}, in row {top // columns + 1}, column {top % columns + 1} of {rows} x {columns}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="heat" color="{_INK}" role="img" aria-label="{escape(says, quote=True)}" '
        f'width="{columns * _CELL}" height="{rows * _CELL}" viewBox="0 0 {columns * _CELL} {rows * _CELL}">'
        f'<rect width="100%" height="100%" fill="currentColor" fill-opacity="0.05"/>{squares}</svg>'
    )
