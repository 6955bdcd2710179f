"""Notice: telling owners that a run has ended, on pages at once and by mail with the sweeper's next round.

A notice is written in the transaction that ends the run. Mail is sent by the sweeper, not by the worker: a mail server
that is slow or away holds no score up, and what could not be sent is sent later.
"""

import logging
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import QuerySet
from django.utils import timezone

from gyral_submissions.enums import State, Twin
from gyral_submissions.models import MailChoice, Notice, Run

logger = logging.getLogger(__name__)

_AT_ONCE = 50
# What could not be sent for so long is news no longer.
_OLD = timedelta(days=2)


def note_end(run_id: uuid.UUID) -> None:
    """Tell a run's owner that it has finished or failed; not of twins, nor of what they cancelled themselves."""
    run = Run.objects.select_related("submission").defer("record").get(pk=run_id)
    if run.submission.owner_id is None or run.twin != Twin.NONE or run.state not in (State.FINISHED, State.FAILED):
        return
    Notice.objects.get_or_create(
        run=run,
        attempt=run.attempt,
        defaults={"owner_id": run.submission.owner_id, "created": timezone.now()},
    )


def unread_of(owner: User) -> QuerySet[Notice]:
    """What a person has not looked at, newest first, with runs."""
    found = Notice.objects.filter(owner=owner, read=None)
    return found.select_related("run__submission", "run__benchmark").defer("run__record", "run__steps")


def read(owner: User, *, run: Run | None = None) -> int:
    """Mark notices as read: all of a person's, or those of one run; returns how many."""
    found = Notice.objects.filter(owner=owner, read=None)
    return (found if run is None else found.filter(run=run)).update(read=timezone.now())


def wants_mail(owner: User) -> bool:
    """Whether a person wants to be written to; they do unless they said otherwise."""
    return not MailChoice.objects.filter(owner=owner, runs=False).exists()


def choose_mail(owner: User, *, wanted: bool) -> None:
    """Store what a person wants."""
    MailChoice.objects.update_or_create(owner=owner, defaults={"runs": wanted})


def mail_due(*, site: str = "") -> int:
    """Send what is due; returns how many mails left. A server that does not take one ends the round.

    Parameters
    ----------
    site : str
        Address of the site, for the link; the setting ``GYRAL_SITE_ADDRESS`` where it is empty.
    """
    now = timezone.now()
    Notice.objects.filter(mailed=None, created__lt=now - _OLD).update(mailed=now)
    due = Notice.objects.filter(mailed=None).select_related("owner", "run__submission", "run__benchmark")
    waiting = list(due.defer("run__record", "run__steps").order_by("id")[:_AT_ONCE])
    unwanted = set(MailChoice.objects.filter(runs=False).values_list("owner_id", flat=True))
    sent = 0
    connection = get_connection() if waiting else None
    for notice in waiting:
        # Taken first: of two sweepers one writes. What then fails is given back.
        if Notice.objects.filter(pk=notice.pk, mailed=None).update(mailed=now) != 1:
            continue
        if notice.owner_id in unwanted or not notice.owner.email or not notice.owner.is_active:
            continue
        try:
            sent += _message(notice, site or getattr(settings, "GYRAL_SITE_ADDRESS", ""), connection).send()
        except OSError as error:  # smtplib's errors are OSErrors
            Notice.objects.filter(pk=notice.pk).update(mailed=None)
            logger.warning("mail of run %s could not be sent: %s", notice.run_id, error)
            break
    return sent


def _message(notice: Notice, site: str, connection: BaseEmailBackend | None) -> EmailMessage:
    run = notice.run
    finished = run.state == State.FINISHED
    what = f"{run.submission.name} version {run.submission.version} on {run.benchmark}"
    lines = [
        f"The {'dry run' if run.dry else 'run'} of {what} {'has finished: its scores are there.' if finished else 'has failed.'}"
    ]
    if not finished:
        lines += [f"{run.fault_text} {run.fault_mend}".strip()]
    where = f"{site.rstrip('/')}/runs/{run.pk}/"
    lines += [
        where,
        "",
        f"You get this mail because you submitted the model. To stop: {site.rstrip('/')}/account/",
    ]
    return EmailMessage(
        subject=f"[Gyral] {what}: {'finished' if finished else 'failed'}",
        body="\n".join(lines) + "\n",
        to=[notice.owner.email],
        headers={"Auto-Submitted": "auto-generated"},
        connection=connection,
    )
