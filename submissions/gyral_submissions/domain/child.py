"""Child: the process that scores, in a process group of its own, and what it says.

It speaks JSON lines on standard output (see `gyral.cli.score`): ``{"ready": true}`` once it waits for an order (see
`gyral.cli.standby`), ``{"step", "done", "total"}`` while it works, then ``{"record": path}`` or ``{"error": {...}}``. Anything else it prints is ignored; its standard error goes
to the operators' log.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from gyral_submissions.domain.log import CappedFile
from gyral_submissions.domain.step import Step, told

_LINE = 1 << 16  # longest line read at once, bytes


@dataclass(frozen=True)
class Said:
    """What a child has said so far.

    Parameters
    ----------
    steps : tuple of Step
        In order; the last one is the current one.
    record : str
        Path of the record, once there is one.
    error : mapping or None
        The error it ended with.
    is_ready : bool
        It waits for an order.
    """

    steps: tuple[Step, ...] = ()
    record: str = ""
    error: Mapping[str, Any] | None = None
    is_ready: bool = False


class Child:
    """A running command; leaving the ``with`` block ends its process group, whatever happened.

    Parameters
    ----------
    command : sequence of str
        What to run.
    environment : mapping
        All of its environment variables.
    errors : CappedFile or None
        Where standard error goes; None: nowhere, until ``order`` names a file.
    folder : Path
        Working directory.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], errors: CappedFile | None, folder: Path
    ) -> None:
        self._said, self._began, self._errors = Said(), time.monotonic(), errors
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gyral_submissions.keeper", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
            process_group=0,
        )
        assert self._process.stdout is not None and self._process.stderr is not None  # noqa: S101 (pipes asked for)
        self._threads = [
            threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._drain, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Process id of the leader, which is the id of the group."""
        return self._process.pid

    @property
    def said(self) -> Said:
        """The latest of each thing it said."""
        with self._lock:
            return self._said

    def order(self, arguments: Sequence[str], *, errors: CappedFile, folder: Path) -> bool:
        """Tell a command that waits (`gyral standby`) what to do, and where; False where it is gone.

        Parameters
        ----------
        arguments : sequence of str
            Of the command line.
        errors, folder : CappedFile, Path
            As above, from now on.
        """
        assert self._process.stdin is not None  # noqa: S101 (a pipe was asked for)
        self._errors = errors
        line = json.dumps({"arguments": [*arguments], "folder": str(folder)}).encode() + b"\n"
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except OSError:
            return False
        return not self._has_exited()

    def has_ended(self, seconds: float) -> bool:
        """Wait up to ``seconds``; True once its leader has exited."""
        self._threads[0].join(seconds)  # standard output closes when the child exits, or before
        if not self._has_exited() and not self._threads[0].is_alive():
            time.sleep(min(seconds, 0.1))
        return self._has_exited()

    def end(self) -> int:
        """Kill whatever is left of the group and return the leader's exit status."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self._process.wait()
        for thread in self._threads:
            thread.join(5.0)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self.end()

    def _has_exited(self) -> bool:
        # Not reaped here: until the group is killed its id must stay taken.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _listen(self, stream: IO[bytes]) -> None:
        for line in iter(lambda: stream.readline(_LINE), b""):
            message = _parse(line)
            if message is not None:
                self._take(message)

    def _drain(self, stream: IO[bytes]) -> None:
        for chunk in iter(lambda: stream.read1(_LINE), b""):  # type: ignore[attr-defined]
            # On a full disk the log is lost; the pipe must still be emptied, or the child would wait for ever.
            with suppress(OSError):
                if self._errors is not None:
                    self._errors.write(chunk)

    def _take(self, message: Mapping[str, Any]) -> None:
        error, record = message.get("error"), message.get("record")
        step, done, total = message.get("step"), message.get("done"), message.get("total")
        with self._lock:
            if message.get("ready") is True:
                self._said = replace(self._said, is_ready=True)
            elif isinstance(error, dict):
                self._said = replace(self._said, error=error)
            elif isinstance(record, str):
                self._said = replace(self._said, record=record)
            elif isinstance(step, str) and isinstance(done, int) and isinstance(total, int) and 0 <= done <= total:
                latest = Step(step=step[:80], done=done, total=total, seconds=self._seconds(step[:80]))
                self._said = replace(self._said, steps=told(self._said.steps, latest))

    def _seconds(self, step: str) -> float:
        """Seconds since the step was first told of."""
        if not self._said.steps or self._said.steps[-1]["step"] != step:
            self._began = time.monotonic()
        return round(time.monotonic() - self._began, 1)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
