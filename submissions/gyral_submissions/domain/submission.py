"""Submission: what its owner does with it later; publish, hide, withdraw, delete; and operators, who hide and let go."""

import shutil
from typing import Any

from django.db import transaction
from django.utils import timezone

from gyral.errors import UserError
from gyral_submissions import conf
from gyral_submissions.domain import audit, standing
from gyral_submissions.domain.run import cancel
from gyral_submissions.enums import ACTIVE, State, Visibility
from gyral_submissions.models import Benchmark, Submission
from gyral_submissions.rules import Viewer, may_be_shown


class Moderated(UserError):
    """A submission that operators hid."""

    code = "moderated"


def set_visibility(submission: Submission, visibility: Visibility, *, by: Viewer = None) -> None:
    """Show one version to everybody, to whoever has its address, or to its owner alone; boards follow at once.

    Raises
    ------
    Moderated
        Operators hid it, and ``by`` is none.
    """
    if visibility != Visibility.PRIVATE and by is not None and not may_be_shown(submission, by):
        raise Moderated(
            f"the operators hid this submission: {submission.moderation or 'no reason was given'}",
            where="visibility",
            mend="Write to them.",
        )
    now = timezone.now()
    with transaction.atomic():
        before = Submission.objects.select_for_update().get(pk=submission.pk).visibility
        changes: dict[str, Any] = {"visibility": visibility, "changed": now}
        if visibility == Visibility.PUBLIC != before:
            changes["published"] = now
        Submission.objects.filter(pk=submission.pk).update(**changes)
        if before != visibility:
            audit.note(by, "change visibility", submission, before=before, after=visibility.value)
        if Visibility.PUBLIC in (before, visibility):
            _rank_again(submission)
    submission.visibility = visibility


def withdraw(submission: Submission, *, by: Viewer = None) -> bool:
    """Take one version off every board and cancel its runs; its row, files and scores stay for the operators.

    False where it was withdrawn before.
    """
    now = timezone.now()
    with transaction.atomic():
        withdrawn = Submission.objects.filter(pk=submission.pk, withdrawn=None).update(withdrawn=now) == 1
        if withdrawn:
            audit.note(by, "withdraw", submission)
        # Nobody may learn from a board's edition that something private went.
        if Submission.objects.get(pk=submission.pk).visibility == Visibility.PUBLIC:
            _rank_again(submission)
    if withdrawn:
        submission.withdrawn = now
        for run in submission.runs.filter(state__in=ACTIVE):
            cancel(run)
    return withdrawn


def delete(submission: Submission, *, by: Viewer = None) -> None:
    """Remove one version's files, card, runs, scores and records for good, and its rows from every board.

    Its name and number stay taken, quota and answers that it cost stay spent.
    """
    withdraw(submission, by=by)
    runs = [str(pk) for pk in submission.runs.values_list("pk", flat=True)]
    path = submission.path
    gone = {"title": "", "card": {}, "sha256": "", "content_hash": "", "path": "", "size": 0}
    with transaction.atomic():
        audit.note(by, "delete", submission, runs=len(runs))
        submission.runs.all().delete()
        now = timezone.now()
        Submission.objects.filter(pk=submission.pk).update(
            deleted=now, changed=now, visibility=Visibility.PRIVATE, **gone
        )
    # Rows first: files that no row names are cleared by the sweeper if this process dies here.
    if path:
        shutil.rmtree(conf.uploads() / path, ignore_errors=True)
    for run in runs:
        shutil.rmtree(conf.runs() / run, ignore_errors=True)


def moderate(submission: Submission, *, by: Viewer, reason: str = "") -> None:
    """Hide one version from everybody but its owner and operators, until `let_go`."""
    Submission.objects.filter(pk=submission.pk).update(moderated=timezone.now(), moderation=reason[:300])
    submission.refresh_from_db()
    with transaction.atomic():
        audit.note(by, "hide", submission, reason=reason)
        set_visibility(submission, Visibility.PRIVATE, by=by)


def let_go(submission: Submission, *, by: Viewer) -> None:
    """Give one version back to its owner, who may show it again."""
    with transaction.atomic():
        if (
            Submission.objects.filter(pk=submission.pk)
            .exclude(moderated=None)
            .update(moderated=None, moderation="")
        ):
            audit.note(by, "let go", submission)
    submission.refresh_from_db()


def _rank_again(submission: Submission) -> None:
    """Where a model comes or goes, the others' ranks are others."""
    scored = submission.runs.filter(state=State.FINISHED, dry=False).order_by()
    standing.want(Benchmark.objects.filter(pk__in=scored.values("benchmark_id")))
