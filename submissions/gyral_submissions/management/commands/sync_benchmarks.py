"""``manage.py sync_benchmarks``: carry the library's benchmarks into the database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gyral_submissions.domain.benchmark import Synced, sync_benchmarks


class Command(BaseCommand):
    """Idempotent; run by `gyral serve` and on deploy."""

    help = (
        "Carry the library's benchmarks into the database. Datasets that are not here are skipped with one line."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--force", action="store_true", help="Compute ceilings and counts again.")
        parser.add_argument(
            "--strict", action="store_true", help="Fail where changed content or a leaky split was refused."
        )

    def handle(self, *args: Any, force: bool, strict: bool, verbosity: int, **options: Any) -> None:
        """Sync and say what happened."""
        from gyral.cli.progress import reporting

        refused: list[Synced] = []
        with reporting("told" if verbosity else "none") as progress:
            for synced in sync_benchmarks(progress=progress, force=force):
                if synced.outcome == "refused":
                    refused.append(synced)
                if synced.why:
                    self.stderr.write(f"{synced.identifier}: {synced.outcome}: {synced.why}")
                elif verbosity:
                    self.stdout.write(f"{synced.identifier}: {synced.outcome}")
        if refused and strict:
            raise CommandError(f"{len(refused)} benchmarks changed without a new version, or leak.")
