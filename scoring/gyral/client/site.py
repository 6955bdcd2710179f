"""Site: calls of a site's API (``/api/v1``), with errors that say what to do.

What a site answers as a problem (RFC 9457) becomes a `SiteRefused` with its code, words, place and mend. A site that is
busy or asks to wait (``Retry-After``) is asked again, as long as that takes at most two minutes.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin, urlsplit

import requests

from gyral import __version__
from gyral.client.access import LOOPBACK, Access
from gyral.errors import Unavailable, UserError

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 120.0
_MOST_WAIT = 120.0  # seconds that a caller is kept waiting, all in all
_BUSY = (502, 503, 504)
_PAGE = 100


class SiteUnreachable(Unavailable):
    """The site does not answer, or what answers is no Gyral site."""

    code = "site-unreachable"


class SiteRefused(UserError):
    """The site answered that it cannot; ``status`` is HTTP's."""

    def __init__(self, what: str, *, status: int, where: str | None, mend: str | None, code: str) -> None:
        super().__init__(what, where=where, mend=mend, code=code)
        self.status = status


class Site:
    """One site, asked with one token.

    Parameters
    ----------
    access : Access
        Address and token.
    say : callable, optional
        Is told in one sentence why nothing happens for a while.
    """

    def __init__(self, access: Access, *, say: Callable[[str], None] = lambda text: None) -> None:
        self.access, self._say = access, say
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"gyral/{__version__}"
        # Set in any case: otherwise requests would look for a password of this host in ~/.netrc, and send it.
        self._session.auth = _Bearer(access.token)

    def get(self, path: str, **query: Any) -> Any:
        """JSON of an address below ``/api/v1/``; parameters that are None are left out."""
        return self.call("GET", path, params={k: v for k, v in query.items() if v is not None}).json()

    def every(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """All rows of a list that comes in pages."""
        offset = 0
        while True:
            page = self.get(path, **query, limit=_PAGE, offset=offset)
            yield from page["items"]
            offset += len(page["items"])
            if not page["items"] or offset >= page["count"]:
                return

    def call(self, method: Method, path: str, **more: Any) -> requests.Response:
        """One call; asked again while the site is busy, where asking twice does no harm.

        Raises
        ------
        SiteUnreachable
            There is no answer, or one that no Gyral site gives.
        SiteRefused
            The site says why it cannot.
        """
        waited = 0.0
        while True:
            response = self._send(method, path, **more)
            pause = _pause(response, method)
            if pause is None or waited + pause > _MOST_WAIT:
                break
            self._say(f"the site asks to wait {pause:.0f} s")
            time.sleep(pause)
            waited += pause
        self._require_good(response)
        return response

    def download(self, path: str, file: Path) -> None:
        """Write what an address answers to ``file``, as it comes.

        Raises
        ------
        SiteUnreachable, SiteRefused
            As `call`.
        OSError
            The file cannot be written.
        """
        with self.call("GET", path, stream=True) as answer, file.open("wb") as target:
            blocks = answer.iter_content(1 << 20)
            while block := self._next(blocks):
                target.write(block)

    def _next(self, blocks: Iterator[bytes]) -> bytes:
        try:
            return next(blocks, b"")
        except requests.RequestException as error:  # an OSError, too, but none of the file's
            raise self._unreachable(_reason(error)) from None

    def page(self, path: str) -> str:
        """Address of a page of the site, for people."""
        return urljoin(f"{self.access.address}/", path.lstrip("/"))

    def _send(self, method: Method, path: str, **more: Any) -> requests.Response:
        try:
            # Redirects are not followed: a POST would arrive as a GET, and a token at somebody else's.
            return self._session.request(
                method,
                f"{self.access.address}/api/v1/{path}",
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                allow_redirects=False,
                **more,
            )
        except requests.exceptions.SSLError as error:
            if _speaks_no_tls(error):
                raise self._plain() from None
            raise self._unreachable(f"its certificate is not accepted ({_reason(error)})") from None
        except requests.Timeout:
            raise self._unreachable("it did not answer in time") from None
        except requests.RequestException as error:
            raise self._unreachable(_reason(error)) from None

    def _unreachable(self, why: str) -> SiteUnreachable:
        return SiteUnreachable(
            f"the site cannot be reached: {why}.",
            where=self.access.address,
            mend="Check the address and your connection; the same command goes on where it stopped.",
        )

    def _plain(self) -> SiteUnreachable:
        """What answers at an ``https://`` address without TLS; plain HTTP is allowed of this machine only."""
        host = urlsplit(self.access.address).hostname
        plain = self.access.address.replace("https://", "http://", 1)
        return SiteUnreachable(
            "it answers plain HTTP, not HTTPS.",
            where=self.access.address,
            mend=f"Write {plain}." if host in LOOPBACK else "Is the port that of HTTPS?",
        )

    def _require_good(self, response: requests.Response) -> None:
        if response.ok and not response.is_redirect:
            return
        if response.is_redirect:
            raise SiteUnreachable(
                f"the site is elsewhere: {response.headers.get('Location', '')!r}.",
                where=self.access.address,
                mend="Log in to that address.",
            )
        problem = _problem(response)
        if problem is None:
            raise SiteUnreachable(
                f"what answers is no Gyral site, or it fails: status {response.status_code}.",
                where=self.access.address,
            )
        raise self._refused(response, problem)

    def _refused(self, response: requests.Response, problem: dict[str, Any]) -> SiteRefused:
        what, mend = str(problem["detail"]), problem.get("mend")
        code = str(problem.get("code") or "refused")
        where = problem.get("where")
        tokens = self.page("account/tokens/")
        if response.status_code == 401:
            had = (
                "does not accept your token: it is wrong, revoked or expired"
                if self.access.token
                else "asks for a token"
            )
            what, where = f"the site {had}.", self.access.address
            mend = f"Make one at {tokens}, and give it to `gyral login {self.access.address}`."
        elif response.status_code == 403 and where == "Authorization":
            mend = f"Make a token with that scope at {tokens}, and log in again."
        elif response.status_code == 413 and code == "site-error":
            what = "the file is larger than the site, or the server before it, takes."
        return SiteRefused(what, status=response.status_code, where=where, mend=mend, code=code)


class _Bearer(requests.auth.AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _pause(response: requests.Response, method: Method) -> float | None:
    """Seconds to wait before asking again; None where that would not help, or might do a thing twice."""
    refused = response.status_code == 429
    if not refused and not (response.status_code in _BUSY and method in ("GET", "PUT")):
        return None
    try:
        return max(0.1, float(response.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None if refused else 2.0


def _problem(response: requests.Response) -> dict[str, Any] | None:
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        if response.status_code == 413:
            return {"detail": "the server before the site takes no request of this size.", "code": "too-large"}
        return None
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) and "detail" in found else None


def _reason(error: Exception) -> str:
    """The innermost words of an error of requests, urllib3 and the socket below it."""
    inner = _innermost(error)
    words = str(getattr(inner, "strerror", None) or inner)
    words = re.sub(
        r"\[(?:Errno -?\d+|SSL: \w+)\] | \(_ssl\.c:\d+\)$", "", words
    )  # codes of the socket and of OpenSSL
    return words.rpartition(": ")[2].rstrip(".") or type(inner).__name__


def _speaks_no_tls(error: Exception) -> bool:
    """True where the first bytes of the answer are no record of TLS."""
    # OpenSSL 3.2 and later give the second name to what was the first.
    return getattr(_innermost(error), "reason", None) in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")


def _innermost(error: Exception) -> Any:
    inner: Any = error
    while inner.args and isinstance(inner.args[-1], Exception):
        last = inner.args[-1]
        inner = reason if isinstance(reason := getattr(last, "reason", None), Exception) else last
    return inner
