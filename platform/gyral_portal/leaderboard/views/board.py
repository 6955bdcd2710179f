"""A board: models by columns of one benchmark or several; as a page, and as files of exactly what is seen."""

from functools import partial

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard import export
from gyral_portal.leaderboard.bibtex import as_bibtex
from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.page import page_context
from gyral_portal.leaderboard.payload import board_payload, dumped
from gyral_portal.leaderboard.scope import Scope, find_scope
from gyral_portal.leaderboard.table import Table, arrange
from gyral_portal.portal.announced import banners
from gyral_submissions.domain.queries.grid import read_grid
from gyral_submissions.models import Benchmark, Submission
from gyral_submissions.rules import Viewer

KINDS = {
    "board.csv": "text/csv; charset=utf-8",
    "board.json": "application/json",
    "board.parquet": "application/vnd.apache.parquet",
    "board.bib": "application/x-bibtex; charset=utf-8",
}


@require_safe
def board(request: HttpRequest, reference: str) -> HttpResponse:
    """The page."""
    if "picked" in request.GET:
        return redirect(_tidy(request, reference))
    scope = find_scope(reference)
    look = read_look(request, scope)

    def make() -> bytes:
        table = arrange(read_grid(scope.benchmarks(), request.user, on=look.on), look)
        context = page_context(scope, table, table.lines(request.user), request)
        return render_to_string("leaderboard/board.html", context, request).encode()

    return answer(request, key_of("page", request, scope, look), make, "text/html; charset=utf-8")


@require_safe
def board_file(request: HttpRequest, reference: str, kind: str) -> HttpResponse:
    """What the page with the same query shows; ``?page=all`` has the rows of every page."""
    if kind not in KINDS:
        raise Http404(f"There is no {kind!r}; there are {', '.join(KINDS)}.")
    scope = find_scope(reference)
    look = read_look(request, scope)
    every = request.GET.get("page") == "all"
    make = partial(_file, request, kind, scope, look, every=every)
    name = f"{scope.reference.replace('@', '-').replace('+', '_')}.{kind.partition('.')[2]}"
    key = key_of(f"{kind} {every}", request, scope, look)
    return answer(request, key, make, KINDS[kind], filename=name)


def read_look(request: HttpRequest, scope: Scope) -> Look:
    """State in the query, with the columns that the board has."""
    return Look.read(request.GET, scope.keys())


def key_of(kind: str, request: HttpRequest, scope: Scope, look: Look) -> list[str]:
    """What decides an answer that everybody gets alike; it names the host, today, and what operators announce."""
    where = f"{request.scheme}://{request.get_host()} {timezone.now():%Y-%m-%d}"
    return [
        kind,
        where,
        scope.reference,
        scope.edition,
        repr(sorted(look.query().items())),
        repr(look.misread),
        repr(banners()),
    ]


def _file(request: HttpRequest, kind: str, scope: Scope, look: Look, *, every: bool) -> bytes:
    viewer: Viewer = request.user
    table = arrange(read_grid(scope.benchmarks(), viewer, on=look.on), look)
    if every and len(table.order) * len(table.columns) > export.MOST_CELLS:
        raise Http404(
            f"A file holds at most {export.MOST_CELLS} cells: filter the models, pick columns, or take it page by page."
        )
    lines = list(table.all_lines(viewer)) if every else table.lines(viewer)
    if kind == "board.json":
        return dumped(board_payload(scope, table, lines))
    if kind == "board.bib":
        return _bib(request, scope, table, [line.facts.pk for line in lines]).encode()
    cells, columns = export.cell_lines(table, lines), export.columns_of(table)
    if kind == "board.parquet":
        return export.as_parquet(cells, columns)
    return export.as_csv(cells, columns).encode()


def _bib(request: HttpRequest, scope: Scope, table: Table, models: list[int]) -> str:
    shown = {c.column.benchmark.pk for c in table.columns if c.column is not None}
    benchmarks = Benchmark.objects.filter(pk__in=shown)
    on = table.look.on or timezone.now().date()
    base = request.build_absolute_uri(reverse("leaderboard:board", args=[scope.reference]))
    title = ", ".join(b.title for b in table.grid.benchmarks[:3]) + (
        " and others" if len(table.grid.benchmarks) > 3 else ""
    )
    sources = Submission.objects.filter(pk__in=models).order_by("name")
    return as_bibtex(
        table.look.address(base, on=on, page=table.look.page),
        f"Gyral board: {title}",
        on,
        list(benchmarks),
        sources,
    )


def _tidy(request: HttpRequest, reference: str) -> str:
    """The address of what the column picker's form asks for: its many fields become two parameters."""
    scope = find_scope(reference)
    keys = scope.keys()
    ticked = request.GET.getlist("col")
    query = request.GET.dict()
    query["columns"] = "" if set(keys) <= set(ticked) else ",".join(k for k in keys if k in ticked)
    query["weights"] = ",".join(f"{k}:{w}" for k in keys if (w := request.GET.get(f"w.{k}", "").strip()))
    return Look.read(query, keys).address(reverse("leaderboard:board", args=[scope.reference]), start=0)
