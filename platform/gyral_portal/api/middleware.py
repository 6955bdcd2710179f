"""What every answer below ``/api/`` has in common: errors of one shape, HEAD, limits said, copies that only their reader keeps."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers, set_response_etag

from gyral_portal.api.errors import PROBLEM, problem, shape
from gyral_portal.api.rate import allowance_of

_ROOT = "/api/"


class ApiAnswers:
    """Below ``/api/``: 404 and 405 in the API's one shape of errors, HEAD wherever GET is, ETag and 304, RateLimit-*.

    Parameters
    ----------
    get_response : callable
        The rest of the chain; this stands innermost, so that nobody else sees HEAD as GET.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer; the server leaves out the body of one to HEAD."""
        if not request.path_info.startswith(_ROOT):
            return self.get_response(request)
        method, request.method = request.method, "GET" if request.method == "HEAD" else request.method
        response = _in_shape(request, str(method), self.get_response(request))
        _for_its_reader(response)
        response = _unless_known(request, response)
        request.method = method
        if (allowance := allowance_of(request)) is not None:
            for name, value in allowance.headers().items():
                response[name] = value
        return response


def _in_shape(request: HttpRequest, method: str, response: HttpResponseBase) -> HttpResponseBase:
    if response.get("Content-Type", "").startswith(("application/json", PROBLEM)):
        return response
    if response.status_code == 404:
        return problem(
            404,
            shape("not-found", f"there is no address {request.path_info!r}.", None, f"{_ROOT} lists all calls."),
        )
    if response.status_code == 405:
        return _not_allowed(method, response.get("Allow", ""))
    return response


def _for_its_reader(response: HttpResponseBase) -> None:
    """What an answer holds depends on who asks: no cache but the asker's own may keep it, and not without asking."""
    patch_vary_headers(response, ["Authorization"])
    response.setdefault("Cache-Control", "private, no-cache")


def _unless_known(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """304 where the asker has the content already."""
    if request.method != "GET" or response.status_code != 200:
        return response
    if isinstance(response, HttpResponse) and not response.has_header("ETag"):
        set_response_etag(response)
    unchanged = get_conditional_response(request, etag=response.get("ETag"))
    return response if unchanged is None else _with_headers(unchanged, response)


def _with_headers(unchanged: HttpResponse, response: HttpResponseBase) -> HttpResponse:
    for name in ("ETag", "Cache-Control", "Vary"):
        if response.has_header(name):
            unchanged[name] = response[name]
    return unchanged


def _not_allowed(method: str, allow: str) -> JsonResponse:
    allowed = sorted({name.strip() for name in allow.split(",")} | ({"HEAD"} if "GET" in allow else set()))
    body = shape("method-not-allowed", f"{method} is not allowed here.", None, f"Allowed: {', '.join(allowed)}.")
    return problem(405, body, {"Allow": ", ".join(allowed)})
