"""Faults: every code that an error or a failed run may have, explained."""

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from gyral.faults import catalogue
from gyral_portal.api.auth import reader
from gyral_portal.api.schemas import ErrorOut
from gyral_portal.portal.fault_pages import page_of

router = Router(auth=reader, tags=["read"])


class FaultOut(Schema):
    """One code."""

    code: str = Field(description="stable, kebab-case")
    group: str
    what: str = Field(description="what was found")
    why: str = Field(description="why it is refused; empty where that is plain")
    mend: str = Field(description="what to do")
    page: str = Field(description="where the site explains it: the `type` of such an error")


@router.get(
    "/faults",
    response={200: list[FaultOut], 401: ErrorOut},
    operation_id="list_faults",
    url_name="faults",
)
def faults(request: HttpRequest) -> list[dict[str, Any]]:
    """All codes, group by group."""
    return [
        {name: getattr(one, name) for name in ("code", "group", "what", "why", "mend")}
        | {"page": page_of(one.code) or ""}
        for one in catalogue().values()
    ]
