"""Models of a board against one another, and its columns against one another."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from gyral.chart import shape_at
from gyral.scores.association import LEAST_SHARED
from gyral_portal.leaderboard.agreement import Agreement, read_agreement
from gyral_portal.leaderboard.comparison import (
    MOST,
    Comparison,
    draw_comparison,
    judged,
    number,
    read_comparison,
    series_of,
)
from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.page import title_of
from gyral_portal.leaderboard.scope import Scope, find_scope
from gyral_portal.leaderboard.selected import address_of, column_words
from gyral_portal.leaderboard.table import HEAT_STEPS
from gyral_portal.leaderboard.views.board import key_of, read_look

_NAMES = 50  # of an address; more than a board's page has room to tick at random


@require_safe
def compare(request: HttpRequest, reference: str) -> HttpResponse:
    """``?model=NAME`` for each model, ``against=NAME``; columns, and day, as on the board."""
    scope = find_scope(reference)
    look = read_look(request, scope)
    names = [name[:200] for name in request.GET.getlist("model") if name][:_NAMES]
    against = request.GET.get("against", "")[:200]

    def make() -> bytes:
        found = read_comparison(scope, look, names, against, request.user)
        return render_to_string("leaderboard/compare.html", _compared(found, scope, len(names)), request).encode()

    key = [*key_of("compare", request, scope, look), repr((names, against))]
    return answer(request, key, make, "text/html; charset=utf-8")


@require_safe
def agreement(request: HttpRequest, reference: str) -> HttpResponse:
    """Rank correlations between the columns of a board; filters, columns and day as on the board."""
    scope = find_scope(reference)
    look = read_look(request, scope)

    def make() -> bytes:
        found = read_agreement(scope, look)
        return render_to_string("leaderboard/agreement.html", _agreed(found, scope), request).encode()

    return answer(request, key_of("agreement", request, scope, look), make, "text/html; charset=utf-8")


def _compared(found: Comparison, scope: Scope, asked: int) -> dict[str, Any]:
    title, models = title_of(scope, found.grid.benchmarks), found.models
    base = reverse("leaderboard:compare", args=[scope.reference])
    names = [facts.name for facts in models]
    others = [k for k in range(len(models)) if k != found.against]
    picture = (
        draw_comparison(found, f"Differences from {models[found.against].shown} on {title}") if others else ""
    )
    kinds = {v.kind for v in found.versus if v.kind}
    return {
        "scope": scope,
        "title": title,
        "found": found,
        "enough": len(models) > 1,
        "most": MOST,
        "dropped": asked - len(found.unknown) - len(models),
        "models": [
            {
                "facts": facts,
                "mark": _mark(k),
                "is_base": k == found.against,
                "is_private": bool(found.grid.own[row]),
                "without": address_of(base, found.look, _without(names, facts.name, names[found.against])),
            }
            for k, (facts, row) in enumerate(zip(models, found.rows, strict=True))
        ],
        "base": models[found.against] if models else None,
        "others": [{"facts": models[k], "mark": _mark(k)} for k in others],
        "hidden": list(found.look.query().items()),
        "picture": mark_safe(picture),  # noqa: S308 - escaped by gyral.chart
        "lines": [_line(found, c, others) for c in range(len(found.columns))],
        "pairs": _pairs(found),
        "least": LEAST_SHARED,
        "over_subjects": "subjects" in kinds,
        "over_stimuli": "conditional" in kinds,
        "simulated": sum(c.benchmark.simulated for c in found.shown),
        "board": found.look.address(reverse("leaderboard:board", args=[scope.reference])),
    }


def _without(names: list[str], one: str, against: str) -> dict[str, str | list[str]]:
    """The comparison's own parameters without one of its models."""
    left: dict[str, str | list[str]] = {"model": [name for name in names if name != one]}
    return left if against in (one, names[0]) else left | {"against": against}


def _mark(place: int) -> SafeString:
    """The model's mark in the picture, to stand beside its name."""
    colour, shape = series_of(place)
    drawn = shape_at(8, 8, colour, shape)
    # Numbers and colours of ours alone.
    return mark_safe(f'<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">{drawn}</svg>')  # noqa: S308


def _line(found: Comparison, place: int, others: list[int]) -> dict[str, Any]:
    """One column: values of all models, differences of the others from the base."""
    column, versus, base = found.shown[place], found.versus[place], found.against
    return {
        "column": column,
        "words": column_words(column, found.grid),
        "cells": [found.cells.get((row, found.columns[place])) for row in found.rows],
        "differences": [
            {
                "value": number(versus.difference[k, base]),
                "low": number(versus.low[k, base]),
                "high": number(versus.high[k, base]),
                "p": number(versus.p[k, base]),
                "judged": judged(versus, k, base),
            }
            for k in others
        ],
    }


def _pairs(found: Comparison) -> list[dict[str, Any]]:
    """Each model against each other one."""
    count = range(len(found.rows))
    return [
        {
            "facts": found.models[i],
            "mark": _mark(i),
            "against": [
                None
                if i == j
                else {
                    "tally": found.tally(i, j),
                    "profile": number(found.profiles.value[i, j]),
                    "shared": int(found.profiles.shared[i, j]),
                }
                for j in count
            ],
        }
        for i in count
    ]


def _agreed(found: Agreement, scope: Scope) -> dict[str, Any]:
    grid, columns = found.table.grid, found.columns
    words = [column_words(c, grid) for c in columns]
    rows = [
        {
            "column": column,
            "words": words[i],
            "cells": [
                {
                    "value": number(found.found.value[i, j]),
                    "low": number(found.found.low[i, j]),
                    "high": number(found.found.high[i, j]),
                    "shared": int(found.found.shared[i, j]),
                    "heat": _heat(number(found.found.value[i, j])),
                    "same": i == j,
                }
                for j in range(len(columns))
            ],
        }
        for i, column in enumerate(columns)
    ]
    return {
        "scope": scope,
        "title": title_of(scope, grid.benchmarks),
        "found": found,
        "rows": rows,
        "heads": [{"column": c, "words": w} for c, w in zip(columns, words, strict=True)],
        "models": len(found.table.order),
        "least": LEAST_SHARED,
        "simulated": sum(c.benchmark.simulated for c in columns),
        "steps": range(HEAT_STEPS + 1),
        "board": found.table.look.address(reverse("leaderboard:board", args=[scope.reference]), sort=""),
    }


def _heat(value: float | None) -> int:
    """Shade of a correlation: none up to 0, the darkest at 1."""
    return 0 if value is None else max(0, min(HEAT_STEPS, round(value * HEAT_STEPS)))
