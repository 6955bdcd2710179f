"""Field maps: receptive fields of units on the image, as SVG."""

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIDE = 176.0
_MOST = 200  # circles that are drawn, evenly out of all units
_INK, _LINE = "#3b528b", "#808890"


def fields_svg(
    x: NDArray[np.floating[Any]], y: NDArray[np.floating[Any]], size: NDArray[np.floating[Any]], title: str
) -> str:
    """One SVG element: the image's frame, a circle a unit (at most 200, evenly out of all) and a thick one of the medians; no style, script or outside file.

    Parameters
    ----------
    x, y : array, units
        Centres: shares of width and height from the upper left corner. Those outside the image are drawn at its edge.
    size : array, units
        Standard deviations, shares of the width; the radii.
    title : str
        What a screen reader says; the medians and the middle half of the centres are added.
    """
    known = np.isfinite(x) & np.isfinite(y) & np.isfinite(size)
    x, y, size = (np.asarray(v, np.float64)[known] for v in (x, y, size))
    every = slice(None, None, -(-len(x) // _MOST) or 1)
    opacity = min(0.05, 1.5 / max(len(x[every]), 1))
    circles = "".join(
        f'<circle cx="{cx * _SIDE:.1f}" cy="{cy * _SIDE:.1f}" r="{max(r * _SIDE, 1):.1f}" fill="currentColor" '
        f'fill-opacity="{opacity:.3f}" stroke="currentColor" stroke-opacity="0.45"/>'
        for cx, cy, r in zip(x[every].clip(0, 1), y[every].clip(0, 1), size[every], strict=True)
    )
    says, middle = f"{title}: no unit has a receptive field", ""
    if len(x):
        cx, cy, r = (float(np.median(v)) for v in (x, y, size))
        (left, right), (top, bottom) = (np.percentile(v, [25, 75]) for v in (x, y))
        says = (
            f"{title}: {len(x)} receptive fields; their median is at {cx:.2f} of the width and {cy:.2f} of the height from "
            f"the upper left, standard deviation {r:.2f}; half of the centres lie between {left:.2f} and {right:.2f} across, "
            f"{top:.2f} and {bottom:.2f} down"
        )
        middle = (
            f'<circle cx="{cx * _SIDE:.1f}" cy="{cy * _SIDE:.1f}" r="{max(r * _SIDE, 1):.1f}" fill="none" '
            f'stroke="currentColor" stroke-width="3"/>'
        )
    half = _SIDE / 2
    cross = f'<path d="M{half:g} 0v{_SIDE:g}M0 {half:g}h{_SIDE:g}" stroke="{_LINE}" stroke-opacity="0.4"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="heat" color="{_INK}" role="img" aria-label="{escape(says, quote=True)}" '
        f'width="{_SIDE:g}" height="{_SIDE:g}" viewBox="0 0 {_SIDE:g} {_SIDE:g}">{cross}{circles}{middle}</svg>'
    )
