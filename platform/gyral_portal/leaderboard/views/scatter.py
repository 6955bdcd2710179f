"""Score against size, or against another score: as a page and as a file."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.page import title_of
from gyral_portal.leaderboard.scatter import COMPUTE, LISTED, SIZES, Scatter, draw_scatter, read_scatter
from gyral_portal.leaderboard.scope import Scope, find_scope
from gyral_portal.leaderboard.selected import address_of, column_words, narrowed
from gyral_portal.leaderboard.views.board import key_of, read_look


@require_safe
def scatter(request: HttpRequest, reference: str) -> HttpResponse:
    """The page; ``?x=`` and ``?y=`` name its axes, the rest is the board's."""
    scope = find_scope(reference)

    def make() -> bytes:
        found = _read(request, scope)
        return render_to_string("leaderboard/scatter.html", _context(found, scope), request).encode()

    return answer(request, _key("scatter", request, scope), make, "text/html; charset=utf-8")


@require_safe
def scatter_file(request: HttpRequest, reference: str) -> HttpResponse:
    """The picture alone."""
    scope = find_scope(reference)

    def make() -> bytes:
        return _drawn(_read(request, scope), scope, alone=True).encode()

    name = f"{scope.reference.replace('@', '-').replace('+', '_')}-scatter.svg"
    return answer(request, _key("scatter.svg", request, scope), make, "image/svg+xml", filename=name)


def _axes(request: HttpRequest) -> dict[str, str]:
    return {name: request.GET[name][:300] for name in ("x", "y") if request.GET.get(name)}


def _key(kind: str, request: HttpRequest, scope: Scope) -> list[str]:
    return [*key_of(kind, request, scope, read_look(request, scope)), repr(sorted(_axes(request).items()))]


def _read(request: HttpRequest, scope: Scope) -> Scatter:
    return read_scatter(scope, read_look(request, scope), _axes(request), request.user)


def _drawn(found: Scatter, scope: Scope, *, alone: bool = False) -> str:
    title = (
        f"{title_of(scope, found.table.grid.benchmarks)}: {found.words(found.y)} against {found.words(found.x)}"
    )
    return draw_scatter(found, title, alone=alone)


def _context(found: Scatter, scope: Scope) -> dict[str, Any]:
    grid, look = found.table.grid, narrowed(found.table.look)
    base = reverse("leaderboard:scatter", args=[scope.reference])
    columns = [(c.key, column_words(c, grid)) for c in grid.columns]
    shown = {c.benchmark.pk: c.benchmark for c in (found.x, found.y) if c is not None}
    return {
        "scope": scope,
        "title": title_of(scope, grid.benchmarks),
        "found": found,
        "x_words": found.words(found.x),
        "y_words": found.words(found.y) if found.y else "",
        "columns": columns,
        "sizes": [(key, size.choice) for key, size in SIZES.items()],
        "size": None if found.x else SIZES[found.size],
        "is_compute": found.x is None and found.size == COMPUTE,
        "chosen": found.chosen,
        "hidden": list(look.query().items()),
        "svg": mark_safe(_drawn(found, scope)) if found.points else "",  # noqa: S308 - escaped by gyral.chart
        "file": address_of(reverse("leaderboard:scatter-file", args=[scope.reference]), look, found.chosen),
        "board": look.address(reverse("leaderboard:board", args=[scope.reference])),
        "here": address_of(base, look, found.chosen),
        "simulated": [b for b in shown.values() if b.simulated],
        "more": max(0, len(found.points) - LISTED),
        "on_front": len(found.front),
    }
