"""Suites: benchmarks with weights under one name."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.pagination import paginate

from gyral_portal.api.auth import reader
from gyral_portal.api.pages import Page
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.leaderboard.find import find_suite
from gyral_portal.leaderboard.models import Suite
from gyral_portal.leaderboard.suites import board_address, parts_of

router = Router(auth=reader, tags=["read"])


class SuiteOut(Schema):
    """One version of a suite."""

    identifier: str = Field(description="name@version")
    name: str
    version: int
    title: str
    summary: str
    modality: str
    retired: bool
    content_hash: str
    members: list[dict[str, Any]] = Field(description="benchmark (name@version) and weight; 0: shown, not counted")


class SuiteBoardOut(SuiteOut):
    """One version of a suite, and where its board is."""

    board: str = Field(description="address of the board with its columns and weights; empty: no member is here")
    missing: list[str] = Field(description="members that this site has not got; without them no mean is shown")


@router.get("/suites", response=list[SuiteOut], operation_id="list_suites")
@paginate(Page)
def suites(request: HttpRequest, modality: str = "") -> QuerySet[Suite]:
    """All suites, every version."""
    found = Suite.objects.all()
    return found.filter(modality=modality) if modality else found


@router.get(
    "/suites/{reference}",
    response={200: SuiteBoardOut, 404: ErrorOut, 401: ErrorOut},
    operation_id="get_suite",
)
def suite(request: HttpRequest, reference: str) -> dict[str, Any]:
    """One suite, `NAME` (its newest version) or `NAME@VERSION`."""
    found = find_suite(reference)
    parts = parts_of([found])[found.pk]
    told = {name: getattr(found, name) for name in SuiteOut.model_fields}
    return {
        **told,
        "board": board_address(parts),
        "missing": [part.identifier for part in parts if part.benchmark is None],
    }
