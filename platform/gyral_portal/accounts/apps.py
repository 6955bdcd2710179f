"""Application configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """API tokens."""

    name = "gyral_portal.accounts"
    label = "gyral_accounts"
    verbose_name = "Accounts"
