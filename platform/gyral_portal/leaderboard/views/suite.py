"""Suites: benchmarks with weights under one name, and who stands first on them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard.bibtex import as_bibtex
from gyral_portal.leaderboard.find import find_suite
from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.models import Suite
from gyral_portal.leaderboard.suites import Part, board_address, look_of, parts_of, scope_of
from gyral_portal.leaderboard.table import Table, arrange
from gyral_portal.leaderboard.views.board import key_of
from gyral_submissions.domain.queries.grid import read_grid

FIRST = 20  # models on the page; the board has all


@require_safe
def suites(request: HttpRequest) -> HttpResponse:
    """All suites, each in its newest version."""
    newest: dict[str, Suite] = {}
    for one in Suite.objects.filter(retired=False):
        newest.setdefault(one.name, one)
    parts = parts_of(list(newest.values()))
    listed = [(one, parts[one.pk], board_address(parts[one.pk])) for one in newest.values()]
    return render(request, "leaderboard/suites.html", {"suites": listed})


@require_safe
def suite(request: HttpRequest, reference: str) -> HttpResponse:
    """One suite: its members and weights, and the models that stand first."""
    found = find_suite(reference)
    parts = parts_of([found])[found.pk]
    scope = scope_of(parts)
    if scope is None:
        return render(request, "leaderboard/suite.html", _about(request, found, parts))
    look = look_of(parts)

    def make() -> bytes:
        table = arrange(read_grid(scope.benchmarks(), request.user), look)
        context = _about(request, found, parts) | _standing(request, table)
        return render_to_string("leaderboard/suite.html", context, request).encode()

    key = [
        *key_of("suite", request, scope, look),
        found.identifier,
        f"{found.retired}",
        found.title,
        found.summary,
    ]
    versions = [f"{one.identifier} {one.retired}" for one in Suite.objects.filter(name=found.name)]
    return answer(request, [*key, *versions], make, "text/html; charset=utf-8")


@require_safe
def suite_bib(request: HttpRequest, reference: str) -> HttpResponse:
    """What to cite: the suite, and the data of each benchmark."""
    found = find_suite(reference)
    here = [part.benchmark for part in parts_of([found])[found.pk] if part.benchmark is not None]
    address = request.build_absolute_uri(reverse("leaderboard:suite", args=[found.identifier]))
    text = as_bibtex(address, f"Gyral suite: {found.title} ({found.identifier})", timezone.now().date(), here, [])
    name = f"{found.name}-{found.version}.bib"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="application/x-bibtex; charset=utf-8", headers=headers)


def _about(request: HttpRequest, found: Suite, parts: list[Part]) -> dict[str, Any]:
    counted = [part for part in parts if part.weight]
    return {
        "suite": found,
        "parts": parts,
        "counted": len(counted),
        "missing": [part.identifier for part in counted if part.benchmark is None],
        "board": board_address(parts),
        "versions": Suite.objects.filter(name=found.name),
        "description": found.summary,
    }


def _standing(request: HttpRequest, table: Table) -> dict[str, Any]:
    """The first models, each with its cells in the order of columns."""
    shown = [column for column in table.columns if column.column is not None]
    lines = table.lines(request.user)[:FIRST]
    rows = [
        (
            line,
            [
                (line.cells.get(one.index), line.runs.get(one.column.place) if one.column else None)
                for one in shown
            ],
        )
        for line in lines
    ]
    return {
        "rows": rows,
        "columns": [one.column for one in shown],
        "means": table.means,
        "total": len(table.order),
    }
