"""A large file of the submission form in pieces: what ``static/upload.js`` asks for, and the button that gives one up.

The same uploads as the API's, for whoever is logged in; a form that names one is submitted with the file that is here.
"""

from collections.abc import Iterator
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from gyral.errors import UserError
from gyral_portal.portal.fault_pages import page_of
from gyral_submissions.domain import upload as uploads
from gyral_submissions.enums import Format
from gyral_submissions.models import Upload

PIECE = 4 << 20  # bytes of one request: what a broken connection costs at most
_BLOCK = 1 << 20


@require_POST
@login_required
@never_cache
def begin(request: HttpRequest) -> HttpResponse:
    """Open an upload of the format that was chosen."""
    try:
        format_ = Format(request.POST.get("format", ""))
        return _told(uploads.begin(cast(User, request.user), format_), status=201)
    except ValueError:
        return JsonResponse({"what": "Choose a format first."}, status=422)
    except UserError as error:
        return _refused(error)


@require_http_methods(["GET", "PUT"])
@login_required
@never_cache
def piece(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far an upload of yours is; with PUT, after the body's bytes were put at ``offset``."""
    found = find_upload(pk, cast(User, request.user))
    if found is None:
        raise Http404
    if request.method == "PUT":
        offset = request.GET.get("offset", "")
        if not offset.isdecimal():
            return JsonResponse({"what": f"The offset {offset!r:.40} is no number of bytes."}, status=422)
        try:
            found = uploads.append(found, _body(request), offset=int(offset))
        except UserError as error:
            return _refused(error)
    return _told(found)


@require_POST
@login_required
def discard(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give an upload of yours up."""
    found = find_upload(pk, cast(User, request.user))
    if found is not None:
        uploads.forget(found)
        messages.success(request, "The unfinished upload is gone.")
    return redirect("portal:submit")


def find_upload(pk: UUID | str, owner: User) -> Upload | None:
    """The open upload of ``owner``; None where there is none of that number."""
    try:
        number = UUID(str(pk))
    except ValueError:
        return None
    return uploads.open_uploads(owner).filter(pk=number).first()


def _told(found: Upload, *, status: int = 200) -> JsonResponse:
    address = reverse("portal:upload-piece", args=[found.pk])
    return JsonResponse({"id": str(found.pk), "address": address, "received": found.received}, status=status)


def _refused(error: UserError) -> JsonResponse:
    fields = {**error.as_dict(), "page": page_of(error.code)}
    return JsonResponse(fields, status=409 if error.code in ("upload-offset", "upload-busy") else 422)


def _body(request: HttpRequest) -> Iterator[bytes]:
    while block := request.read(_BLOCK):
        yield block
