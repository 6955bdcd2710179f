"""Application configuration."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The API under ``/api/v1/``."""

    name = "gyral_portal.api"
    label = "gyral_api"
