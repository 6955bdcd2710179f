"""Previews: installed packs that are not public yet, for operators alone; others are told that there is no such page."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gyral_portal.style import source_of
from gyral_submissions.domain.preview import waiting

# The page is a file of its own with its style inside; it gets nothing else, and no script of anybody runs in it.
_POLICY = "default-src 'none'; style-src {}; img-src data:; media-src data:; frame-ancestors 'none'; base-uri 'none'; sandbox"
# Of the page, not of today's `gyral.html_page`: one that was made before an upgrade keeps its look. What a pack says is escaped
# in it, so that the first rules are the head's.
_RULES = re.compile(r"<style>(.*?)</style>", re.DOTALL)


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
            page = one.page.read_text("utf-8")
            return HttpResponse(page, headers={"Content-Security-Policy": _policy_of(page)})
    raise Http404("no such preview")


def _policy_of(page: str) -> str:
    """The policy that lets the rules in the page's head stand, and no others."""
    rules = _RULES.search(page)
    return _POLICY.format(source_of(rules[1]) if rules else "'none'")


def _operators_only(request: HttpRequest) -> None:
    if not request.user.is_staff:
        raise Http404("no such page")
