"""Best over time: the head of a board by day, as a picture and a table."""

from datetime import date
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import mark_safe

from gyral.chart import Plane, day_axis, linear_axis
from gyral_portal.templatetags.gyral import metric_name, score
from gyral_submissions.domain.queries.best import Best, best_over_time
from gyral_submissions.models import Benchmark


def best_context(benchmark: Benchmark, region: str) -> dict[str, Any]:
    """What the benchmark's page shows of it; a region there is none of falls back to the main one."""
    titles = {str(r["name"]): str(r.get("title") or r["name"]) for r in benchmark.regions}
    region = region if region in titles else benchmark.main_region
    steps = best_over_time(benchmark, region=region)
    return {
        "region": region,
        "regions": list(titles.items()),
        "words": titles.get(region, region),
        "steps": steps,
        "newest": steps[::-1],
        # On its first day there is no time to draw.
        "svg": draw_best(benchmark, titles.get(region, region), steps)
        if steps and steps[0].day < _today()
        else "",
        "agrees": "" if benchmark.retired else reverse("leaderboard:agreement", args=[benchmark.modality]),
    }


def _today() -> date:
    return timezone.now().date()


def draw_best(benchmark: Benchmark, region: str, steps: list[Best]) -> str:
    """A staircase up to today, with a mark and an interval where it steps."""
    today = max(_today(), steps[-1].day)
    ends = [e for b in steps for e in (b.value, b.low, b.high) if e is not None]
    plane = Plane(
        day_axis("", [steps[0].day, today]), linear_axis(f"best {metric_name(benchmark.metric)}", ends), height=280
    )
    stairs: list[tuple[float, float]] = []
    for b in steps:
        if stairs:
            stairs.append((b.day.toordinal(), stairs[-1][1]))
        stairs.append((b.day.toordinal(), b.value))
    plane.line([*stairs, (today.toordinal(), steps[-1].value)])
    for b in steps:
        at = b.day.toordinal()
        if b.low is not None and b.high is not None:
            plane.line([(at, b.low), (at, b.high)], width=1.5)
        plane.dot(at, b.value, f"{b.day.isoformat()}: {b.facts.shown}, {score(b.value)}")
    for b in reversed(steps):
        plane.label(b.day.toordinal(), b.value, b.facts.shown, left=True)
    last = steps[-1]
    says = (
        f"From {score(steps[0].value)} on {steps[0].day.isoformat()} to {score(last.value)} ({last.facts.shown}, "
        f"since {last.day.isoformat()}) in {len(steps)} steps. The table below the picture holds them."
    )
    svg = plane.svg("best", f"Best score in {region} of {benchmark.title} over time", says)
    return mark_safe(svg)  # noqa: S308 - escaped by gyral.chart
