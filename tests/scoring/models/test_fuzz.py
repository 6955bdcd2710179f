"""A few cases of every fuzzing target; tests/benchmarks/fuzz.py runs 10,000."""

import os
import signal
from pathlib import Path

import pytest

import fuzz_targets
from fuzzing import Child, run


@pytest.mark.parametrize(
    "target", ["onnx_strip", "archive", "card", "manifest", "npy", "tokenizer", "wire", "array"]
)
def test_bytes_are_accepted_or_refused_by_name(target: str, tmp_path: Path) -> None:
    found = run(target, 25, tmp_path)
    assert found.cases >= 25 and set(found.ends) <= {"accepted", "refused"}
    assert found.ends["refused"] and all(code for code in found.codes if found.ends["accepted"] == 0)


@pytest.mark.slow
@pytest.mark.parametrize("target", fuzz_targets.TARGETS)
def test_more_bytes_are_accepted_or_refused_by_name(target: str, tmp_path: Path) -> None:
    assert run(target, 150, tmp_path).cases >= 150


def test_what_breaks_is_told_with_its_traceback(tmp_path: Path) -> None:
    """The harness sees a traceback, and a process that dies: it could not pass by seeing nothing."""

    def breaks(data: bytes, folder: Path) -> None:
        raise ZeroDivisionError("a fault of ours")

    answer = fuzz_targets.attempt(breaks, b"", tmp_path / "case")
    assert answer["end"] == "broken" and "a fault of ours" in answer["text"]
    child = Child("card", tmp_path)
    assert child.meet(b"")["end"] == "refused"
    assert child._process is not None
    os.kill(child._process.pid, signal.SIGSEGV)
    assert child.meet(b"") in ({"end": "died", "text": "SIGSEGV, in the middle of the case"}, {"end": "died", "text": "SIGSEGV, before it read the case"})  # fmt: skip
    assert child.meet(b"")["end"] == "refused"
    child.end()


def test_the_child_s_memory_is_bounded(tmp_path: Path) -> None:
    child = Child("safetensors", tmp_path)
    child.meet(b"")
    assert child._process is not None
    limits = Path(f"/proc/{child._process.pid}/limits").read_text("utf-8")
    (line,) = [row for row in limits.splitlines() if row.startswith("Max address space")]
    assert int(line.split()[3]) < 8 << 30
    child.end()
