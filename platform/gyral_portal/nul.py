"""NUL: a character that no name, word or title holds, and that PostgreSQL cannot store; refused before anything looks for it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponseBadRequest
from django.http.response import HttpResponseBase
from ninja.errors import HttpError
from ninja.parser import Parser

from gyral_portal.api.errors import problem, shape

_NUL = "\x00"
_WHAT = "the request holds the character NUL, which no text here may have."


class RefuseNul:
    """Answers 400 to addresses and queries with NUL; forms refuse it by themselves, bodies of the API in `TextParser`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer."""
        if _NUL not in request.path_info and "%00" not in request.META.get("QUERY_STRING", ""):
            return self.get_response(request)
        if request.path_info.startswith("/api/"):
            return problem(400, shape("invalid", _WHAT))
        return HttpResponseBadRequest(_WHAT, content_type="text/plain; charset=utf-8")


class TextParser(Parser):
    """JSON bodies whose texts are without NUL."""

    def parse_body(self, request: HttpRequest) -> Any:
        """See `ninja.parser.Parser`.

        Raises
        ------
        HttpError
            400: some text holds NUL.
        """
        found = super().parse_body(request)
        if _holds_nul(found):
            raise HttpError(400, _WHAT)
        return found


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return _NUL in value
    if isinstance(value, dict):
        return any(_holds_nul(v) for pair in value.items() for v in pair)
    return isinstance(value, list) and any(_holds_nul(v) for v in value)
