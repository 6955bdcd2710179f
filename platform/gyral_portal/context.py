"""What every page may need."""

from django.http import HttpRequest

from gyral import __version__


def site(request: HttpRequest) -> dict[str, str]:
    """Version of Gyral, and the part of the site a page belongs to (marked in the navigation)."""
    match = request.resolver_match
    name = match.view_name if match is not None else ""
    return {"gyral_version": __version__, "section": _SECTIONS.get(name, "")}


_SECTIONS = {
    "leaderboard:boards": "boards",
    "leaderboard:board": "boards",
    "leaderboard:saved-view": "boards",
    "leaderboard:saved-views": "boards",
    "leaderboard:models": "models",
    "leaderboard:model": "models",
    "leaderboard:benchmarks": "benchmarks",
    "leaderboard:benchmark": "benchmarks",
    "portal:submit": "submit",
    "portal:submissions": "submissions",
    "portal:submission": "submissions",
    "accounts:account": "account",
    "accounts:tokens": "account",
}
