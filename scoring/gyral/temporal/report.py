"""Report: temporal scores of all regions, as a record keeps them."""

from collections.abc import Sequence

import numpy as np

from gyral.curves import Curve
from gyral.record import CHOSEN, TemporalRow
from gyral.scores.region import ALL
from gyral.temporal.score import TemporalScore, score_difference, temporal_score


def temporal_rows(
    curves: Sequence[Curve], window: tuple[float, float], *, twin: Sequence[Curve] = ()
) -> tuple[TemporalRow, ...]:
    """One row a region, all subjects.

    Parameters
    ----------
    curves : sequence of Curve
        Of the model: chosen and single layers.
    window : (float, float)
        Seconds.
    twin : sequence of Curve
        Likewise of the untrained twin, under the same redraws; empty where it was not run.
    """
    rows = []
    for region in dict.fromkeys(c.region for c in curves):
        own = _scored(curves, region, window)
        other = _scored(twin, region, window) if any(c.region == region for c in twin) else None
        apart = (None, None, None)
        if other is not None:
            apart = tuple(_number(v) for v in score_difference(own, other))  # type: ignore[assignment]
        rows.append(
            TemporalRow(
                region=region,
                value=_number(own.value),
                low=_number(own.low),
                high=_number(own.high),
                robust=_number(own.robust),
                robust_low=_number(own.robust_low),
                robust_high=_number(own.robust_high),
                n_layers=own.layers,
                n_robust=own.robust_layers,
                missing=own.why_missing,
                twin=None if other is None else _number(other.value),
                difference=apart[0],
                difference_low=apart[1],
                difference_high=apart[2],
            )
        )
    return tuple(rows)


def _scored(curves: Sequence[Curve], region: str, window: tuple[float, float]) -> TemporalScore:
    own = [c for c in curves if c.region == region and c.subject == ALL]
    chosen = [c.line for c in own if c.layer == CHOSEN and np.isfinite(c.line).all()]
    return temporal_score([c for c in own if c.layer != CHOSEN], window, line=chosen[0] if chosen else None)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
