"""Pages of people and teams, and the form behind one's own."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from gyral_portal.leaderboard import people as found
from gyral_portal.leaderboard.models import Person


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody who has a page and a public model."""
    return render(request, "leaderboard/people.html", {"people": found.people()})


@require_safe
def person(request: HttpRequest, handle: str) -> HttpResponse:
    """One of them, with their public models."""
    one = get_object_or_404(Person, handle=handle)
    return render(request, "leaderboard/person.html", {"person": one, "models": found.models_of(one)})


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def own_person(request: HttpRequest) -> HttpResponse:
    """Make, change or remove the page of your own."""
    owner = cast(User, request.user)
    before = found.person_of(owner)
    if request.method == "POST" and "remove" in request.POST:
        if before is not None:
            before.delete()
            messages.success(
                request, "Your page is gone; your models stay where they are, without a name beside them."
            )
        return redirect("leaderboard:own-person")
    sent = request.POST if request.method == "POST" else None
    form = found.PersonForm(sent, instance=before or Person(owner=owner))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Everybody sees the page now.")
        return redirect("leaderboard:person", form.instance.handle)
    context = {"form": form, "before": found.person_of(owner)}
    return render(request, "leaderboard/own_person.html", context, status=400 if form.errors else 200)
