"""Line charts of a score over time: SVG for pages, one line of text for a terminal."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 520.0, 190.0, 44.0, 12.0, 8.0, 30.0
_INK, _GREY = "#3b528b", "#777777"
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
) -> str:
    """One SVG element; no style, script or outside file.

    Parameters
    ----------
    times : sequence of float
        Seconds, ascending; shown in milliseconds.
    value : array, times
        The line; broken where NaN.
    title : str
        What a screen reader says; the peak is added.
    low, high : array, times, optional
        A band.
    bound : array, times, optional
        A dashed line (a ceiling, in the unit of ``value``).
    marked : bool array, times, optional
        Times with a bar at the foot (significant ones).
    window : (float, float), optional
        Seconds; shaded.
    """
    ms = np.asarray(times, np.float64) * 1000
    shown = [a[np.isfinite(a)] for a in (value, low, high, bound) if a is not None]
    numbers = np.concatenate([*shown, np.zeros(1)])
    least, most = min(float(numbers.min()), 0.0), max(float(numbers.max()), 0.1)
    step = next((s for s in (0.05, 0.1, 0.2, 0.5) if (most - least) / s <= 6), 1.0)
    least, most = np.floor(least / step + 1e-9) * step, np.ceil(most / step - 1e-9) * step
    span = float(ms[-1] - ms[0]) or 1.0

    def x(at: float) -> float:
        return round(_LEFT + (at - float(ms[0])) / span * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(at: float) -> float:
        return round(float(_TOP + (most - at) / (most - least) * (_HEIGHT - _TOP - _BOTTOM)), 1)

    def path(series: Array) -> str:
        parts, pen = [], "M"
        for at, v in zip(ms, series, strict=True):
            if np.isfinite(v):
                parts.append(f"{pen}{x(at)} {y(float(v))}")
            pen = "L" if np.isfinite(v) else "M"
        return "".join(parts)

    drawn = []
    if window is not None:
        start, stop = (x(float(np.clip(t * 1000, ms[0], ms[-1]))) for t in window)
        drawn.append(_rect(start, _TOP, stop - start, _HEIGHT - _TOP - _BOTTOM, _GREY, 0.08))
    for i in range(round((most - least) / step) + 1):
        at = least + i * step
        drawn.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(at)}" y2="{y(at)}" stroke="{_GREY}" '
                     f'stroke-opacity="{0.6 if abs(at) < 1e-9 else 0.15}"/>'
                     f'<text x="{_LEFT - 6}" y="{y(at) + 4}" text-anchor="end" font-size="11" fill="{_GREY}">'
                     f'{at + 0.0:.2f}</text>')  # fmt: skip
    for at in _ticks(float(ms[0]), float(ms[-1])):
        drawn.append(f'<text x="{x(at)}" y="{_HEIGHT - 12}" text-anchor="middle" font-size="11" fill="{_GREY}">'
                     f"{at:g}</text>")  # fmt: skip
    if low is not None and high is not None:
        band = np.isfinite(low) & np.isfinite(high)
        edge = [f"{x(a)} {y(float(v))}" for a, v in zip(ms[band], high[band], strict=True)]
        edge += [f"{x(a)} {y(float(v))}" for a, v in zip(ms[band][::-1], low[band][::-1], strict=True)]
        if edge:
            drawn.append(f'<path d="M{"L".join(edge)}Z" fill="{_INK}" fill-opacity="0.2"/>')
    if bound is not None:
        drawn.append(f'<path d="{path(bound)}" fill="none" stroke="{_GREY}" stroke-dasharray="4 3"/>')
    drawn.append(f'<path d="{path(value)}" fill="none" stroke="{_INK}" stroke-width="2"/>')
    if marked is not None:
        half = span / max(len(ms) - 1, 1) / 2
        for at in ms[marked]:
            left, right = (x(float(np.clip(at + side, ms[0], ms[-1]))) for side in (-half, half))
            drawn.append(_rect(left, _HEIGHT - _BOTTOM, right - left, 3, _INK, 1.0))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="curve" role="img" aria-label="{escape(_says(ms, value, title), quote=True)}" '
        f'width="{_WIDTH:g}" height="{_HEIGHT:g}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}">{"".join(drawn)}</svg>'
    )


def sparkline(value: Array, most: float | None = None) -> str:
    """One character a time, from 0 (or less) to ``most``; a blank where there is no value."""
    top = most if most is not None else float(np.nanmax(value, initial=0.0))
    height = np.clip(np.nan_to_num(value) / (top or 1.0), 0, 1) * (len(_BARS) - 1)
    return "".join(_BARS[round(float(h))] if np.isfinite(v) else " " for h, v in zip(height, value, strict=True))


def _says(ms: Array, value: Array, title: str) -> str:
    if not np.isfinite(value).any():
        return f"{title}: no values"
    top = int(np.nanargmax(value))
    return f"{title}: from {ms[0]:g} to {ms[-1]:g} ms, highest {value[top]:.3f} at {ms[top]:g} ms"


def _ticks(first: float, last: float) -> list[float]:
    step = next((s for s in (10, 20, 50, 100, 200, 500) if (last - first) / s <= 10), 1000)
    return [float(t) for t in np.arange(np.ceil(first / step) * step, last + 1e-9, step)]


def _rect(x: float, y: float, width: float, height: float, fill: str, opacity: float) -> str:
    return f'<rect x="{x:g}" y="{y:g}" width="{width:.1f}" height="{height:g}" fill="{fill}" fill-opacity="{opacity}"/>'
