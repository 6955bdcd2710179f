"""Export: a board's cells as flat lines, the same for CSV, JSON and the API."""

from typing import Any

from gyral_portal.leaderboard.table import Line, Table
from gyral_submissions.domain.queries.board import Cell
from gyral_submissions.models import Benchmark

COLUMNS = (
    *("model", "version", "title", "family", "tier", "visibility", "benchmark", "simulated", "region", "metric"),
    *("value", "low", "high", "ceiling", "share_of_ceiling"),
    *("ceiling_low", "ceiling_high", "ceiling_lower", "ceiling_unit", "ceiling_kind"),
    *("rank_best", "rank_worst", "ties", "borda", "unique_r2", "unique_low", "unique_high", "omega"),
    *("twin", "twin_spread", "n_units", "n_ceiled", "n_samples", "run"),
)


def cell_lines(benchmark: Benchmark, table: Table) -> list[dict[str, Any]]:
    """One line a cell, in the order of the page; missing cells are left out, missing numbers are None."""
    return [
        _line(benchmark, line, line.row.cells[region], twins=table.look.twins)
        for line in table.lines
        for region in benchmark.region_names
        if region in line.row.cells
    ]


def _line(benchmark: Benchmark, line: Line, cell: Cell, *, twins: bool) -> dict[str, Any]:
    submission, mark = line.row.submission, line.marks[cell.region]
    values: dict[str, Any] = {
        "model": submission.name,
        "version": submission.version,
        "title": submission.title,
        "family": line.family,
        "tier": str(submission.tier),
        "visibility": str(submission.visibility),
        "benchmark": benchmark.identifier,
        "simulated": benchmark.simulated,
        "region": cell.region,
        "metric": cell.metric,
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "ceiling": cell.ceiling,
        "ceiling_low": cell.ceiling_low,
        "ceiling_high": cell.ceiling_high,
        "ceiling_lower": cell.ceiling_lower,
        "ceiling_unit": cell.ceiling_unit or None,
        "ceiling_kind": cell.ceiling_kind,
        "share_of_ceiling": cell.ceiled,
        "rank_best": mark.rank[0] if mark.rank else None,
        "rank_worst": mark.rank[1] if mark.rank else None,
        "ties": cell.ties if mark.rank else "",
        "borda": line.row.run.borda if not line.is_private else None,
        "unique_r2": cell.unique_r2,
        "unique_low": cell.unique_low,
        "unique_high": cell.unique_high,
        "omega": cell.omega,
        "twin": cell.twin if twins else None,
        "twin_spread": cell.twin_spread if twins else None,
        "n_units": cell.n_units,
        "n_ceiled": cell.n_ceiled,
        "n_samples": cell.n_samples,
        "run": str(line.row.run.pk),
    }
    return {name: values[name] for name in COLUMNS}
