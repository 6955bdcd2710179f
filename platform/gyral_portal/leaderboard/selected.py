"""Selected: which rows and columns of a board a comparison or a picture is of; its state is the board's own."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from gyral_portal.leaderboard.look import Look
from gyral_submissions.domain.queries.grid import Column, Grid

MOST_COLUMNS = 24


def narrowed(look: Look) -> Look:
    """What of a board's state decides its rows and columns, whatever page shows them."""
    return Look(words=look.words, facets=look.facets, on=look.on, columns=look.columns, misread=look.misread)


def address_of(base: str, look: Look, more: Mapping[str, str | Sequence[str]] | None = None) -> str:
    """``base`` with the state, and parameters that are the page's own."""
    query = urlencode({**look.query(), **(more or {})}, doseq=True, safe="@/,:")
    return f"{base}?{query}" if query else base


def selected_columns(grid: Grid, look: Look) -> tuple[list[int], int]:
    """Columns of the grid, and how many more there are than a page holds.

    Those that were picked; else all of a board of one benchmark, and the main regions of a board of several.
    """
    wanted = set(look.columns)
    alone = len(grid.benchmarks) == 1
    found = [n for n, c in enumerate(grid.columns) if (c.key in wanted if wanted else alone or c.is_main)]
    return found[:MOST_COLUMNS], max(0, len(found) - MOST_COLUMNS)


def column_words(column: Column, grid: Grid, *, region_first: bool = False) -> str:
    """Name of a column where no head of a table stands above it; the region first where the end may be cut off."""
    if len(grid.benchmarks) == 1:
        return column.title
    names = (column.benchmark.title, column.title)
    return ", ".join(names[::-1]) if region_first else ": ".join(names)
