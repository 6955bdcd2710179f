"""Addresses of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from gyral_portal import operating
from gyral_portal.api.api import api
from gyral_portal.api.views import operations

# The admin's own login form knows neither the throttle nor one-time codes: it sends to the site's instead.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("gyral_portal.leaderboard.urls")),
    path("", include("gyral_portal.portal.urls")),
    path("account/", include("gyral_portal.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/", operations, name="operations"),
    path("api/v1/", api.urls),
    path("admin/", admin.site.urls),
    path("health", operating.health, name="health"),
    path("health/ready", operating.ready, name="health-ready"),
    path("metrics", operating.metrics, name="metrics"),
]
