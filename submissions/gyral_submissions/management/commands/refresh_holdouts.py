"""``manage.py refresh_holdouts``: score standing models on what benchmarks hold back, rarely and many at once."""

from typing import Any

from django.core.management.base import BaseCommand

from gyral_submissions.domain.holdout import refresh

_WORDS = {
    "refreshed": "a new report",
    "not-due": "not due",
    "absent": "its holdout part is not on this machine (`gyral holdout`)",
    "too-few": "too few models have both scores",
}


class Command(BaseCommand):
    """To be run now and then (cron); does nothing where nothing is due."""

    help = "Score standing models on held-back data where a report is due, and store what all of them come to."

    def handle(self, *args: Any, verbosity: int, **options: Any) -> None:
        """Refresh, and say which benchmarks have a new report; never a score."""
        from gyral.cli.progress import reporting

        with reporting("bar" if verbosity > 1 else "none") as progress:
            for done in refresh(progress=progress):
                failed = f"; {done.failed} models could not be scored" if done.failed else ""
                self.stdout.write(f"{done.benchmark}: {_WORDS[done.outcome]}{failed}")
