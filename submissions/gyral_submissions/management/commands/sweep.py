"""``manage.py sweep``: take up what died, was lost or was left behind, again and again."""

import signal
import threading
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, connections

from gyral_submissions import conf
from gyral_submissions.domain import notice, standing, sweeper

_TIDY_SECONDS = 3600.0


class Command(BaseCommand):
    """Run the sweeper until SIGTERM or Ctrl-C."""

    help = "Queue runs again whose worker died or whose message was lost; remove files left behind."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--once", action="store_true", help="One round, then end.")
        parser.add_argument("--every", type=float, metavar="SECONDS", help="Pause between rounds.")

    def handle(self, *args: Any, once: bool, every: float | None, **options: Any) -> None:
        """Sweep once or until told to end."""
        if once:
            self._round()
            sweeper.tidy()
            return
        ending = threading.Event()

        def end(number: int, frame: FrameType | None) -> None:
            ending.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        tidied = float("-inf")
        while not ending.is_set():
            try:
                self._round()
                if time.monotonic() - tidied > _TIDY_SECONDS:
                    tidied = time.monotonic()
                    sweeper.tidy()
            except (DatabaseError, OSError) as error:
                # A database that is away comes back; a sweeper that ended would not.
                self.stderr.write(f"sweep: {error}")
            finally:
                connections.close_all()
            ending.wait(every or conf.SWEEP_SECONDS())

    def _round(self) -> None:
        standing.rank_due()
        notice.mail_due()
        swept = sweeper.sweep()
        if swept != sweeper.Swept():
            self.stdout.write(
                f"sweep: {swept.queued_again} queued again, {swept.given_up} given up, "
                f"{swept.published_again} published again"
            )
