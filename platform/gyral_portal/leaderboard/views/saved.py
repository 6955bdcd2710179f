"""Saved views: a board's state under a name and an address of its own."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from gyral_portal.leaderboard.look import Look
from gyral_portal.leaderboard.models import SavedView
from gyral_portal.leaderboard.scope import find_scope
from gyral_portal.leaderboard.views.board import board

MOST = 100  # of one person


@login_required
@require_safe
def saved_views(request: HttpRequest) -> HttpResponse:
    """One's own."""
    found = SavedView.objects.filter(owner=request.user.pk)
    return render(request, "leaderboard/saved_views.html", {"saved": found, "most": MOST})


@require_safe
def saved_view(request: HttpRequest, view: uuid.UUID) -> HttpResponse:
    """The board as it was saved, with today's scores unless a day was saved with it."""
    found = get_object_or_404(SavedView, pk=view)
    # What is asked for on top (a page, an order) comes later, and so counts.
    request.GET = QueryDict(f"{found.query}&{request.GET.urlencode()}")
    return board(request, found.reference)


@login_required
@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep a board's state; a name one has used before is given to the new state."""
    title = " ".join(request.POST.get("title", "").split())[:80]
    reference = request.POST.get("reference", "")
    if not title or not reference:
        messages.error(request, "A view needs a name.")
        return redirect("leaderboard:saved-views")
    scope = find_scope(reference)
    given = QueryDict(request.POST.get("query", "")).dict()
    look = Look.read(given, scope.keys())
    mine = SavedView.objects.filter(owner=request.user.pk)
    if mine.count() >= MOST and not mine.filter(title=title).exists():
        messages.error(request, f"You may keep {MOST} views; delete one first.")
        return redirect("leaderboard:saved-views")
    state = {"reference": scope.reference, "query": look.address("").removeprefix("?")}
    kept, _ = SavedView.objects.update_or_create(owner_id=request.user.pk, title=title, defaults=state)
    address = request.build_absolute_uri(reverse("leaderboard:saved-view", args=[kept.pk]))
    messages.success(request, f"“{title}” is kept. Anybody can open it at {address}")
    return redirect("leaderboard:saved-views")


@login_required
@require_POST
def delete_view(request: HttpRequest, view: uuid.UUID) -> HttpResponse:
    """Forget one's own view; its address ends."""
    get_object_or_404(SavedView, pk=view, owner=request.user.pk).delete()
    messages.success(request, "The view is deleted.")
    return redirect("leaderboard:saved-views")
