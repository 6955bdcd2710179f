"""What no operation of the API answers: addresses and methods that do not exist, and HEAD."""

from collections.abc import Callable

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase

from gyral_portal.api.errors import shape

_ROOT = "/api/"


class ApiAnswers:
    """Below ``/api/``: 404 and 405 in the API's one shape of errors, and HEAD wherever GET is.

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
        response = self.get_response(request)
        request.method = method
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        if response.status_code == 404:
            what = f"there is no address {request.path_info!r}."
            return JsonResponse(shape("not-found", what, None, f"{_ROOT} lists all calls."), status=404)
        if response.status_code == 405:
            return _not_allowed(str(method), response.get("Allow", ""))
        return response


def _not_allowed(method: str, allow: str) -> JsonResponse:
    allowed = sorted({name.strip() for name in allow.split(",")} | ({"HEAD"} if "GET" in allow else set()))
    body = shape("method-not-allowed", f"{method} is not allowed here.", None, f"Allowed: {', '.join(allowed)}.")
    return JsonResponse(body, status=405, headers={"Allow": ", ".join(allowed)})
