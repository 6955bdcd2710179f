"""The account page: who you are, and your API tokens."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gyral_portal.accounts.forms import TokenForm
from gyral_portal.accounts.models import ApiToken, Scope
from gyral_portal.accounts.tokens import create_token
from gyral_submissions.domain import notice
from gyral_submissions.domain.exposure import exposures_of
from gyral_submissions.domain.quota import quota_of


@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """Name, e-mail, password, second factor, quota, and how often benchmarks have answered you."""
    owner = cast(User, request.user)
    context = {
        "quota": quota_of(owner),
        "exposures": exposures_of(owner),
        "wants_mail": notice.wants_mail(owner),
    }
    return render(request, "accounts/account.html", context)


@login_required
@require_POST
def mail(request: HttpRequest) -> HttpResponse:
    """Choose whether to be written to when runs end."""
    notice.choose_mail(cast(User, request.user), wanted=request.POST.get("runs") == "1")
    return redirect("accounts:account")


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """List of tokens and the form for a new one; a new token's text is in this one response only."""
    owner = cast(User, request.user)
    form = TokenForm(request.POST if request.method == "POST" else None)
    text = ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        _, text = create_token(owner, data["name"], Scope(data["scope"]), days=data["days"] or None)
        form = TokenForm()
    context = {
        "form": form,
        "tokens": ApiToken.objects.filter(owner=owner),
        "text": text,
        "site": request.build_absolute_uri("/").rstrip("/"),
    }
    return render(request, "accounts/tokens.html", context, status=400 if form.errors else 200)


@login_required
@require_POST
def revoke(request: HttpRequest, token: int) -> HttpResponse:
    """End one of your tokens."""
    found = get_object_or_404(ApiToken, pk=token, owner=cast(User, request.user))
    found.revoke()
    messages.success(request, f"The token “{found.name}” is revoked.")
    return redirect("accounts:tokens")
