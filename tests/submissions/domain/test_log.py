"""Logs: capped, and two of them."""

import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gyral_submissions.domain import log


@pytest.mark.parametrize("pieces", [[b"a" * 1000], [b"a"] * 1000, [b"a" * 60, b"b" * 900, b"c" * 40]])
def test_capped_file_keeps_beginning_and_end(pieces: list[bytes], tmp_path: Path) -> None:
    whole = b"".join(pieces)
    with closing(log.CappedFile(tmp_path / "f", 100)) as file:
        for piece in pieces:
            file.write(piece)
    kept = (tmp_path / "f").read_bytes()
    assert kept.startswith(whole[:50]) and kept.endswith(whole[-50:])
    assert b"\n... 900 bytes left out ...\n" in kept


def test_capped_file_leaves_short_output_alone(tmp_path: Path) -> None:
    with closing(log.CappedFile(tmp_path / "f", 100)) as file:
        file.write(b"x" * 60)
        file.write(b"y" * 40)
    assert (tmp_path / "f").read_bytes() == b"x" * 60 + b"y" * 40


def test_note_writes_one_line(settings: Any) -> None:
    run = uuid.uuid4()
    log.note(run, 2, "two\nlines " + "x" * 1000)
    log.note(run, 2, "more")
    first, second = log.read_log(run).splitlines()
    assert "[2] two lines x" in first and len(first) < 600 and second.endswith("more")


def test_log_is_capped(settings: Any) -> None:
    settings.GYRAL_LOG_BYTES = 300
    run = uuid.uuid4()
    for _ in range(50):
        log.note(run, 1, "a sentence")
    assert len(log.read_log(run)) < 400


def test_log_of_a_run_that_never_began_is_empty() -> None:
    assert log.read_log(uuid.uuid4()) == log.read_errors(uuid.uuid4()) == ""
