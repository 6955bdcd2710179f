"""Whose token this is, and what is left of today's quota."""

from datetime import datetime
from typing import Any, cast

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja import Field, Router, Schema

from gyral_portal.api.auth import ReadToken, token_of
from gyral_portal.api.schemas import ErrorOut, QuotaOut
from gyral_submissions import conf
from gyral_submissions.domain.quota import Quota, quota_of

router = Router(auth=ReadToken(), tags=["account"])
FAULTS = {401: ErrorOut, 429: ErrorOut}


class MeOut(Schema):
    """Who a token stands for."""

    username: str
    token: str = Field(description="the name its owner gave it")
    scope: str = Field(description="read, submit or manage; each includes those before it")
    expires: datetime | None = Field(description="null: when it is revoked")
    upload_limit: int = Field(description="most bytes a file may have")


@router.get("/me", response={200: MeOut, **FAULTS}, operation_id="get_me", url_name="me")
def me(request: HttpRequest) -> dict[str, Any]:
    """Whose token this is, what it may do, and until when."""
    token = token_of(request)
    return {
        "username": cast(User, request.user).get_username(),
        "token": token.name,
        "scope": token.scope,
        "expires": token.expires,
        "upload_limit": conf.UPLOAD_BYTES(),
    }


@router.get("/quota", response={200: QuotaOut, **FAULTS}, operation_id="get_quota", url_name="quota")
def quota(request: HttpRequest) -> Quota:
    """What is left today, and when more comes."""
    return quota_of(cast(User, request.user))
