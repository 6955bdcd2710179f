"""Line charts of a score over time: SVG for pages, one line of text for a terminal."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from gyral.chart import GREY, Axis, Plane, linear_axis

Array = NDArray[np.floating[Any]]

_BARS = "▁▂▃▄▅▆▇█"


def line_chart_svg(
    times: Sequence[float],
    value: Array,
    title: str,
    *,
    low: Array | None = None,
    high: Array | None = None,
    bound: Array | None = None,
    marked: NDArray[np.bool_] | None = None,
    window: tuple[float, float] | None = None,
    unit: str = "",
    alone: bool = False,
) -> str:
    """One SVG element; no style, script or outside file.

    Parameters
    ----------
    times : sequence of float
        Seconds, ascending; shown in milliseconds.
    value : array, times
        The line; broken where NaN.
    title : str
        What a screen reader says; the peak is added. Another one for each chart of a page.
    low, high : array, times, optional
        A band.
    bound : array, times, optional
        A dashed line (a ceiling, in the unit of ``value``).
    marked : bool array, times, optional
        Times with a bar at the foot (significant ones).
    window : (float, float), optional
        Seconds; shaded.
    unit : str
        What ``value`` is in, beside the upright axis.
    alone : bool
        For a page without the site's style: with a size and a white ground.
    """
    ms = np.asarray(times, np.float64) * 1000
    first, last = float(ms[0]), float(max(ms[-1], ms[0] + 1))
    numbers = np.concatenate([a[np.isfinite(a)] for a in (value, low, high, bound) if a is not None])
    plane = Plane(
        Axis("ms", first, last, [(at, f"{at:g}".replace("-", "−")) for at in _ticks(first, last)]),
        linear_axis(unit, [*numbers.tolist(), 0.1]),
        height=210,
    )

    def points(series: Array, where: NDArray[np.bool_] | None = None) -> list[tuple[float, float]]:
        kept = np.ones(len(ms), bool) if where is None else where
        return list(zip(ms[kept].tolist(), series[kept].tolist(), strict=True))

    if window is not None:
        plane.shade(*(float(np.clip(t * 1000, first, last)) for t in window))
    if low is not None and high is not None:
        known = np.isfinite(low) & np.isfinite(high)
        plane.band(points(low, known), points(high, known))
    if bound is not None:
        plane.line(points(bound), colour=GREY, width=1.5, dashed=True)
    plane.line(points(value))
    if marked is not None:
        half = (last - first) / max(len(ms) - 1, 1) / 2
        for at in ms[marked]:
            plane.bar(*(float(np.clip(at + side, first, last)) for side in (-half, half)))
    return plane.svg(f"curve-{crc32(title.encode()):08x}", title, _says(ms, value), alone=alone)


def sparkline(value: Array, most: float | None = None) -> str:
    """One character a time, from 0 (or less) to ``most``; a blank where there is no value."""
    top = most if most is not None else float(np.nanmax(value, initial=0.0))
    height = np.clip(np.nan_to_num(value) / (top or 1.0), 0, 1) * (len(_BARS) - 1)
    return "".join(_BARS[round(float(h))] if np.isfinite(v) else " " for h, v in zip(height, value, strict=True))


def _says(ms: Array, value: Array) -> str:
    if not np.isfinite(value).any():
        return "no values"
    top = int(np.nanargmax(value))
    return f"from {ms[0]:g} to {ms[-1]:g} ms, highest {value[top]:.3f} at {ms[top]:g} ms"


def _ticks(first: float, last: float) -> list[float]:
    step = next((s for s in (10, 20, 50, 100, 200, 500) if (last - first) / s <= 10), 1000)
    return [float(t) for t in np.arange(np.ceil(first / step) * step, last + 1e-9, step)]
