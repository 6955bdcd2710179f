"""Application configuration."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Uploads, submissions and runs, as their owner sees them."""

    name = "gyral_portal.portal"
    label = "gyral_portal_pages"

    def ready(self) -> None:
        """Make ours the current Celery application, so that tasks published by the site find their broker."""
        from gyral_portal import worker  # noqa: F401 - settings must be read first
