"""What other places take from the site: feeds, badges, pictures beside links, and what to cite.

All of it is of what everybody sees, whoever asks: it goes where the site no longer knows who looks.
"""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from gyral_portal.leaderboard.badge import badge_of, draw_badge
from gyral_portal.leaderboard.bibtex import as_bibtex
from gyral_portal.leaderboard.card import Card, card_of_benchmark, card_of_model, draw_card
from gyral_portal.leaderboard.feed import MEDIA_TYPE, absolute_from, newest_scores, write_feed
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.kept import answer
from gyral_submissions.domain.queries.visible import visible_runs, visible_submissions
from gyral_submissions.enums import State, Twin
from gyral_submissions.models import Benchmark, Submission

SVG, PNG, BIB = "image/svg+xml", "image/png", "application/x-bibtex; charset=utf-8"
_FRONT = Card(
    "How well does a model predict the brain?",
    "Vision and language models against brain recordings, region by region",
)


@require_safe
def feed(request: HttpRequest) -> HttpResponse:
    """New scores on the whole site."""
    return _feed(request, "Gyral: new scores", reverse("leaderboard:front"))


@require_safe
def model_feed(request: HttpRequest, name: str) -> HttpResponse:
    """New scores of one model."""
    found = _public(name)
    page = reverse("leaderboard:model", args=[name])
    return _feed(request, f"Gyral: new scores of {found.title or found.name}", page, name=name)


@require_safe
def benchmark_feed(request: HttpRequest, reference: str) -> HttpResponse:
    """New scores on one benchmark."""
    found = find_benchmark(reference)
    page = reverse("leaderboard:board", args=[found.identifier])
    return _feed(request, f"Gyral: new scores on {found.title} ({found.identifier})", page, benchmark=found)


@require_safe
def badge(request: HttpRequest, name: str, reference: str) -> HttpResponse:
    """A model's score on a benchmark, ``?region=`` for another than the main one; 404 for all that not everybody sees."""
    benchmark, region = find_benchmark(reference), request.GET.get("region", "")[:200]

    def make() -> bytes:
        found = badge_of(name, benchmark, region)
        if found is None:
            raise Http404("There is no such score.")
        return draw_badge(found).encode()

    return answer(request, ["badge", *_key(request, [benchmark]), name, region], make, SVG)


@require_safe
def front_card(request: HttpRequest) -> HttpResponse:
    """The picture of pages that have none of their own."""
    return answer(request, ["card", request.get_host()], lambda: draw_card(_FRONT), PNG)


@require_safe
def benchmark_card(request: HttpRequest, reference: str) -> HttpResponse:
    """The best models on a benchmark."""
    found = find_benchmark(reference)
    return _card(request, [found], lambda: card_of_benchmark(found))


@require_safe
def model_card(request: HttpRequest, name: str) -> HttpResponse:
    """A model on its benchmarks."""
    found = _public(name)
    return _card(request, list(Benchmark.objects.only("edition")), lambda: card_of_model(found), found)


@require_safe
def benchmark_bib(request: HttpRequest, reference: str) -> HttpResponse:
    """What to cite for a benchmark: its page and its data."""
    found = find_benchmark(reference)
    page = reverse("leaderboard:benchmark", args=[found.identifier])
    title = f"Gyral benchmark: {found.title} ({found.identifier})"
    return _bib(request, page, title, [found], [], f"{found.name}-{found.version}")


@require_safe
def model_bib(request: HttpRequest, name: str) -> HttpResponse:
    """What to cite for a model: its page, its own source, and the data it was scored on."""
    found = _public(name)
    runs = visible_runs().filter(submission=found, state=State.FINISHED, twin=Twin.NONE)
    scored = Benchmark.objects.filter(pk__in=runs.order_by().values("benchmark"))
    page = reverse("leaderboard:model-version", args=[found.name, found.version])
    title = f"Gyral scores of {found.title or found.name}, version {found.version}"
    return _bib(request, page, title, list(scored), [found], f"{found.name}-v{found.version}")


def _public(name: str) -> Submission:
    """The newest version that everybody sees; 404 for all others, as if there were none."""
    found = visible_submissions().filter(name=name).order_by("-version").first()
    if found is None:
        raise Http404(f"There is no model {name!r}.")
    return found


def _feed(
    request: HttpRequest, title: str, page: str, *, name: str = "", benchmark: Benchmark | None = None
) -> HttpResponse:
    absolute = absolute_from(request.build_absolute_uri("/"))

    def make() -> bytes:
        return write_feed(title, page, request.path, newest_scores(name, benchmark), absolute)

    changing = [benchmark] if benchmark is not None else list(Benchmark.objects.only("edition"))
    return answer(request, ["feed", *_key(request, changing), title, request.path], make, MEDIA_TYPE)


def _card(
    request: HttpRequest, changing: list[Benchmark], card: Callable[[], Card], of: Submission | None = None
) -> HttpResponse:
    key = ["card", *_key(request, changing), request.path, f"{of.pk} {of.changed}" if of is not None else ""]
    return answer(request, key, lambda: draw_card(card()), PNG)


def _bib(
    request: HttpRequest,
    page: str,
    title: str,
    benchmarks: list[Benchmark],
    models: list[Submission],
    name: str,
) -> HttpResponse:
    text = as_bibtex(request.build_absolute_uri(page), title, timezone.now().date(), benchmarks, models)
    return HttpResponse(
        text, content_type=BIB, headers={"Content-Disposition": f'attachment; filename="{name}.bib"'}
    )


def _key(request: HttpRequest, benchmarks: list[Benchmark]) -> list[str]:
    """What decides an answer: the host, and the edition of every benchmark it draws on."""
    return [f"{request.scheme}://{request.get_host()}", *sorted(f"{b.pk}:{b.edition}" for b in benchmarks)]
