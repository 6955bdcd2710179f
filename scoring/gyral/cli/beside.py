"""Beside: what a record says of its controls, in words."""

from collections.abc import Sequence

from gyral.cli.number import number
from gyral.left import LEAST_LEFT, LEAST_PARTIAL
from gyral.record import ControlScore, Record, Row


def left_cell(row: Row) -> str:
    """What is left when nuisances are taken out (R2, or a partial correlation), with a star where that may be nothing."""
    value = row.unique_r2 if row.partial is None else row.partial
    return "-" if value is None else f"{number(value)}{'*' if row.nothing_left else ''}"


def control_lines(record: Record, rows: Sequence[Row]) -> list[str]:
    """What stands beside the scores: which controls, and a sentence for each of ``rows`` that has any."""
    controls, lines = record.controls, []
    if controls.nuisances or any(row.nothing_left for row in rows):  # a star never stands without its legend
        lines.append(_of_what(", ".join(controls.nuisances) or "nuisances", rows))
        lines += [
            f"left: without {band}, which could not be had here: {why}" for band, why in controls.absent.items()
        ]
    elif controls.missing:
        lines.append(f"nuisances: not run; {controls.missing}")
    for row in rows:
        said = _left(row) + _further(row)
        if said:
            where = row.region if row.subject == "all" else f"{row.region}, {row.subject}"
            lines.append(f"{where}: {'; '.join(said)}")
    return lines


def _of_what(bands: str, rows: Sequence[Row]) -> str:
    if any(row.partial is not None for row in rows):
        similar = rows[0].metric.startswith(("rsa-", "trsa-"))
        what = f"similarity with RDMs of {bands}" if similar else f"r with what {bands} predict"
        return f"left: {what} held constant (* none: its 95 % interval does not lie above 0, or it is below {LEAST_PARTIAL})"
    none = f"its 95 % interval does not lie above 0, or it is below {LEAST_LEFT}"
    share = (
        "; omega: share of the model's R2 that they explain as well"
        if any(r.omega is not None for r in rows)
        else ""
    )
    return f"left: R2 beyond {bands}, median over units of what each gains (* none: {none}){share}"


def _left(row: Row) -> list[str]:
    if row.partial is not None and row.partial_low is not None and row.partial_high is not None:
        return [f"left {number(row.partial)} ({number(row.partial_low)} .. {number(row.partial_high)})"]
    if row.unique_r2 is None or row.unique_low is None or row.unique_high is None:
        return []
    share = "" if row.omega is None else f"; omega {number(row.omega, 2)}"
    interval = f"{number(row.unique_low)} .. {number(row.unique_high)}"
    alone = f"R2 of nuisances {number(row.nuisance_r2)}, with the model {number(row.joint_r2)}"
    return [f"{alone}, left {number(row.unique_r2)} ({interval}){share}"]


def _further(row: Row) -> list[str]:
    found = []
    for name, score in row.controls.items():
        spread = "" if score.spread is None else f" +- {number(score.spread)}"
        more = "" if score.difference is None else f" (model {score.difference:+.3f}{_bounds(score)})"
        found.append(f"{name} {number(score.value)}{spread}{more}")
    return found


def _bounds(score: ControlScore) -> str:
    if score.difference_low is None or score.difference_high is None:
        return ""
    return f", {number(score.difference_low)} .. {number(score.difference_high)}"
