"""Announcement: what is announced now, and whether the site takes anything in."""

from django.db.models import Q
from django.utils import timezone

from gyral.errors import UserError
from gyral_submissions.models import Announcement


class Closed(UserError):
    """The site takes nothing in just now."""

    code = "closed"


def announced() -> list[Announcement]:
    """What is said now, newest first; one query."""
    now = timezone.now()
    return list(Announcement.objects.filter(Q(ends=None) | Q(ends__gt=now), begins__lte=now))


def require_open() -> None:
    """Refuse what would be taken in while the site is closed.

    Raises
    ------
    Closed
        It is; the sentence is the operators'.
    """
    for announcement in announced():
        if announcement.closes:
            until = (
                f"Try again after {announcement.ends:%Y-%m-%d %H:%M} UTC."
                if announcement.ends
                else "Try again later."
            )
            raise Closed(f"the site takes nothing in just now: {announcement.text}", mend=until)
