"""Rows: what every row of a record says of its value, however it was computed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gyral.record import Row
from gyral.scores.confidence import Interval
from gyral.scores.pvalue import false_discovery


def interval_fields(interval: Interval) -> dict[str, Any]:
    """What a `Row` says of its value and interval."""
    if interval.kind == "procedure":
        raise ValueError("a row's own interval is conditional or over subjects")
    known = np.isfinite(interval.value)
    return {
        "value": number_or_none(interval.value),
        "low": number_or_none(interval.low),
        "high": number_or_none(interval.high),
        "interval_kind": interval.kind if known else None,
        "interval_method": interval.method if known else None,
        "interval_groups": interval.groups,
        "interval_df": number_or_none(interval.df),
        "se": number_or_none(interval.se),
    }


def with_q(rows: Sequence[Row]) -> list[Row]:
    """Rows with p adjusted over the regions of each subject."""
    q: dict[int, float] = {}
    tested = [i for i, row in enumerate(rows) if row.p is not None]
    for subject in {rows[i].subject for i in tested}:
        own = [i for i in tested if rows[i].subject == subject]
        q |= dict(zip(own, false_discovery(np.array([rows[i].p for i in own], float)), strict=True))
    return [row.model_copy(update={"q": float(q[i])}) if i in q else row for i, row in enumerate(rows)]


def number_or_none(value: float | None) -> float | None:
    """A plain float; None where there is no number, as JSON has it."""
    return float(value) if value is not None and np.isfinite(value) else None
