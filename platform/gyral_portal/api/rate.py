"""Rate: how many requests a minute the API answers, counted a person (with a token) or an address (without).

Minutes are those of the clock, so that two of them may be spent within a few seconds; that is what the limit is sized for.
Counts live in the cache: one for each process of a site unless ``CACHE_URL`` names a shared one.
"""

import math
import time
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest

from gyral.errors import UserError

WINDOW = 60


class TooManyRequests(UserError):
    """More requests than a minute allows; the answer's ``Retry-After`` says when the next minute begins."""

    code = "rate-limit"


@dataclass(frozen=True)
class Allowance:
    """Where a caller stands: requests a minute, those left, and seconds until all are there again."""

    limit: int
    remaining: int
    seconds: int

    def headers(self) -> dict[str, str]:
        """As the IETF's draft "RateLimit header fields for HTTP" has them (draft-ietf-httpapi-ratelimit-headers-06)."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.seconds),
            "RateLimit-Policy": f"{self.limit};w={WINDOW}",
        }


def spend(request: HttpRequest, who: str, limit: int) -> None:
    """Count one request of ``who``, and note on ``request`` where they stand; nothing where ``limit`` is 0.

    Raises
    ------
    TooManyRequests
        The minute's requests are spent.
    """
    if not limit:
        return
    now = time.time()
    minute = int(now // WINDOW)
    seconds = max(1, math.ceil((minute + 1) * WINDOW - now))
    key = f"rate:{who}:{minute}"
    count = 1 if cache.add(key, 1, 2 * WINDOW) else _one_more(key)
    setattr(request, ALLOWANCE, Allowance(limit, max(0, limit - count), seconds))
    if count > limit:
        raise TooManyRequests(
            f"{limit} requests a minute are answered, and you sent more.",
            mend=f"Wait {seconds} s (`Retry-After`), or ask less often: an ETag makes asking again cheap for both.",
        )


ALLOWANCE = "gyral_allowance"


def allowance_of(request: HttpRequest) -> Allowance | None:
    """What `spend` noted; None where nothing was counted."""
    found: Allowance | None = getattr(request, ALLOWANCE, None)
    return found


def address_of(request: HttpRequest) -> str:
    """The caller's address, behind as many proxies as the settings trust."""
    return str(get_adapter(request).get_client_ip(request))


def _one_more(key: str) -> int:
    try:
        return int(cache.incr(key))
    except ValueError:  # it expired, or was thrown out, between two looks
        cache.add(key, 1, 2 * WINDOW)
        return 1
