"""``manage.py sync_datasets``: carry datasets without a board into the database, with what their responses decode."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gyral_submissions.domain.dataset import sync_datasets


class Command(BaseCommand):
    """Idempotent; minutes for what is new, because every number has a permutation test."""

    help = "Carry datasets without a board into the database. Those that are not here are skipped with one line."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--force", action="store_true", help="Decode again.")

    def handle(self, *args: Any, force: bool, verbosity: int, **options: Any) -> None:
        """Sync and say what happened."""
        from gyral.cli.progress import reporting

        with reporting("told" if verbosity else "none") as progress:
            for synced in sync_datasets(progress=progress, force=force):
                if synced.why:
                    self.stderr.write(f"{synced.identifier}: {synced.outcome}: {synced.why}")
                elif verbosity:
                    self.stdout.write(f"{synced.identifier}: {synced.outcome}")
