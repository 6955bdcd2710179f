"""Application configuration."""

from django.apps import AppConfig


class SubmissionsConfig(AppConfig):
    """Uploads, runs and scores."""

    name = "gyral_submissions"
    verbose_name = "Submissions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to deletions, and have ``among`` known."""
        from gyral_submissions import signals  # noqa: F401 - models are not loaded before
        from gyral_submissions.domain.queries import among  # noqa: F401
