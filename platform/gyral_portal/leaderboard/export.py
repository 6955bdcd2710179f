"""Export: a board's cells as flat lines, the same in every kind of file and in the API."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from gyral_portal.leaderboard.table import Line, Table
from gyral_submissions.domain.queries.board import Cell
from gyral_submissions.domain.queries.grid import Column

COLUMNS = (
    *(
        "model",
        "version",
        "title",
        "family",
        "tier",
        "visibility",
        "benchmark",
        "simulated",
        "region",
        "metric",
        "readout",
    ),
    *("value", "low", "high", "interval_kind", "ceiling", "share_of_ceiling"),
    *("ceiling_low", "ceiling_high", "ceiling_lower", "ceiling_lower_low", "ceiling_lower_high"),
    *("ceiling_unit", "ceiling_kind"),
    *("rank_best", "rank_worst", "ties", "borda", "unique_r2", "unique_low", "unique_high", "omega"),
    *("partial", "partial_low", "partial_high"),
    *("twin", "twin_spread", "n_units", "n_ceiled", "n_samples", "run"),
)
MEAN_COLUMNS = ("mean", "mean_has", "mean_of", "mean_metrics", "mean_simulated")
MOST_CELLS = 50_000  # of one file


def columns_of(table: Table) -> tuple[str, ...]:
    """Names of what a line holds: the mean is there where the board shows one."""
    return COLUMNS + (MEAN_COLUMNS if table.look.mean else ())


def cell_lines(table: Table, lines: Iterable[Line]) -> list[dict[str, Any]]:
    """One line a cell, in the order of the page; missing cells are left out, missing numbers are None."""
    return [
        _line(table, line, shown.column, line.cells[shown.index])
        for line in lines
        for shown in table.columns
        if shown.column is not None and shown.index in line.cells
    ]


def model_lines(table: Table, lines: Iterable[Line]) -> list[dict[str, Any]]:
    """One line a model, in the order of the page, cells or none."""
    return [
        {
            "model": line.facts.name,
            "version": line.facts.version,
            "title": line.facts.title,
            "mean": line.mean.value if line.mean else None,
            "mean_has": line.mean.has if line.mean else None,
            "mean_of": line.mean.of if line.mean else None,
        }
        for line in lines
    ]


def as_csv(lines: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Comma-separated; a text that a spreadsheet would take for a formula gets a quote before it."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows({k: _inert(v) for k, v in line.items()} for line in lines)
    return text.getvalue()


def as_parquet(lines: Sequence[dict[str, Any]], columns: Sequence[str]) -> bytes:
    """A Parquet table with the types of the columns, whatever is missing."""
    import pyarrow as pa  # slow, and only this file needs it
    from pyarrow import parquet

    kinds = {"simulated": pa.bool_()}
    kinds |= {n: pa.int64() for n in columns if n in _WHOLE}
    kinds |= {n: pa.string() for n in columns if n in _TEXT}
    schema = pa.schema([(n, kinds.get(n, pa.float64())) for n in columns])
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(list(lines), schema=schema), out)
    return out.getvalue()


_TEXT = frozenset(
    {
        *("model", "title", "family", "tier", "visibility", "benchmark", "region", "metric", "readout"),
        *("interval_kind", "ceiling_unit", "ceiling_kind", "ties", "run", "mean_metrics"),
    }
)
_WHOLE = frozenset(
    {
        *("version", "rank_best", "rank_worst", "n_units", "n_ceiled", "n_samples"),
        *("mean_has", "mean_of", "mean_simulated"),
    }
)


def _line(table: Table, line: Line, column: Column, cell: Cell) -> dict[str, Any]:
    facts, benchmark, twins = line.facts, column.benchmark, table.look.twins
    values: dict[str, Any] = {
        "model": facts.name,
        "version": facts.version,
        "title": facts.title,
        "family": facts.family,
        "tier": facts.tier,
        "visibility": facts.visibility,
        "benchmark": benchmark.identifier,
        "simulated": benchmark.simulated,
        "readout": benchmark.readout,
        "share_of_ceiling": cell.ceiled,
        "ceiling_unit": cell.ceiling_unit or None,
        "rank_best": cell.rank[0] if cell.rank else None,
        "rank_worst": cell.rank[1] if cell.rank else None,
        "ties": cell.ties if cell.rank else "",
        "borda": line.borda,
        "twin": cell.twin if twins else None,
        "twin_spread": cell.twin_spread if twins else None,
        "run": str(line.runs[column.place]),
    }
    if line.mean is not None and table.means is not None:
        values |= {"mean": line.mean.value, "mean_has": line.mean.has, "mean_of": line.mean.of}
        values |= {"mean_metrics": " ".join(table.means.metrics), "mean_simulated": table.means.simulated}
    return {name: values[name] if name in values else getattr(cell, name) for name in columns_of(table)}


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
