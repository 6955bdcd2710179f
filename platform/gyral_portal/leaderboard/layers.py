"""Layers by regions: the score of every single layer, shaded by column as on boards."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np

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
    values = np.array(found.values, np.float64).reshape(len(found.layers), len(found.regions))
    best = [float(column.max(initial=0.0, where=~np.isnan(column))) for column in values.T]
    heats = heat(values, best).tolist()
    return [
        (
            layer,
            [
                (value, shade, found.chosen.get(region, {}).get(layer, 0))
                for region, value, shade in zip(found.regions, found.values[n], heats[n], strict=True)
            ],
        )
        for n, layer in enumerate(found.layers)
    ]
