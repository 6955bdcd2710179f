"""Layers by regions: the score of every single layer, shaded by column as on boards."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from gyral_portal.leaderboard.table import heat
from gyral_submissions.domain.queries.profile import LayerMap, layer_maps
from gyral_submissions.models import Run


def layers_contexts(runs: Sequence[Run]) -> dict[UUID, dict[str, Any]]:
    """What ``leaderboard/layers.html`` shows of finished runs; without lines where one scored no single layers. One query."""
    maps = layer_maps(runs)
    return {
        run.pk: {"regions": maps[run.pk].regions, "lines": map_lines(maps[run.pk]), "benchmark": run.benchmark}
        for run in runs
    }


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
