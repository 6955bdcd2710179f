"""Layers by regions: the score of every single layer, shaded by column as on boards."""

from typing import Any

from gyral_portal.leaderboard.table import heat
from gyral_submissions.domain.queries.profile import LayerMap, layer_by_region
from gyral_submissions.models import Run


def layers_context(run: Run) -> dict[str, Any]:
    """What ``leaderboard/layers.html`` shows of a finished run; without lines where it scored no single layers."""
    found = layer_by_region(run)
    return {"regions": found.regions, "lines": map_lines(found), "benchmark": run.benchmark}


def map_lines(found: LayerMap) -> list[tuple[str, list[tuple[float | None, int, int]]]]:
    """Each layer with (value, heat, folds in which it was chosen) by region; heat by column, as on boards."""
    best = [max((v for v in column if v is not None), default=0.0) for column in zip(*found.values, strict=True)]
    return [
        (
            layer,
            [
                (value, heat(value, best[n]), found.chosen.get(region, {}).get(layer, 0))
                for n, (region, value) in enumerate(zip(found.regions, values, strict=True))
            ],
        )
        for layer, values in zip(found.layers, found.values, strict=True)
    ]
