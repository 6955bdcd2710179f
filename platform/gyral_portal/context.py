"""What every page may need."""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from gyral import __version__
from gyral_portal.portal.announced import banners
from gyral_submissions.domain.notice import unread_of


def site(request: HttpRequest) -> dict[str, Any]:
    """Version of Gyral, the part of the site a page belongs to, what is announced, and how much somebody has not read."""
    match = request.resolver_match
    name = match.view_name if match is not None else ""
    return {
        "gyral_version": __version__,
        "section": _SECTIONS.get(name, ""),
        "banners": banners,
        "unread": lambda: _unread(request),
        "signs_in_elsewhere": {name: _ELSEWHERE[name] for name in settings.SIGN_IN_ELSEWHERE},
    }


def _unread(request: HttpRequest) -> int:
    user = getattr(request, "user", None)
    return unread_of(user).count() if isinstance(user, User) else 0


_ELSEWHERE = {"orcid": "ORCID", "github": "GitHub"}
_SECTIONS = {
    "leaderboard:boards": "boards",
    "leaderboard:board": "boards",
    "leaderboard:saved-view": "boards",
    "leaderboard:saved-views": "boards",
    "leaderboard:models": "models",
    "leaderboard:model": "models",
    "leaderboard:suites": "benchmarks",
    "leaderboard:suite": "benchmarks",
    "leaderboard:benchmarks": "benchmarks",
    "leaderboard:benchmark": "benchmarks",
    "leaderboard:datasets": "benchmarks",
    "leaderboard:dataset": "benchmarks",
    "portal:submit": "submit",
    "portal:submissions": "submissions",
    "portal:submission": "submissions",
    "accounts:account": "account",
    "accounts:tokens": "account",
}
