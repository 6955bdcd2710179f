"""``manage.py sync_suites``: carry the library's suites into the database."""

from typing import Any

from django.core.management.base import BaseCommand

from gyral_portal.leaderboard.suites import sync_suites


class Command(BaseCommand):
    """Idempotent; run by `gyral serve` and on deploy."""

    help = "Carry the library's suites of benchmarks into the database."

    def handle(self, *args: Any, verbosity: int, **options: Any) -> None:
        """Sync and say what happened."""
        for identifier, outcome in sync_suites():
            if outcome.startswith("refused"):
                self.stderr.write(f"{identifier}: {outcome}")
            elif verbosity:
                self.stdout.write(f"{identifier}: {outcome}")
