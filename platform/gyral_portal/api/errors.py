"""Errors of the API: problem details (RFC 9457), whatever went wrong.

``type`` is the page where the code is explained, ``detail`` says what is wrong here; ``code``, ``where`` and ``mend`` are ours.
"""

import logging
import secrets
from collections.abc import Mapping
from http import HTTPStatus

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from gyral.errors import UserError, complaint, sentence
from gyral.faults import catalogue
from gyral_portal.api.rate import TooManyRequests, allowance_of
from gyral_portal.portal.fault_pages import page_of
from gyral_submissions.domain.exposure import ExposureSpent
from gyral_submissions.domain.intake import Refused
from gyral_submissions.domain.quota import QuotaExceeded, seconds_to_reset

logger = logging.getLogger(__name__)

PROBLEM = "application/problem+json"


class Forbidden(UserError):
    """A token that may not do this."""

    code = "forbidden"


class NotFound(UserError):
    """Something that is not there, or not the caller's to see."""

    code = "not-found"


def install_errors(api: NinjaAPI) -> None:
    """Answer every exception in the one shape."""

    def user_error(request: HttpRequest, error: UserError) -> HttpResponse:
        status = status_of(error)
        headers = _retry_after(request, error)
        return problem(status, shape(error.code, error.what, error.where, error.mend), headers)

    def no_token(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        body = shape(
            "unauthorised", "a valid token is needed.", "Authorization", "Send `Authorization: Bearer gyral_...`."
        )
        return problem(401, body, {"WWW-Authenticate": "Bearer"})

    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem(404, shape("not-found", str(error) or "there is no such thing."))

    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        first = error.errors[0]
        # Without the first part, which says where in the request the field was: a caller knows what they sent.
        place = [str(part) for part in first.get("loc", ())]
        return problem(422, shape("invalid", sentence(complaint(first)), ".".join(place[1:] or place)))

    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        # Of a body that cannot be read, the library says only that; what its parser raised says why.
        why = error.__cause__ if isinstance(error.__cause__, HttpError) else error
        return problem(error.status_code, shape("invalid", str(why)))

    def denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        return problem(403, shape("forbidden", str(error) or "not allowed."))

    def too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
        return problem(413, shape("too-large", "the fields of the request are larger than 1 MiB."))

    def ours(request: HttpRequest, error: Exception) -> HttpResponse:
        reference = secrets.token_hex(5)
        logger.exception("API error %s", reference)
        body = shape(
            "site-error", f"the site failed; reference {reference}.", None, "Tell the operators the reference."
        )
        return problem(500, body)

    handlers = [
        (UserError, user_error),
        (AuthenticationError, no_token),
        (Http404, missing),
        (ValidationError, invalid),
        (HttpError, http),
        (PermissionDenied, denied),
        (RequestDataTooBig, too_big),
        (Exception, ours),
    ]
    for kind, handler in handlers:
        api.add_exception_handler(kind, handler)  # type: ignore[arg-type]


def status_of(error: UserError) -> int:
    """HTTP status of an error: 404, 403, 409, 413, 429, else 422."""
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, QuotaExceeded | ExposureSpent | TooManyRequests):
        return 429
    by_code = {
        "forbidden": 403,
        "unsandboxed": 403,
        "moderated": 403,
        "closed": 503,
        "too-large": 413,
        "disk-full": 507,
    }
    if error.code in by_code:
        return by_code[error.code]
    return 409 if isinstance(error, Refused) else 422


def shape(
    code: str, detail: str, where: str | None = None, mend: str | None = None
) -> dict[str, str | int | None]:
    """The members of a problem that follow from its code and words."""
    known = catalogue().get(code)
    return {
        "type": page_of(code) or "about:blank",
        "title": known.what if known else None,
        "detail": detail,
        "code": code,
        "where": where,
        "mend": mend,
    }


def problem(
    status: int, body: Mapping[str, str | int | None], headers: Mapping[str, str] | None = None
) -> JsonResponse:
    """The answer: ``application/problem+json``, which nobody may keep."""
    title = body["title"] or HTTPStatus(status).phrase
    kept = {"Cache-Control": "no-store", **(headers or {})}
    return JsonResponse(
        {**body, "title": title, "status": status}, status=status, content_type=PROBLEM, headers=kept
    )


def _retry_after(request: HttpRequest, error: UserError) -> dict[str, str]:
    """Seconds until asking again can help, where that is known."""
    allowance = allowance_of(request)
    if isinstance(error, TooManyRequests) and allowance is not None:
        return {"Retry-After": str(allowance.seconds)}
    if isinstance(error, QuotaExceeded) and error.code in ("quota-day", "quota-names"):
        return {"Retry-After": str(seconds_to_reset())}
    return {}
