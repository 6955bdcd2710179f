"""Kept: answers that everybody gets alike, by entity tag, until the board's edition moves; 304 where a browser has one."""

import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from gyral import __version__

_MOST_BYTES = 32 << 20
_bodies: OrderedDict[str, bytes] = OrderedDict()
_lock = threading.Lock()


def is_everybodys(request: HttpRequest) -> bool:
    """True where nothing in the request can change the answer: nobody is logged in, and no message waits."""
    held = (settings.SESSION_COOKIE_NAME, "messages")
    return not any(name in request.COOKIES for name in held) and "Authorization" not in request.headers


def answer(
    request: HttpRequest,
    key: Sequence[str],
    make: Callable[[], bytes],
    content_type: str,
    *,
    filename: str = "",
    vary: str = "Cookie",
) -> HttpResponse:
    """The body that ``make`` gives, with an entity tag, or 304.

    Parameters
    ----------
    request : HttpRequest
        Whose ``If-None-Match`` is honoured.
    key : sequence of str
        Decides the body for everybody: address, state and edition. What somebody alone gets is tagged by its content
        instead, and never kept.
    make : callable
        Makes the body.
    content_type : str
        Of the body.
    filename : str
        Sent as an attachment of that name.
    vary : str
        Header that says who asks.
    """
    everybodys = is_everybodys(request)
    body: bytes | None = None
    if everybodys:
        tag = sha256("\n".join([__version__, *key]).encode()).hexdigest()[:32]
    else:
        body = make()
        tag = sha256(body).hexdigest()[:32]
    headers = {"ETag": f'W/"{tag}"', "Cache-Control": f"{'public' if everybodys else 'private'}, no-cache"}
    known = {t.strip().removeprefix("W/").strip('"') for t in request.headers.get("If-None-Match", "").split(",")}
    if tag in known:
        response = HttpResponse(status=304, headers=headers)
    else:
        if filename:
            headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        response = HttpResponse(content_type=content_type, headers=headers)
        _fill(request, response, _packed(tag, make) if body is None else body, packed=body is None)
    patch_vary_headers(response, [vary, "Accept-Encoding"])
    return response


def _fill(request: HttpRequest, response: HttpResponse, body: bytes, *, packed: bool) -> None:
    if packed and "gzip" in request.headers.get("Accept-Encoding", ""):
        response["Content-Encoding"] = "gzip"
        response.content = body
    else:
        response.content = gzip.decompress(body) if packed else body
    response["Content-Length"] = str(len(response.content))


def _packed(tag: str, make: Callable[[], bytes]) -> bytes:
    with _lock:
        if tag in _bodies:
            _bodies.move_to_end(tag)
            return _bodies[tag]
    body = gzip.compress(make(), 5, mtime=0)
    with _lock:
        _bodies[tag] = body
        while sum(map(len, _bodies.values())) > _MOST_BYTES:
            _bodies.popitem(last=False)
    return body
