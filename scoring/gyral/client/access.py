"""Access: which site is meant, and the token it is asked with.

Tokens rest in ``GYRAL_HOME/sites.json``, which only its owner may read; the variables ``GYRAL_SITE`` and
``GYRAL_TOKEN`` go before it, so that a program needs no file.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from gyral.errors import UserError
from gyral.places import home

SITE, TOKEN = "GYRAL_SITE", "GYRAL_TOKEN"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Access:
    """One site.

    Parameters
    ----------
    address : str
        ``https://board.example.org``, without a slash at the end.
    token : str
        ``gyral_...``; empty for what needs none. Never printed.
    """

    address: str
    token: str = field(default="", repr=False)


def find_access(site: str | None = None) -> Access:
    """The site that is named, else that of ``GYRAL_SITE``, else the one logged in to last; with its token.

    ``GYRAL_TOKEN`` belongs to the site that is meant without a name; for another one named here, the kept token counts.

    Raises
    ------
    UserError
        No site is known (``no-site``), the address is none (``site-address``), or others may read the file of
        tokens (``token-file``).
    """
    kept = _read()
    usual = os.environ.get(SITE) or kept.usual
    if not (site or usual):
        raise UserError(
            "no site is known.",
            mend=f"Log in with `gyral login https://SITE`, name one with --site, or set {SITE}.",
            code="no-site",
        )
    address = as_address(site or usual)
    token = kept.tokens.get(address, "")
    if os.environ.get(TOKEN) and (not usual or as_address(usual) == address):
        token = os.environ[TOKEN].strip()
    return Access(address, token)


def as_address(text: str) -> str:
    """An address as it is kept: ``https`` where no scheme is given, no path, no slash at the end.

    >>> as_address("board.example.org/")
    'https://board.example.org'

    Raises
    ------
    UserError
        It is no address, or plain HTTP to another machine, where a token could be read on the way (``site-address``).
    """
    parts = urlsplit(text if "//" in text else f"https://{text}")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UserError(
            f"{text!r} is no address of a site.",
            where="SITE",
            mend="Such as https://board.example.org.",
            code="site-address",
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise UserError(
            f"{text!r} is plain HTTP: anybody on the way could read your token.",
            where="SITE",
            mend="Use https://.",
            code="site-address",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def keep(access: Access) -> Path:
    """Keep a token, and have its site be the usual one; returns the file."""
    kept = _read()
    return _write(_Kept(access.address, {**kept.tokens, access.address: access.token}))


def forget(address: str) -> bool:
    """Forget the token of a site; False where there was none."""
    kept = _read()
    if address not in kept.tokens:
        return False
    left = {a: t for a, t in kept.tokens.items() if a != address}
    _write(_Kept(next(iter(left), "") if kept.usual == address else kept.usual, left))
    return True


@dataclass(frozen=True)
class _Kept:
    usual: str = ""
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)


def _file() -> Path:
    return home() / "sites.json"


def _read() -> _Kept:
    file = _file()
    try:
        if os.name == "posix" and file.stat().st_mode & 0o077:
            raise UserError(
                "others on this machine may read your tokens.",
                where=str(file),
                mend=f"chmod 600 {file}",
                code="token-file",
            )
        fields = json.loads(file.read_text("utf-8"))
        return _Kept(str(fields["usual"]), {str(a): str(t) for a, t in fields["tokens"].items()})
    except FileNotFoundError:
        return _Kept()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            "the file of tokens cannot be read.",
            where=str(file),
            mend="Delete it, and log in again.",
            code="token-file",
        ) from None


def _write(kept: _Kept) -> Path:
    handle, scratch = tempfile.mkstemp(prefix=".sites-", dir=_file().parent)  # 0600 from the start
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump({"usual": kept.usual, "tokens": dict(kept.tokens)}, stream, indent=1)
    Path(scratch).replace(_file())
    return _file()
