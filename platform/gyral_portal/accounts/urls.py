"""Addresses under ``/account/``."""

from django.urls import path

from gyral_portal.accounts import views

app_name = "accounts"
urlpatterns = [
    path("", views.account, name="account"),
    path("mail/", views.mail, name="mail"),
    path("tokens/", views.tokens, name="tokens"),
    path("tokens/<int:token>/revoke/", views.revoke, name="revoke"),
]
