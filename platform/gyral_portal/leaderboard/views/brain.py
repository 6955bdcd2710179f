"""The cortex and dissimilarities: pictures, files for viewers, and the surface they are drawn on."""

import uuid
from collections.abc import Callable, Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gyral.errors import UserError
from gyral_portal.leaderboard import brain, rdms
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.kept import answer
from gyral_portal.leaderboard.views.record import find_finished


@require_safe
def benchmark_brain(request: HttpRequest, reference: str, name: str) -> HttpResponse:
    """Regions of a benchmark's data: ``brain.svg``, ``brain.json``, ``left.label.gii`` ...; ``?region=`` for one alone."""
    found, region = find_benchmark(reference), request.GET.get("region", "")[:200]
    key = ["brain", found.dataset, found.dataset_hash, name, region]
    return _answered(request, key, lambda: brain.benchmark_file(found, name, region))


@require_safe
def record_brain(request: HttpRequest, run: uuid.UUID, name: str) -> HttpResponse:
    """Scores of a run: ``brain.svg``, ``brain.json``, ``left.func.gii`` ...; ``?brain=`` units or regions, ``?subject=``."""
    found = find_finished(request, run)
    shows, subject = request.GET.get("brain", "units")[:20], request.GET.get("subject", "all")[:200]
    key = ["brain", str(found.pk), found.record_path, found.benchmark.dataset_hash, name, shows, subject]
    return _answered(request, key, lambda: brain.record_file(found, name, shows, subject))


@require_safe
def record_rdms(request: HttpRequest, run: uuid.UUID, name: str) -> HttpResponse:
    """Measured and modelled dissimilarities of a run: ``rdms.svg``, ``rdms.json``; ``?region=``, the first by default."""
    found, region = find_finished(request, run), request.GET.get("region", "")[:200]
    key = ["rdms", str(found.pk), found.record_path, found.benchmark.dataset_hash, name, region]
    return _answered(request, key, lambda: rdms.rdms_file(found, name, region))


@require_safe
def surface(request: HttpRequest, name: str) -> HttpResponse:
    """A hemisphere of fsaverage5, the same for everybody: ``left.surf.gii``, ``left.shape.gii`` and the right ones."""
    return _answered(request, ["surface", name], lambda: brain.surface_file(name))


def _answered(request: HttpRequest, key: Sequence[str], made: Callable[[], tuple[bytes, str]]) -> HttpResponse:
    """The file, made before anything is answered, so that what cannot be drawn is 404 and never kept."""
    try:
        body, media_type = made()
    except (KeyError, UserError) as error:
        raise Http404(str(error)) from None
    return answer(request, key, lambda: body, media_type)
