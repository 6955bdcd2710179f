"""Large files in pieces: begin, send each piece with its offset, ask how far it is, submit with the sha256.

A piece that broke off is sent again from where the upload stands; that survives a restart of the site.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from gyral.errors import UserError
from gyral_portal.api.auth import SubmitToken
from gyral_portal.api.errors import NotFound
from gyral_portal.api.schemas import SubmittedOut
from gyral_portal.api.submit import (
    FAULTS,
    NEW_VERSION_OF,
    VISIBILITY,
    chosen_of,
    earlier_of,
    queue_or_forget,
    visibility_of,
)
from gyral_submissions import conf
from gyral_submissions.domain import upload as uploads
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Upload

router = Router(auth=SubmitToken(), tags=["submit"])
_BLOCK = 1 << 20


class Beginning(Schema):
    """What is coming."""

    format: Format


class UploadOut(Schema):
    """An open upload."""

    id: UUID
    format: str
    received: int = Field(description="bytes that are safely here: the offset of the next piece")
    limit: int = Field(description="most bytes a file may have")
    expires: datetime = Field(description="when it is removed if no piece comes")

    @staticmethod
    def resolve_limit(upload: Upload) -> int:
        """The site's cap."""
        return conf.UPLOAD_BYTES()

    @staticmethod
    def resolve_expires(upload: Upload) -> datetime:
        """A day after the last piece, unless the operator chose otherwise."""
        return uploads.expires(upload)


class Finishing(Schema):
    """What is to be done with the whole file."""

    sha256: str = Field(pattern="^[0-9a-fA-F]{64}$", description="of the whole file, hex")
    benchmarks: list[str] = Field(
        [], description="names or name@version; at least one, unless it is a dry run or a new version"
    )
    card: dict[str, Any] | None = Field(None, description="model card; without it the archive's own is taken")
    visibility: Visibility | None = VISIBILITY
    twin: bool = True
    dry_run: bool = Field(False, description="only try the model, on a small simulated benchmark")
    new_version_of: str | None = NEW_VERSION_OF


@router.post("/uploads", response={201: UploadOut, **FAULTS}, operation_id="begin_upload", url_name="upload-begin")
def begin(request: HttpRequest, fields: Beginning) -> Status[Upload]:
    """Begin to upload a large file in pieces."""
    return Status(201, uploads.begin(cast(User, request.user), fields.format))


@router.get("/uploads", response=list[UploadOut], operation_id="list_uploads", url_name="upload-list")
def listed(request: HttpRequest) -> list[Upload]:
    """Your open uploads, newest first."""
    return list(uploads.open_uploads(cast(User, request.user)))


@router.get("/uploads/{upload}", response={200: UploadOut, **FAULTS}, operation_id="get_upload", url_name="upload")
def one(request: HttpRequest, upload: UUID) -> Upload:
    """How far an upload is: go on at `received`."""
    return _own(request, upload)


@router.put(
    "/uploads/{upload}", response={200: UploadOut, **FAULTS}, operation_id="send_piece", url_name="upload-piece"
)
def piece(request: HttpRequest, upload: UUID, offset: int = Query(ge=0)) -> Upload:  # type: ignore[type-arg]
    """Send the bytes from `offset` on as the body (`application/octet-stream`), in pieces of 1 to 64 MiB."""
    return uploads.append(_own(request, upload), _body(request), offset=offset)


@router.delete(
    "/uploads/{upload}", response={204: None, **FAULTS}, operation_id="delete_upload", url_name="upload-forget"
)
def forget(request: HttpRequest, upload: UUID) -> Status[None]:
    """Give an upload up."""
    uploads.forget(_own(request, upload))
    return Status(204, None)


@router.post(
    "/uploads/{upload}/submit",
    response={201: SubmittedOut, **FAULTS},
    operation_id="submit_upload",
    url_name="upload-submit",
)
def submit(request: HttpRequest, upload: UUID, fields: Finishing) -> Status[dict[str, Any]]:
    """Submit the whole file and queue its runs.

    The upload stays where anything is wrong that can be mended beside it, and is gone once it is in, or its bytes are refused.
    """
    found = _own(request, upload)
    earlier = earlier_of(cast(User, request.user), fields.new_version_of)
    chosen = chosen_of(fields.benchmarks, dry=fields.dry_run, earlier=earlier)
    visibility = visibility_of(fields.visibility, earlier)
    try:
        submission = uploads.finish(found, fields.card, sha256=fields.sha256, visibility=visibility, after=earlier)
    except UserError as error:
        if uploads.is_for_good(error, fields.card):
            uploads.forget(found)
        raise
    queued = queue_or_forget(submission, chosen, twin=fields.twin, dry=fields.dry_run)
    uploads.forget(found)
    return Status(201, {"submission": submission, "runs": queued})


def _own(request: HttpRequest, upload: UUID) -> Upload:
    found = uploads.open_uploads(cast(User, request.user)).filter(pk=upload).first()
    if found is None:
        raise NotFound(f"there is no open upload {upload} of yours.", where="upload", mend="Begin a new one.")
    return found


def _body(request: HttpRequest) -> Iterator[bytes]:
    while block := request.read(_BLOCK):
        yield block
