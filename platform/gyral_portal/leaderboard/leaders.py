"""Leaders: the best models of many boards at once, for overviews."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gyral_submissions.domain.queries.board import Cell, cells_of_many
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import Grid, read_grid
from gyral_submissions.models import Benchmark
from gyral_submissions.rules import Viewer


@dataclass(frozen=True)
class Leader:
    """A model and its cell in a benchmark's main region."""

    facts: Facts
    cell: Cell


def leaders(benchmarks: Sequence[Benchmark], viewer: Viewer, most: int = 3) -> dict[int, list[Leader]]:
    """The best models in each benchmark's main region, by benchmark id; two queries for all of them together.

    On each board a model stands with its newest version that has a score there, as on the board itself.
    """
    asked = [_best(read_grid([b], viewer), most) for b in benchmarks]
    cells = cells_of_many(asked, viewer, twins=False)
    return {
        benchmark.pk: [
            Leader(grid.facts[row], found[row, main[0]]) for row in rows if main and (row, main[0]) in found
        ]
        for benchmark, (grid, rows, main), found in zip(benchmarks, asked, cells, strict=True)
    }


def _best(grid: Grid, most: int) -> tuple[Grid, list[int], list[int]]:
    """Rows of the best in the main region, and its column."""
    main = [n for n, column in enumerate(grid.columns) if column.is_main]
    if not main:
        return grid, [], []
    values = grid.values[:, main[0]]
    # NaN sorts last.
    return grid, [int(n) for n in np.argsort(-values, kind="stable")[:most] if np.isfinite(values[n])], main
