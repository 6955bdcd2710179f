"""Progress on a terminal (bars), for a parent process (JSON lines), in a log (a line now and then), or none."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from gyral.progress import Progress, silent

Style = Literal["bar", "told", "json", "none"]

_EVERY = 0.25  # seconds between two reports of one step
_LOGGED = 15.0  # the same, in a log


@contextmanager
def reporting(style: Style) -> Iterator[Progress]:
    """A `Progress` in the given style; bars vanish when the block ends.

    Where standard error is no terminal "bar" is silent, and "told" writes a line when a step begins and ends, and now and
    then between: for jobs of minutes.
    """
    if style == "none" or (style == "bar" and not sys.stderr.isatty()):
        yield silent
    elif style == "told" and not sys.stderr.isatty():
        yield _LogLines()
    elif style == "json":
        yield _JsonLines()
    else:
        from rich.console import Console  # rich is slow to import and only needed for bars
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
            tasks: dict[str, int] = {}

            def report(step: str, done: int, total: int) -> None:
                if step not in tasks:
                    tasks[step] = int(bars.add_task(step, total=total))
                bars.update(tasks[step], completed=done, total=total)  # type: ignore[arg-type]

            yield report


def emit(fields: dict[str, object]) -> None:
    """Write one JSON line to standard output, at once."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class _JsonLines:
    def __init__(self) -> None:
        self._last = ("", 0.0)

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step == self._last[0] and done < total and now - self._last[1] < _EVERY:
            return
        self._last = (step, now)
        emit({"step": step, "done": done, "total": total})


class _LogLines:
    def __init__(self) -> None:
        self._last = ("", 0.0)

    def __call__(self, step: str, done: int, total: int) -> None:
        now = time.monotonic()
        if step == self._last[0] and done < total and now - self._last[1] < _LOGGED:
            return
        self._last = (step, now)
        sys.stderr.write(f"{step}: {done} of {total}\n")
        sys.stderr.flush()
