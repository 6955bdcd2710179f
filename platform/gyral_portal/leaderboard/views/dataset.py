"""Datasets: all there are; and those without a board, with citation, licence, and what their responses decode."""

from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from gyral.line_chart import line_chart_svg
from gyral_submissions.models import Benchmark, Dataset


@require_safe
def datasets(request: HttpRequest) -> HttpResponse:
    """Every dataset of the site, with its benchmarks, or with a page of its own where it has none."""
    scored: dict[str, list[Benchmark]] = {}
    for benchmark in Benchmark.objects.filter(retired=False):
        scored.setdefault(benchmark.dataset, []).append(benchmark)
    context = {"scored": sorted(scored.items()), "alone": Dataset.objects.all()}
    return render(request, "leaderboard/datasets.html", context)


@require_safe
def dataset(request: HttpRequest, name: str) -> HttpResponse:
    """One dataset."""
    found = get_object_or_404(Dataset, name=name)
    decoding = found.decoding
    classes = decoding.get("classes", [])
    results = [(r, found.region_title(r["region"])) for r in decoding.get("results", [])]
    pairs = [
        {
            "region": title,
            "person": r["person"],
            "classifier": r["classifier"],
            "rows": list(zip(classes, r["pairs"], strict=False)),
        }
        for r, title in results
        if r["pairs"] and len(classes) > 2
    ]
    curves = [
        {
            "region": title,
            "person": r["person"],
            "svg": _drawn(r["curve"], f"{title}, {r['person']}, {r['classifier']}"),
        }
        for r, title in results
        if r["curve"]
    ]
    context = {
        "dataset": found,
        "about": found.about,
        "decoding": decoding,
        "results": results,
        "pairs": pairs,
        "curves": curves,
    }
    return render(request, "leaderboard/dataset.html", context)


def _drawn(curve: dict[str, Any], title: str) -> SafeString:
    """AUC over time, chance dashed, significant times at the foot."""
    value = np.array(curve["auc"], float)
    svg = line_chart_svg(
        curve["times"],
        value,
        f"Area under the curve of {title} over time",
        bound=np.full(len(value), 0.5),
        unit="area under the curve",
        marked=np.array([p is not None and p <= 0.05 for p in curve["p"]]),
    )
    # Made of numbers and a title that line_chart_svg escapes.
    return mark_safe(svg)  # noqa: S308 - see above
