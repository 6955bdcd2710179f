"""Previews: installed packs that are not public yet, for operators alone; others are told that there is no such page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gyral_submissions.domain.preview import waiting

# The page is a file of its own with its style inside; it gets nothing else, and no script of anybody runs in it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; sandbox"


@require_safe
@never_cache
def previews(request: HttpRequest) -> HttpResponse:
    """Packs that are waiting, and which of them have a page."""
    _operators_only(request)
    return render(request, "leaderboard/previews.html", {"waiting": waiting()})


@require_safe
@never_cache
def preview(request: HttpRequest, name: str) -> HttpResponse:
    """One page."""
    _operators_only(request)
    for one in waiting():
        if one.name == name and one.is_made:
            return HttpResponse(one.page.read_bytes(), headers={"Content-Security-Policy": _POLICY})
    raise Http404("no such preview")


def _operators_only(request: HttpRequest) -> None:
    if not request.user.is_staff:
        raise Http404("no such page")
