"""People: those who made a page of their own, with their public models."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.pagination import paginate

from gyral_portal.api.auth import reader
from gyral_portal.api.errors import NotFound
from gyral_portal.api.pages import Page
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.leaderboard import people as found
from gyral_portal.leaderboard.models import Person

router = Router(auth=reader, tags=["read"])


class PersonOut(Schema):
    """What a person or a team says of themselves; nobody verifies it."""

    handle: str = Field(description="the page is at /people/HANDLE/")
    name: str
    affiliation: str
    url: str
    words: str


class ListedPersonOut(PersonOut):
    """One of the list."""

    models: int = Field(description="public models")


class OwnModelOut(Schema):
    """A public model, by its newest public version."""

    model: str
    version: int
    title: str
    benchmarks: int = Field(description="on which that version has a score")


class PersonWithModelsOut(PersonOut):
    """One person, with their public models."""

    models: list[OwnModelOut]


@router.get("/people", response=list[ListedPersonOut], operation_id="list_people", url_name="people")
@paginate(Page)
def people(request: HttpRequest) -> QuerySet[Person]:
    """Everybody who has a page and a public model, by name."""
    return found.people()


@router.get(
    "/people/{handle}",
    response={200: PersonWithModelsOut, 404: ErrorOut, 401: ErrorOut},
    operation_id="get_person",
    url_name="person",
)
def person(request: HttpRequest, handle: str) -> dict[str, Any]:
    """One of them."""
    one = Person.objects.filter(handle=handle).first()
    if one is None:
        raise NotFound(f"there is no page of {handle!r}.", where="handle")
    models = [
        {"model": m.submission.name, "version": m.submission.version, "title": m.submission.title}
        | {"benchmarks": m.benchmarks}
        for m in found.models_of(one)
    ]
    return {**{name: getattr(one, name) for name in PersonOut.model_fields}, "models": models}
