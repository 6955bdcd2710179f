"""What ``gyral show`` says of scores over time."""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.cli.number import number
from gyral.line_chart import line_chart_svg, sparkline
from gyral.record import CHOSEN, CURVE, CurveRef, Record

Array = NDArray[np.floating[Any]]


def curve_lines(record: Record, curves: Mapping[str, Array], *, everything: bool = False) -> list[str]:
    """A line a curve, its heights on one scale; chosen layers of all subjects, or all curves."""
    shown = [c for c in _wanted(record, everything) if c.name in curves]
    if not shown or record.time is None:
        return []
    most = max(float(np.nanmax(curves[c.name][0], initial=0.0)) for c in shown)
    first, last = record.time.times[0] * 1000, record.time.times[-1] * 1000
    low, high = (t * 1000 for t in record.time.window)
    lines = [f"over time, {first:g} to {last:g} ms (window of the scores above: {low:g} to {high:g} ms)"]
    wide = max(len(_label(c)) for c in shown)
    for c in shown:
        lines.append(f"{_label(c):<{wide}}  {sparkline(curves[c.name][0], most)}  {_peak(c)}")
    return lines


def curve_section(record: Record, curves: Mapping[str, Array], *, everything: bool = False) -> str:
    """A picture and a table a curve, as HTML; empty where there is none."""
    if record.time is None:
        return ""
    parts = []
    for c in _wanted(record, everything):
        if c.name in curves:
            rows = dict(zip(CURVE, curves[c.name].astype(np.float64), strict=True))
            parts.append(f"<h3>{escape(_label(c))}</h3>{_svg(record, c, rows)}{_table(record.time.times, rows)}")
    says = (
        "<p>Median over sensors of r at each time with its 95 % interval; dashed: noise ceiling (its square root, which bounds "
        "r); bars at the foot: times with p at most .05 over all times (maximum statistic); shaded: window of the scores.</p>"
    )
    return f"<h2>Over time</h2>{says}{''.join(parts)}" if parts else ""


def _svg(record: Record, curve: CurveRef, rows: Mapping[str, Array]) -> str:
    if record.time is None:
        return ""
    ceiling = rows["ceiling"]
    return line_chart_svg(
        record.time.times,
        rows["value"],
        _label(curve),
        low=rows["low"],
        high=rows["high"],
        bound=np.sqrt(np.maximum(ceiling, 0.0)) if np.isfinite(ceiling).any() else None,
        marked=rows["p"] <= 0.05,
        window=record.time.window,
        unit="r",
        alone=True,
    )


def _table(times: tuple[float, ...], rows: Mapping[str, Array]) -> str:
    head = ("time (ms)", "r", "95 % interval", "p over all times", "ceiling (r2)")
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{cell}</td>"
            for cell in (
                f"{t * 1000:g}",
                _number(rows["value"][i]),
                f"{_number(rows['low'][i])} .. {_number(rows['high'][i])}",
                _number(rows["p"][i]),
                _number(rows["ceiling"][i]),
            )
        )
        + "</tr>"
        for i, t in enumerate(times)
    )
    return (
        "<details><summary>Numbers</summary><table><thead><tr>"
        + "".join(f"<th>{h}</th>" for h in head)
        + f"</tr></thead><tbody>{body}</tbody></table></details>"
    )


def _wanted(record: Record, everything: bool) -> list[CurveRef]:
    return [c for c in record.curves if everything or (c.layer == CHOSEN and c.subject == "all")]


def _label(curve: CurveRef) -> str:
    subject = "" if curve.subject == "all" else f", {curve.subject}"
    return f"{curve.region}{subject}{'' if curve.layer == CHOSEN else f', {curve.layer}'}"


def _peak(curve: CurveRef) -> str:
    if curve.peak is None or curve.peak_time is None:
        return "-"
    since = "" if curve.first_time is None else f"; p <= .05 from {curve.first_time * 1000:g} ms"
    return f"highest {number(curve.peak)} at {curve.peak_time * 1000:g} ms{since}"


def _number(value: float) -> str:
    return number(float(value))


def temporal_lines(record: Record) -> list[str]:
    """A line a region: whether deeper layers predict later responses."""
    lines = []
    for row in record.temporal:
        if row.value is None:
            lines.append(f"temporal score of {row.region}: not applicable ({row.missing})")
            continue
        text = f"temporal score of {row.region}: {number(row.value, 2)}{_ends(row.low, row.high)} over {row.n_layers} layers"
        if row.robust is not None:
            text += f"; robust {number(row.robust, 2)}{_ends(row.robust_low, row.robust_high)} over {row.n_robust}"
        if row.difference is not None:
            text += f"; less the untrained twin's {number(row.difference, 2)}{_ends(row.difference_low, row.difference_high)}"
        lines.append(text)
    return lines


def _ends(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({number(low, 2)} .. {number(high, 2)})"
