"""Log: what a run leaves to read, one file for its owner and one for the operators.

``GYRAL_HOME/runs/<id>/log.txt`` tells the owner which step began when and how it ended; ``stderr.txt`` keeps
what the evaluation printed and is the operators' alone, for it may name files of the machine or of the data.
"""

import uuid
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gyral_submissions import conf

_LINE = 500


def run_folder(run_id: uuid.UUID) -> Path:
    """The run's folder, made if need be."""
    folder = conf.runs() / str(run_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def note(run_id: uuid.UUID, attempt: int, sentence: str) -> None:
    """Add one line to the owner's log; past the cap, or on a full disk, nothing more is added."""
    line = " ".join(sentence.split())[:_LINE]
    _append(run_id, "log.txt", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} [{attempt}] {line}\n", conf.LOG_BYTES())


def note_for_operators(run_id: uuid.UUID, sentence: str) -> None:
    """Add one line to the operators' log of this attempt, however full it is."""
    _append(run_id, "stderr.txt", f"\n{sentence}\n", None)


def read_log(run_id: uuid.UUID) -> str:
    """The owner's log; empty before the run began."""
    return _read(conf.runs() / str(run_id) / "log.txt")


def read_errors(run_id: uuid.UUID) -> str:
    """The operators' log."""
    return _read(conf.runs() / str(run_id) / "stderr.txt")


def _append(run_id: uuid.UUID, name: str, text: str, cap: int | None) -> None:
    # A log that cannot be written must not cost a run its outcome.
    with suppress(OSError):
        file = run_folder(run_id) / name
        if cap is None or not file.exists() or file.stat().st_size <= cap:
            with file.open("a", encoding="utf-8") as stream:
                stream.write(text)


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


class CappedFile:
    """A file that keeps the beginning and the end of what is written to it.

    Parameters
    ----------
    path : Path
        Replaced if it exists.
    cap : int
        Bytes kept; a sentence says how many were left out between the halves.
    """

    def __init__(self, path: Path, cap: int) -> None:
        self._stream = path.open("wb")
        self._head = cap // 2
        self._room = cap - self._head
        self._tail: deque[bytes] = deque()
        self._kept = self._dropped = 0

    def write(self, data: bytes) -> None:
        """Keep ``data``, as far as the cap allows."""
        head, rest = data[: self._head], data[self._head :]
        self._head -= len(head)
        self._stream.write(head)
        self._stream.flush()
        if not rest:
            return
        self._tail.append(rest)
        self._kept += len(rest)
        while self._kept > self._room and self._tail:
            surplus = self._kept - self._room
            oldest = self._tail.popleft()
            cut = min(surplus, len(oldest))
            if cut < len(oldest):
                self._tail.appendleft(oldest[cut:])
            self._kept -= cut
            self._dropped += cut

    def close(self) -> None:
        """Write the end and close."""
        if self._dropped:
            self._stream.write(f"\n... {self._dropped} bytes left out ...\n".encode())
        for chunk in self._tail:
            self._stream.write(chunk)
        self._stream.close()
