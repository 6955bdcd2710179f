"""Leaders: the best models of many boards at once, for overviews."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gyral_submissions.domain.queries.board import Cell, cells_of
from gyral_submissions.domain.queries.facts import Facts
from gyral_submissions.domain.queries.grid import read_grid
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
    return {b.pk: _best(b, viewer, most) for b in benchmarks}


def _best(benchmark: Benchmark, viewer: Viewer, most: int) -> list[Leader]:
    grid = read_grid([benchmark], viewer)
    main = next((n for n, c in enumerate(grid.columns) if c.is_main), None)
    if main is None:
        return []
    values = grid.values[:, main]
    rows = [int(n) for n in np.argsort(-values, kind="stable")[:most] if np.isfinite(values[n])]
    cells = cells_of(grid, rows, [main], viewer, twins=False)
    return [Leader(grid.facts[n], cells[n, main]) for n in rows if (n, main) in cells]
