"""Page: what the template of a board needs besides its rows."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from gyral_portal.leaderboard.columns import (
    WIDEST,
    Group,
    Head,
    Shown,
    all_groups,
    bare_title,
    heads,
    lay_out,
    open_groups,
    readout_words,
)
from gyral_portal.leaderboard.draw import draw_rows, unit_of
from gyral_portal.leaderboard.facets import FACETS
from gyral_portal.leaderboard.look import MEAN, NAME, Look
from gyral_portal.leaderboard.models import SavedView
from gyral_portal.leaderboard.scope import WORDS, Scope
from gyral_portal.leaderboard.selected import address_of, narrowed
from gyral_portal.leaderboard.table import HEAT_STEPS, Line, Table
from gyral_portal.templatetags.gyral import CEILING, metric_name
from gyral_submissions.domain.queries.grid import Column
from gyral_submissions.models import Benchmark

_IN_FORM = {"q", "twins", "on", "mean", "page", *FACETS}


def page_context(scope: Scope, table: Table, lines: Sequence[Line], request: HttpRequest) -> dict[str, Any]:
    """Everything but the request."""
    base = reverse("leaderboard:board", args=[scope.reference])
    look, benchmarks = table.look, table.grid.benchmarks
    single = benchmarks[0] if scope.is_single else None
    today = timezone.now().date()
    return {
        "scope": scope,
        "benchmark": single,
        "title": title_of(scope, benchmarks),
        "simulated": all(b.simulated for b in benchmarks),
        "mixed": len({b.simulated for b in benchmarks}) > 1,
        "others": scope.others,
        "table": table,
        "means": table.means,
        "look": look,
        "rows": draw_rows(table, lines),
        "groups": _group_rows(heads(table.columns), table, base),
        "name_head": _head(NAME, look, base),
        "mean_head": _head(MEAN, look, base) if look.mean else None,
        "heads": [_column_head(shown, table, base) for shown in table.columns],
        "depth": len(heads(table.columns)) + 1,
        "steps": range(HEAT_STEPS + 1),
        "filtering": len(look.facets) + (look.on is not None) + look.mean + (not look.twins),
        "hidden": [(k, v) for k, v in look.query().items() if k not in _IN_FORM],
        "hidden_from_picker": [
            (k, v) for k, v in look.query().items() if k not in ("columns", "weights", "page", "pick")
        ],
        "address": base,
        "files": [
            (label, f"{reverse('leaderboard:export', args=[scope.reference, kind])}{_query(look, base)}")
            for label, kind in _FILES
        ],
        "pages": _leaves(table, base),
        "window": _window(table, base),
        "open_all": look.address(base, opened=all_groups(table.grid, look)) if len(benchmarks) > 1 else "",
        "close_all": look.address(base, opened=()) if len(benchmarks) > 1 else "",
        "pick": look.address(base, picking=not look.picking, page=look.page),
        "picker": _picker(table) if look.picking else [],
        "permalink": request.build_absolute_uri(look.address(base, on=look.on or today, page=look.page)),
        "query": look.address("").removeprefix("?"),
        "hidden_from_pictures": list(narrowed(look).query().items()),
        **{
            name: address_of(reverse(f"leaderboard:{name}", args=[scope.reference]), narrowed(look))
            for name in ("scatter", "agreement")
        },
        "compare": reverse("leaderboard:compare", args=[scope.reference]),
        "saved": _saved(request),
        "today": look.address(base, on=None),
        "plain": base,
        "is_past": look.on is not None and look.on < today,
        "units": _units(table),
    }


def title_of(scope: Scope, benchmarks: Sequence[Benchmark]) -> str:
    """What a board is called."""
    single = benchmarks[0].title if scope.is_single else f"{len(benchmarks)} benchmarks"
    return WORDS.get(scope.reference, single)


_FILES = (("CSV", "board.csv"), ("JSON", "board.json"), ("Parquet", "board.parquet"), ("BibTeX", "board.bib"))


def _saved(request: HttpRequest) -> list[SavedView]:
    return list(SavedView.objects.filter(owner=request.user.pk)) if request.user.is_authenticated else []


def _query(look: Look, base: str) -> str:
    return look.address(base, page=look.page, picking=False)[len(base) :]


def _units(table: Table) -> list[str]:
    """What the numbers are, once for each metric that is in view."""
    found: dict[str, None] = {}
    for shown in table.columns:
        if shown.column is not None:
            benchmark = shown.column.benchmark
            found[f"{metric_name(benchmark.metric)} {_pooled(benchmark)}"] = None
    return list(found)


def _pooled(benchmark: Benchmark) -> str:
    """Between what a metric is taken, and over what."""
    if benchmark.metric.startswith("identification-"):
        chance = "; chance .5" if benchmark.metric.endswith(("-2way", "-rank")) else ""
        return f"of held-out stimuli through a model’s features{chance}"
    if benchmark.task == "triplets":
        return "on people’s choices; chance 1/3"
    if benchmark.task == "rsa":
        return "between model and brain, mean over subjects"
    return "between prediction and recording, median over units"


def _head(key: str, look: Look, base: str) -> dict[str, Any]:
    """The address that sorts by a column (or turns its order round), and its order now."""
    here = look.sort == key
    up = not look.up if here else key == NAME
    order = ("ascending" if look.up else "descending") if here else None
    return {"address": look.address(base, sort=key, up=up), "order": order, "up": look.up}


def _column_head(shown: Shown, table: Table, base: str) -> dict[str, Any]:
    column = shown.column
    if column is None:
        simulated = sum(table.grid.columns[n].benchmark.simulated for n in shown.members)
        return {"coverage": True, "of": len(shown.members), "simulated": simulated}
    closed = [g for g in shown.groups if not g.is_open]
    region = {k: column.region.get(k) for k in ("n_units", *CEILING)}
    rest = [g.size - 1 for g in closed if g.size > 1]
    return {
        **_head(column.key, table.look, base),
        "title": bare_title(column),
        "region": region,
        "readout": readout_words(column) if len(table.grid.benchmarks) > 1 else "",
        "unit": unit_of(column.benchmark),
        "simulated": column.benchmark.simulated and len(table.grid.benchmarks) > 1,
        "rest": rest[0] if rest else 0,
    }


def _group_rows(rows: Sequence[Sequence[Head]], table: Table, base: str) -> list[list[dict[str, Any]]]:
    opened = set(open_groups(lay_out(table.grid, table.look)))

    def toggle(group: Group) -> str:
        changed = opened - {group.key} if group.is_open else opened | {group.key}
        return table.look.address(base, opened=tuple(sorted(changed)), page=table.look.page)

    return [
        [
            {"group": h.group, "span": h.span, "toggle": toggle(h.group) if h.group else "", "start": n == 0}
            for n, h in enumerate(row)
        ]
        for row in rows
    ]


def _leaves(table: Table, base: str) -> list[dict[str, Any]]:
    """Links to pages of rows: the first, the last and those around this one."""
    here, last = table.look.page, table.pages
    near = sorted({1, last, *range(max(1, here - 2), min(last, here + 2) + 1)})
    return (
        [
            {
                "page": n,
                "address": table.look.address(base, page=n),
                "here": n == here,
                "gap": n - 1 not in near and n > 1,
            }
            for n in near
        ]
        if last > 1
        else []
    )


def _window(table: Table, base: str) -> dict[str, Any] | None:
    """Which columns of a wide board are in view, and where the others are."""
    if table.wide <= WIDEST:
        return None
    start, look = table.look.start, table.look
    return {
        "first": start + 1,
        "last": start + len(table.columns),
        "of": table.wide,
        "before": look.address(base, start=max(0, start - WIDEST), page=look.page) if start else "",
        "after": look.address(base, start=start + WIDEST, page=look.page) if start + WIDEST < table.wide else "",
    }


def _picker(table: Table) -> list[dict[str, Any]]:
    wanted, weights = set(table.look.columns), table.look.weights

    def choice(column: Column) -> dict[str, Any]:
        return {
            "key": column.key,
            "title": bare_title(column),
            "words": readout_words(column),
            "ticked": not wanted or column.key in wanted,
            "weight": f"{weights[column.key]:g}" if column.key in weights else "",
        }

    return [
        {"benchmark": b, "choices": [choice(c) for c in table.grid.columns if c.place == place]}
        for place, b in enumerate(table.grid.benchmarks)
    ]
