"""``manage.py score_reference_models``: score the library's models on the site's benchmarks, in the foreground."""

import signal
import sys
import time
from typing import Any, Self

from django.core.management.base import BaseCommand, CommandError, CommandParser

from gyral.errors import UserError
from gyral_submissions.domain import reference
from gyral_submissions.domain.reference import Done, Job


class Command(BaseCommand):
    """A second run scores only what is missing."""

    help = "Score the library's reference models and their untrained twins; what is scored already is reused."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument(
            "--benchmark", "-b", action="append", default=[], metavar="NAME", help="Only this one."
        )
        parser.add_argument("--model", "-m", action="append", default=[], metavar="NAME", help="Only this one.")
        parser.add_argument(
            "--twins",
            choices=["score", "queue", "none"],
            default="score",
            help="Score untrained twins here as well (default), leave them to the workers, or leave them out.",
        )
        parser.add_argument(
            "--first",
            action="append",
            default=[],
            metavar="NAME",
            help="Score this benchmark here, and leave the others to the workers; may be repeated.",
        )
        parser.add_argument("--force", action="store_true", help="Score again what is scored.")
        parser.add_argument("--quiet", "-q", action="store_true", help="Say only what failed.")

    def handle(
        self,
        *args: Any,
        benchmark: list[str],
        model: list[str],
        twins: str,
        first: list[str],
        force: bool,
        quiet: bool,
        **options: Any,
    ) -> None:
        """Score, with a bar for all and one for the step at hand; on no terminal, a line each."""
        try:
            work = reference.jobs(model, benchmark)
            here = reference.jobs(model, first) if first else work
        except UserError as error:
            raise CommandError(str(error)) from None
        work = [job for job in work if not job.twin or twins != "none"]
        later = [job for job in work if (job.twin and twins == "queue") or job not in here]
        work = [job for job in work if job not in later]
        # Told to end, a run is handed back at once, as with Ctrl-C.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        outcomes: dict[str, int] = {}
        with _Bars(len(work), quiet=quiet) as bars:
            try:
                for done in reference.score(work, force=force, progress=bars.step, starting=bars.start):
                    outcomes[done.outcome] = outcomes.get(done.outcome, 0) + 1
                    bars.finish(done)
            except KeyboardInterrupt:
                raise CommandError(
                    "interrupted; the next run goes on where this one ended.", returncode=130
                ) from None
        if not quiet:
            words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            self.stdout.write(f"reference models: {words or 'nothing to do; run sync_benchmarks first'}")
        if later and (count := reference.queue(later)) and not quiet:
            self.stdout.write(f"runs left to the worker: {count}")
        if outcomes.get("failed"):
            raise CommandError(f"{outcomes['failed']} runs failed; see above and the run pages.")


class _Bars:
    """Progress on standard error."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        from rich.console import Console  # slow, and only commands need it
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = Console(stderr=True, highlight=False)
        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        shown = not quiet and self._console.is_terminal
        self._bars = Progress(*columns, console=self._console, transient=True, disable=not shown)
        self._quiet, self._began, self._job = quiet, time.monotonic(), ""
        self._told = not quiet and not shown
        self._number, self._total = 0, total
        self._all = self._bars.add_task("reference models", total=total)
        self._one = self._bars.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bars.stop()

    def start(self, job: Job) -> None:
        """A job begins."""
        self._began, self._job = time.monotonic(), str(job)
        self._number += 1
        if self._told:  # a log would else stand still for minutes
            self._console.print(f"{self._number} of {self._total}: {job}", markup=False, soft_wrap=True)
        self._bars.reset(self._one, description=self._job, total=None, visible=True)

    def step(self, step: str, done: int, total: int) -> None:
        """Where the job stands."""
        self._bars.update(self._one, description=f"{self._job}: {step}", completed=done, total=total)

    def finish(self, done: Done) -> None:
        """A job has ended."""
        self._bars.advance(self._all)
        if done.outcome == "failed" or (not self._quiet and done.outcome != "reused"):
            seconds = f" in {time.monotonic() - self._began:.0f} s" if done.outcome == "scored" else ""
            why = f": {done.why}" if done.why else ""
            self._console.print(f"{done.job}: {done.outcome}{seconds}{why}", markup=False, soft_wrap=True)
