"""Addresses of the site."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from gyral_portal.api.api import api
from gyral_portal.api.views import operations


def health(request: HttpRequest) -> HttpResponse:
    """Answers while the process can answer; asks no database."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("", include("gyral_portal.leaderboard.urls")),
    path("", include("gyral_portal.portal.urls")),
    path("account/", include("gyral_portal.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", operations, name="operations"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("health", health, name="health"),
]
