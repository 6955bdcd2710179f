"""Feed: the newest public scores as Atom (RFC 4287), of the whole site, of one model or of one benchmark.

Only what everybody sees is ever listed, whoever asks. A score appears on the day it could first be seen, not on the day
it was made: of a model that was private until today, today.
"""

from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import urljoin

from django.db.models import F
from django.db.models.functions import Coalesce, Greatest
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed

from gyral_portal.templatetags.gyral import metric_name, score
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.domain.queries.visible import visible_runs
from gyral_submissions.enums import State, Tier, Twin
from gyral_submissions.models import Benchmark, Run, Score

MOST = 50  # entries
MEDIA_TYPE = "application/atom+xml; charset=utf-8"


def newest_scores(name: str = "", benchmark: Benchmark | None = None) -> list[Run]:
    """Finished runs that everybody may see, the newest first, each with ``seen``: since when; one query."""
    runs = visible_runs().filter(
        state=State.FINISHED, twin=Twin.NONE, finished__isnull=False, readout=F("benchmark__readout")
    )
    if name:
        runs = runs.filter(submission__name=name)
    if benchmark is not None:
        runs = runs.filter(benchmark=benchmark)
    public = Coalesce("submission__published", "finished")
    return list(runs.annotate(seen=Greatest("finished", public)).order_by("-seen", "pk")[:MOST])


def write_feed(title: str, page: str, here: str, runs: list[Run], absolute: Callable[[str], str]) -> bytes:
    """The feed's XML.

    Parameters
    ----------
    title : str
    page, here : str
        Paths of the page it belongs to, and of itself.
    runs : list of Run
        As `newest_scores` gives them.
    absolute : callable
        Makes an address of a path.
    """
    feed = Atom1Feed(title, absolute(page), "New scores of models on brain recordings.", feed_url=absolute(here))
    said = _said(runs)
    for run in runs:
        seen: datetime = getattr(run, "seen")  # noqa: B009 - annotated above
        link = absolute(reverse("leaderboard:record", args=[run.pk]))
        shown, b = run.submission.title or run.submission.name, run.benchmark
        version = f" version {run.submission.version}" if run.submission.version > 1 else ""
        simulated = " (simulated data)" if b.simulated else ""
        feed.add_item(
            title=f"{shown}{version} on {b.title}{simulated}",
            link=link,
            description=said.get(run.pk, escape(f"{b.main_title}: no score.")),
            unique_id=f"urn:uuid:{run.pk}",
            pubdate=seen,
            updateddate=seen,
            categories=(b.identifier, b.modality, *(["simulated"] if b.simulated else [])),
        )
    return bytes(feed.writeString("utf-8"), "utf-8")


def absolute_from(base: str) -> Callable[[str], str]:
    """Makes addresses of paths on the site at ``base``."""
    return lambda path: urljoin(base, path)


def _said(runs: list[Run]) -> dict[Any, str]:
    """What the main region's score is, in a sentence; one query for all."""
    main = {run.pk: run for run in runs}
    found = Score.objects.filter(
        run__in=list(main), subject=ALL, layer=CHOSEN, region=F("run__benchmark__main_region")
    )
    words = {}
    for pk, value, low, high in found.values_list("run_id", "value", "low", "high"):
        run = main[pk]
        between = "" if low is None or high is None else f", 95 % interval {score(low)} to {score(high)}"
        trust = " Self-reported features." if run.submission.tier == Tier.SELF_REPORTED else ""
        metric = metric_name(run.benchmark.metric)
        # A summary is read as HTML.
        words[pk] = escape(f"{run.benchmark.main_title}: {metric} {score(value)}{between}.{trust}")
    return words
