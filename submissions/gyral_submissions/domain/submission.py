"""Submission: what its owner does with it later; publish, hide, withdraw."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from gyral_submissions.domain import standing
from gyral_submissions.domain.run import cancel
from gyral_submissions.enums import ACTIVE, State, Visibility
from gyral_submissions.models import Benchmark, Submission


def set_visibility(submission: Submission, visibility: Visibility) -> None:
    """Show one version to everybody, or to its owner alone; boards follow at once."""
    now = timezone.now()
    with transaction.atomic():
        before = Submission.objects.select_for_update().get(pk=submission.pk).visibility
        changes: dict[str, Any] = {"visibility": visibility, "changed": now}
        if visibility == Visibility.PUBLIC != before:
            changes["published"] = now
        Submission.objects.filter(pk=submission.pk).update(**changes)
        if Visibility.PUBLIC in (before, visibility):
            _rank_again(submission)
    submission.visibility = visibility


def withdraw(submission: Submission) -> bool:
    """Take one version off every board and cancel its runs; its row, files and scores stay for the operators.

    False where it was withdrawn before.
    """
    now = timezone.now()
    with transaction.atomic():
        withdrawn = Submission.objects.filter(pk=submission.pk, withdrawn=None).update(withdrawn=now) == 1
        # Nobody may learn from a board's edition that something private went.
        if Submission.objects.get(pk=submission.pk).visibility == Visibility.PUBLIC:
            _rank_again(submission)
    if withdrawn:
        submission.withdrawn = now
        for run in submission.runs.filter(state__in=ACTIVE):
            cancel(run)
    return withdrawn


def _rank_again(submission: Submission) -> None:
    """Where a model comes or goes, the others' ranks are others."""
    scored = submission.runs.filter(state=State.FINISHED).order_by()
    standing.want(Benchmark.objects.filter(pk__in=scored.values("benchmark_id")))
