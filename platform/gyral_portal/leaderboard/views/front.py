"""The front page, the list of boards, and how to read them."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard.leaders import Leader, leaders
from gyral_portal.leaderboard.table import HEAT_STEPS
from gyral_submissions.domain.queries.visible import scored_names
from gyral_submissions.models import Benchmark

Group = tuple[str, list[tuple[Benchmark, list[Leader]]]]


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What Gyral is, and the boards with their leaders."""
    counts = {
        "models": scored_names().count(),
        "benchmarks": Benchmark.objects.filter(retired=False).count(),
    }
    return render(request, "leaderboard/front.html", {"groups": _groups(request), "counts": counts})


@require_safe
def boards(request: HttpRequest) -> HttpResponse:
    """All boards by modality; ``?data=real`` or ``simulated`` keeps one kind."""
    data = request.GET.get("data", "")
    return render(request, "leaderboard/boards.html", {"groups": _groups(request, data), "data": data})


@require_safe
def reading(request: HttpRequest) -> HttpResponse:
    """What each number on a board says."""
    return render(request, "leaderboard/reading.html", {"steps": range(HEAT_STEPS + 1)})


def _groups(request: HttpRequest, data: str = "") -> list[Group]:
    """Newest version of every benchmark with its leaders, by modality; two queries."""
    newest: dict[str, Benchmark] = {}
    for benchmark in Benchmark.objects.filter(retired=False):
        if data in ("real", "simulated") and benchmark.simulated != (data == "simulated"):
            continue
        if benchmark.name not in newest or newest[benchmark.name].version < benchmark.version:
            newest[benchmark.name] = benchmark
    ordered = sorted(newest.values(), key=lambda b: (b.modality != "vision", b.modality, b.simulated, b.name))
    best = leaders(ordered, request.user)
    return [
        (modality, [(b, best.get(b.pk, [])) for b in found])
        for modality, found in groupby(ordered, key=lambda b: b.modality)
    ]
