"""Sweeper: takes up what died, was lost or was left behind. Safe to run at any time, in any number.

Measured: Celery's file transport does not redeliver what a killed worker held, whatever ``acks_late`` says. The
database is the truth, so it is the database that is swept.
"""

import logging
import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from gyral_submissions import conf
from gyral_submissions.domain import fault as faults
from gyral_submissions.domain import log, notice, quota
from gyral_submissions.domain.transition import ended, publish, queued_again
from gyral_submissions.domain.upload import folder_of, forget_expired
from gyral_submissions.enums import Format, State
from gyral_submissions.models import Run, Submission, Upload

logger = logging.getLogger(__name__)
_LEFT_BEHIND = 24 * 3600.0  # seconds after which a file nobody names is removed


@dataclass(frozen=True)
class Swept:
    """What one round did."""

    queued_again: int = 0
    given_up: int = 0
    published_again: int = 0


def sweep() -> Swept:
    """One round: expired leases and lost messages."""
    now = timezone.now()
    again = given_up = 0
    for run in Run.objects.filter(state=State.RUNNING, lease_until__lt=now).defer("record"):
        if run.attempt >= conf.MAX_ATTEMPTS():
            given_up += _give_up(run)
        else:
            again += expire(run)
    lost = sum(_publish_again(run) for run in _lost())
    return Swept(again, given_up, lost)


def expire(run: Run) -> bool:
    """Queue a run again whose worker stopped renewing; ``run`` is as read.

    False where its worker came back, it ended, or another sweeper was first.
    """
    if _lapsed(run).update(**queued_again(run, timezone.now())) != 1:
        return False
    log.note(run.pk, run.attempt + 1, "The worker went away; the evaluation is queued again.")
    publish(run.pk, run.attempt + 1)
    return True


def tidy() -> int:
    """Remove what died half-way a day ago (uploads and run folders that no row names) and uploads in pieces that nobody
    goes on with; returns how many."""
    named = {Path(p).parts[0] for p in Submission.objects.exclude(path="").values_list("path", flat=True)}
    expired = forget_expired()
    coming = {folder_of(upload).name for upload in Upload.objects.all()}
    stale = [p for p in conf.incoming().iterdir() if p.name not in coming and _is_old(p)]
    stale += [p for p in conf.uploads().iterdir() if p.name not in named | {".incoming"} and _is_old(p)]
    runs = {str(pk) for pk in Run.objects.values_list("pk", flat=True)}
    stale += [p for p in conf.runs().iterdir() if p.name not in runs and _is_old(p)]
    for path in stale:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(stale) + expired


def _give_up(run: Run) -> bool:
    fault = faults.ours("worker-lost")
    with transaction.atomic():
        moved = _lapsed(run).update(**ended(State.FAILED, timezone.now()), **fault.columns()) == 1
        if moved:
            quota.refund(run.pk)
            notice.note_end(run.pk)
    if moved:
        logger.error("%s: run %s given up after %s attempts", fault.reference, run.pk, run.attempt)
        log.note(run.pk, run.attempt, fault.text)
    return moved


def _lost() -> list[Run]:
    """Queued runs whose message seems lost: no worker is busy, or one began something of its queue published later.

    Age alone would not do: a run may rightly wait for hours behind others, and each message published for it
    meanwhile would only be another one to drop.
    """
    long_ago = timezone.now() - timedelta(seconds=conf.REPUBLISH_SECONDS())
    began_later = Run.objects.filter(started__gt=OuterRef("since"), published__gt=OuterRef("since"))
    # Uploads overtake reference models by right: each has a queue of its own.
    in_background = Q(submission__format=Format.REFERENCE)
    overtaken = Q(in_background & Exists(began_later.filter(in_background))) | Q(
        ~in_background & Exists(began_later.filter(~in_background))
    )
    busy = Run.objects.filter(state=State.RUNNING)
    waiting = Run.objects.filter(state=State.QUEUED).annotate(since=Coalesce("published", "created"))
    return list(waiting.filter(since__lt=long_ago).filter(~Exists(busy) | overtaken).defer("record")[:100])


def _publish_again(run: Run) -> bool:
    unchanged = Run.objects.filter(pk=run.pk, attempt=run.attempt, state=State.QUEUED, published=run.published)
    if unchanged.update(published=timezone.now()) != 1:
        return False
    publish(run.pk, run.attempt)
    return True


def _lapsed(run: Run) -> QuerySet[Run]:
    return Run.objects.filter(pk=run.pk, attempt=run.attempt, state=State.RUNNING, lease_until=run.lease_until)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > _LEFT_BEHIND
    except FileNotFoundError:
        return False
