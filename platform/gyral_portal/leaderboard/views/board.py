"""A board: models by regions of one benchmark; as a page, as CSV and as JSON of exactly what is seen."""

import csv
import io
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard.export import COLUMNS, cell_lines
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.table import HEAT_STEPS, Look, Table, arrange
from gyral_submissions.domain.queries.board import board_rows
from gyral_submissions.enums import Tier
from gyral_submissions.models import Benchmark


@require_safe
def board(request: HttpRequest, reference: str) -> HttpResponse:
    """The page."""
    benchmark = find_benchmark(reference)
    table = read_table(request, benchmark)
    address = reverse("leaderboard:board", args=[benchmark.identifier])
    context = {
        "benchmark": benchmark,
        "table": table,
        "name_head": _head({"name": "name"}, table.look, address),
        "heads": [_head(region, table.look, address) for region in benchmark.regions],
        "lines": [
            (line, [(r, line.row.cells.get(r["name"]), line.marks.get(r["name"])) for r in benchmark.regions])
            for line in table.lines
        ],
        "tiers": [(tier, Tier(tier).label, n) for tier, n in table.tiers],
        "steps": range(HEAT_STEPS + 1),
        "query": urlencode(table.look.query()),
        "versions": Benchmark.objects.filter(name=benchmark.name).exclude(pk=benchmark.pk),
    }
    return render(request, "leaderboard/board.html", context)


@require_safe
def export(request: HttpRequest, reference: str, kind: str) -> HttpResponse:
    """What the page with the same query shows, cell by cell."""
    benchmark = find_benchmark(reference)
    table = read_table(request, benchmark)
    lines = cell_lines(benchmark, table)
    if kind == "board.json":
        shown = {"benchmark": benchmark.identifier, "simulated": benchmark.simulated}
        return JsonResponse(shown | table.look.query() | {"cells": lines}, json_dumps_params={"indent": 1})
    if kind != "board.csv":
        raise Http404
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows({k: _inert(v) for k, v in line.items()} for line in lines)
    name = f"{benchmark.name}-{benchmark.version}.csv"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8", headers=disposition)


def read_table(request: HttpRequest, benchmark: Benchmark) -> Table:
    """The table that a request's query asks for, as its viewer may see it."""
    look = Look.read(request.GET, benchmark.region_names, benchmark.main_region)
    return arrange(board_rows(benchmark, request.user), benchmark.region_names, look)


def _head(region: dict[str, Any], look: Look, address: str) -> dict[str, Any]:
    """The region, the address that sorts by its column (or turns its order round), and its order now."""
    name = str(region["name"])
    here = look.sort == name
    up = not look.up if here else name == "name"
    query = look.query() | {"sort": name, "order": "up" if up else "down"}
    order = ("ascending" if look.up else "descending") if here else None
    return {**region, "address": f"{address}?{urlencode(query)}", "order": order, "up": look.up}


def _inert(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
