"""``manage.py preview_packs``: pages of installed packs for operators, before anything is public."""

from typing import Any

from django.core.management.base import BaseCommand

from gyral_submissions.domain.preview import preview_packs


class Command(BaseCommand):
    """Idempotent; minutes for a pack that is new."""

    help = "Make the previews of installed packs that are not public yet; operators see them at /previews/."

    def handle(self, *args: Any, verbosity: int, **options: Any) -> None:
        """Make them and say what happened."""
        from gyral.cli.progress import reporting

        with reporting("told" if verbosity else "none") as progress:
            for synced in preview_packs(progress=progress):
                if synced.why:
                    self.stderr.write(f"{synced.identifier}: {synced.outcome}: {synced.why}")
                elif verbosity:
                    self.stdout.write(f"{synced.identifier}: {synced.outcome}")
