"""Audit: a line for whatever staff does, and for every change of who sees a submission or whether it exists."""

from typing import Any

from gyral_submissions.models import AuditEntry, Benchmark, Run, Submission
from gyral_submissions.rules import Viewer


def note(by: Viewer, verb: str, about: Submission | Run | Benchmark | str, **detail: Any) -> None:
    """Write one line; call it in the transaction of what it tells of.

    Parameters
    ----------
    by : user or None
        Who did it; None for the site itself.
    verb : str
        One word or two, such as "publish".
    about : Submission, Run, Benchmark or str
        What it was done to.
    **detail
        What else matters, in words.
    """
    known = by is not None and by.is_authenticated
    AuditEntry.objects.create(
        actor_id=by.pk if by is not None and known else None,
        actor_name=by.get_username() if by is not None and known else "",
        verb=verb,
        about=_words(about)[:300],
        detail="; ".join(f"{name}: {value}" for name, value in detail.items() if value != ""),
    )


def _words(about: Submission | Run | Benchmark | str) -> str:
    if isinstance(about, str):
        return about
    return f"{type(about).__name__.lower()} {about.pk}: {about}"
