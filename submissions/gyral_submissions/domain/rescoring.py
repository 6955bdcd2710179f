"""Rescoring: a benchmark's scores marked as stale, and made again beside them.

Scores are never blanked: an old one stays on the board, marked, until the new one has finished, and stays as a row after that.
"""

from django.db import transaction
from django.utils import timezone

from gyral_submissions.domain import audit
from gyral_submissions.domain.transition import publish_on_commit
from gyral_submissions.enums import ACTIVE, Format, State
from gyral_submissions.models import Benchmark, Run
from gyral_submissions.rules import Viewer


def mark_stale(benchmark: Benchmark, *, by: Viewer, reason: str = "") -> int:
    """Mark every finished run of a benchmark that is not; returns how many."""
    with transaction.atomic():
        finished = Run.objects.filter(benchmark=benchmark, state=State.FINISHED, dry=False, stale=None)
        count = finished.update(stale=timezone.now())
        if count:
            audit.note(by, "mark as stale", benchmark, runs=count, reason=reason)
    return count


def score_again(benchmark: Benchmark, *, by: Viewer) -> list[Run]:
    """Queue a new run for every stale one of a model that stands; costs nobody's quota.

    One that is queued or running already is left alone, and a run that has a fresh score beside it.
    """
    stale = (
        Run.objects.filter(benchmark=benchmark, state=State.FINISHED, dry=False, submission__withdrawn=None)
        .exclude(stale=None)
        .exclude(submission__format=Format.REFERENCE)  # `manage.py score_reference_models` scores those
        .select_related("submission")
        .defer("record", "steps")
        .order_by("created")
    )
    queued: list[Run] = []
    now = timezone.now()
    with transaction.atomic():
        for run in stale:
            same = {
                "submission": run.submission,
                "benchmark": benchmark,
                "twin": run.twin,
                "readout": benchmark.readout,
                "dry": False,
            }
            if Run.objects.filter(**same, state__in=ACTIVE).exists():
                continue
            if Run.objects.filter(**same, state=State.FINISHED, stale=None).exists():
                continue
            queued.append(Run.objects.create(**same, published=now))
            publish_on_commit(queued[-1].pk, queued[-1].attempt)
        if queued:
            audit.note(by, "score again", benchmark, runs=len(queued))
    return queued
