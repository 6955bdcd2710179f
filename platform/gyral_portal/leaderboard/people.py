"""People and teams: a page of their own for those who want one, with what everybody sees of theirs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet

from gyral_portal.leaderboard.models import Person
from gyral_submissions.domain.queries.visible import visible_submissions
from gyral_submissions.enums import State, Twin
from gyral_submissions.models import Submission

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Person]
else:  # generic for the type checker only
    _ModelForm = forms.ModelForm


class PersonForm(_ModelForm):
    """What the page says."""

    class Meta:
        model = Person
        fields = ("handle", "name", "affiliation", "url", "words")
        labels = {"handle": "Address", "url": "Home page", "words": "About"}
        help_texts = {
            "handle": "The page is at /people/ADDRESS/.",
            "name": "Of a person or a team, as it stands beside models.",
        }
        widgets = {"words": forms.Textarea(attrs={"rows": 3})}

    needed = ("handle", "name")


@dataclass(frozen=True)
class Shown:
    """A model of somebody's: its newest public version, and on how many benchmarks that has a score."""

    submission: Submission
    benchmarks: int


def person_of(owner: User | None) -> Person | None:
    """The page of a submission's owner; None where they have none, and of reference models."""
    return None if owner is None else Person.objects.filter(owner=owner).first()


def people() -> QuerySet[Person]:
    """Those who have a page and a public model, by name, with ``models``: how many; one query."""
    public = Q(owner__submissions__in=visible_submissions())
    counted = Count("owner__submissions__name", filter=public, distinct=True)
    return Person.objects.annotate(models=counted).filter(models__gt=0).order_by("name", "handle")


def models_of(person: Person) -> list[Shown]:
    """Public models, by name; one query. What its owner alone sees is left out for its owner, too."""
    finished: dict[str, Any] = {
        "runs__state": State.FINISHED,
        "runs__twin": Twin.NONE,
        "runs__dry": False,
    }
    scored = Count("runs__benchmark", filter=Q(**finished), distinct=True)
    found = visible_submissions().filter(owner=person.owner_id).annotate(boards=scored)
    newest: dict[str, Shown] = {}
    for one in found.order_by("name", "-version"):
        newest.setdefault(one.name, Shown(one, one.boards))
    return list(newest.values())
