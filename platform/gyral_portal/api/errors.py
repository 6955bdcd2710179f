"""Errors of the API: always ``{"code", "what", "where", "mend", "page"}``, whatever went wrong."""

import logging
import secrets

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from gyral.errors import UserError
from gyral_portal.portal.fault_pages import page_of
from gyral_submissions.domain.exposure import ExposureSpent
from gyral_submissions.domain.intake import Refused
from gyral_submissions.domain.quota import QuotaExceeded

logger = logging.getLogger(__name__)


class Forbidden(UserError):
    """A token that may not do this."""

    code = "forbidden"


class NotFound(UserError):
    """Something that is not there, or not the caller's to see."""

    code = "not-found"


def install_errors(api: NinjaAPI) -> None:
    """Answer every exception in the one shape."""

    def user_error(request: HttpRequest, error: UserError) -> HttpResponse:
        return api.create_response(
            request, shape(error.code, error.what, error.where, error.mend), status=status_of(error)
        )

    def no_token(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        body = shape(
            "unauthorised", "a valid token is needed.", "Authorization", "Send `Authorization: Bearer gyral_...`."
        )
        return api.create_response(request, body, status=401)

    def missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return api.create_response(
            request, shape("not-found", str(error) or "there is no such thing."), status=404
        )

    def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        first = error.errors[0]
        where = ".".join(str(part) for part in first.get("loc", ()))
        return api.create_response(request, shape("invalid", f"{first.get('msg', 'invalid')}.", where), status=422)

    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        return api.create_response(request, shape("invalid", str(error)), status=error.status_code)

    def denied(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        return api.create_response(request, shape("forbidden", str(error) or "not allowed."), status=403)

    def ours(request: HttpRequest, error: Exception) -> HttpResponse:
        reference = secrets.token_hex(5)
        logger.exception("API error %s", reference)
        body = shape(
            "site-error", f"the site failed; reference {reference}.", None, "Tell the operators the reference."
        )
        return api.create_response(request, body, status=500)

    handlers = [
        (UserError, user_error),
        (AuthenticationError, no_token),
        (Http404, missing),
        (ValidationError, invalid),
        (HttpError, http),
        (PermissionDenied, denied),
        (Exception, ours),
    ]
    for kind, handler in handlers:
        api.add_exception_handler(kind, handler)  # type: ignore[arg-type]


def status_of(error: UserError) -> int:
    """HTTP status of an error: 404, 403, 409, 413, 429, else 422."""
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, QuotaExceeded | ExposureSpent):
        return 429
    by_code = {"forbidden": 403, "unsandboxed": 403, "too-large": 413, "disk-full": 507}
    if error.code in by_code:
        return by_code[error.code]
    return 409 if isinstance(error, Refused) else 422


def shape(code: str, what: str, where: str | None = None, mend: str | None = None) -> dict[str, str | None]:
    """The body of every error; ``page`` is where its code is explained."""
    return {"code": code, "what": what, "where": where, "mend": mend, "page": page_of(code)}
