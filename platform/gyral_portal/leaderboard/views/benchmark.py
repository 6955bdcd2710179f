"""Benchmarks: data, citation, licence, regions, ceilings, versions; stimuli only where their display is allowed."""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gyral.datasets.corpus import CORPORA
from gyral_portal.leaderboard import stimuli
from gyral_portal.leaderboard.best import best_context
from gyral_portal.leaderboard.brain import why_no_brain
from gyral_portal.leaderboard.find import find_benchmark
from gyral_portal.leaderboard.gap import gap_links
from gyral_submissions.domain import holdout
from gyral_submissions.domain.exposure import exposure_of
from gyral_submissions.models import Benchmark, Dataset


@require_safe
def benchmarks(request: HttpRequest) -> HttpResponse:
    """All benchmarks and all their versions."""
    return render(
        request,
        "leaderboard/benchmarks.html",
        {"benchmarks": Benchmark.objects.all(), "datasets": Dataset.objects.all()},
    )


@require_safe
def benchmark(request: HttpRequest, reference: str) -> HttpResponse:
    """One benchmark."""
    found = find_benchmark(reference)
    context = {
        "benchmark": found,
        "best": best_context(found, request.GET.get("region", "")),
        "about": found.about,
        "gaps": gap_links(found),
        "why_no_brain": why_no_brain(found.dataset, found.dataset_hash),
        "stimuli_word": {"image": "images", "text": "texts", "label": "labels", "sound": "sounds"}.get(
            found.about.get("stimuli", ""), "stimuli"
        ),
        "versions": Benchmark.objects.filter(name=found.name),
        "samples": stimuli.samples(found, request.user),
        "may_show": stimuli.may_be_shown(found, request.user),
        "exposed": exposure_of(found, request.user),
        "held_back": holdout.latest(found) if found.about.get("holdout") else None,
        "sources": [CORPORA[name].title for name in found.about.get("drawn_from") or () if name in CORPORA],
    }
    return render(request, "leaderboard/benchmark.html", context)


@require_safe
def stimulus(request: HttpRequest, reference: str, row: int) -> FileResponse:
    """One image or sound out of the samples; 404 wherever the data's owners do not allow display."""
    path = stimuli.served(find_benchmark(reference), row, request.user)
    if path is None:
        raise Http404
    return FileResponse(
        path.open("rb"), content_type=stimuli.media_type(path), headers={"Cache-Control": "private, max-age=3600"}
    )
