"""Facts: what boards say of a submission besides its scores; kept in the process until the row changes."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone

from gyral_submissions.models import Submission

_kept: dict[int, "Facts"] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Facts:
    """One version of one model.

    Parameters
    ----------
    pk, version : int
        Of the submission.
    name, title, family, licence : str
        As its card has them; empty where it says nothing.
    parameters : int or None
        Trained parameters.
    training : tuple of str
        Collections that the card names by the names of `gyral.datasets.corpus`; ``("",)`` for words alone, empty
        for nothing.
    tier : str
        How far its scores can be trusted.
    visibility : str
        Who may see it.
    has_twin : bool
        Whether there are weights to draw anew.
    since : datetime
        When everybody could first see it; of private ones when it was sent.
    changed : datetime
        Of the row this was read from.
    text : str
        What a search looks through: name, title and family in lower case.
    """

    pk: int
    name: str
    version: int
    title: str
    family: str
    licence: str
    parameters: int | None
    training: tuple[str, ...]
    tier: str
    visibility: str
    has_twin: bool
    since: datetime
    changed: datetime
    text: str

    @property
    def shown(self) -> str:
        """Title, or the name where there is none."""
        return self.title or self.name

    @property
    def day(self) -> date:
        """Of ``since``, in UTC."""
        return timezone.localtime(self.since, timezone.get_fixed_timezone(0)).date()


def facts_of(changed: Mapping[int, datetime]) -> dict[int, Facts]:
    """Facts by submission id; those whose row changed since they were read, or never were, in one query.

    Parameters
    ----------
    changed : mapping of int to datetime
        Ids, with ``changed`` as the caller has just read it.
    """
    with _lock:
        stale = [pk for pk, when in changed.items() if pk not in _kept or _kept[pk].changed != when]
    if stale:
        found = [_read(s) for s in Submission.objects.filter(pk__among=stale)]
        with _lock:
            _kept.update((facts.pk, facts) for facts in found)
    with _lock:
        return {pk: _kept[pk] for pk in changed if pk in _kept}


def _read(submission: Submission) -> Facts:
    card = submission.card
    family = str(card.get("family") or "")
    named = tuple(str(name) for name in card.get("training_datasets") or ())
    return Facts(
        pk=submission.pk,
        name=submission.name,
        version=submission.version,
        title=submission.title,
        family=family,
        licence=str(card.get("licence") or ""),
        parameters=_whole(card.get("parameters")),
        training=named or (("",) if card.get("training_data") else ()),
        tier=str(submission.tier),
        visibility=str(submission.visibility),
        has_twin=submission.has_twin,
        since=submission.published or submission.created,
        changed=submission.changed,
        text=f"{submission.name} {submission.title} {family}".lower(),
    )


def _whole(number: object) -> int | None:
    return number if isinstance(number, int) and number > 0 else None
