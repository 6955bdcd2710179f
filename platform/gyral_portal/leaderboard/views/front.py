"""The front page, the list of boards, and how to read them."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.leaders import Leader, leaders
from gyral_portal.leaderboard.table import HEAT_STEPS
from gyral_portal.portal.announced import banners
from gyral_submissions.domain.queries.visible import scored_names
from gyral_submissions.models import Benchmark

_HTML = "text/html; charset=utf-8"
Group = tuple[str, list[tuple[Benchmark, list[Leader]]]]


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What Gyral is, and the boards with their leaders."""

    def make() -> bytes:
        counts = {
            "models": scored_names().count(),
            "benchmarks": Benchmark.objects.filter(retired=False).count(),
        }
        context = {"groups": _groups(request), "counts": counts}
        return render_to_string("leaderboard/front.html", context, request).encode()

    return answer(request, _key("front", request), make, _HTML)


@require_safe
def boards(request: HttpRequest) -> HttpResponse:
    """All boards by modality; ``?data=real`` or ``simulated`` keeps one kind."""
    data = request.GET.get("data", "")

    def make() -> bytes:
        context = {"groups": _groups(request, data), "data": data}
        return render_to_string("leaderboard/boards.html", context, request).encode()

    return answer(request, _key(f"boards {data:.20}", request), make, _HTML)


@require_safe
def reading(request: HttpRequest) -> HttpResponse:
    """What each number on a board says."""
    return render(request, "leaderboard/reading.html", {"steps": range(HEAT_STEPS + 1)})


def _key(kind: str, request: HttpRequest) -> list[str]:
    """What decides a page that everybody gets alike: the editions of all boards, the host, and what operators announce."""
    editions = Benchmark.objects.filter(retired=False).order_by("pk").values_list("pk", "edition")
    return [kind, f"{request.scheme}://{request.get_host()}", repr([*editions]), repr(banners())]


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
