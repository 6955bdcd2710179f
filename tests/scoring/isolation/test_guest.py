"""The guest program on its own: it speaks only when somebody listens, and says failed allocations as such."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import uploads
from gyral.errors import BadUpload
from gyral.isolation.guest import explain
from gyral.isolation.job import Job
from gyral.isolation.limits import Limits


def started(job: Job, **facts: object) -> "subprocess.Popen[bytes]":
    told = {
        "task": "model",
        "model": str(uploads.GOOD / "conv"),
        "device": "cpu",
        "twin": None,
        "seed": 0,
        "tier": "process",
        "host": None,
    }
    job.write("job.json", {**told, "limits": Limits().as_dict(), **facts})
    command = [sys.executable, "-m", "gyral.isolation.confine", "-m", "gyral.isolation.guest", str(job.folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("facts", [{}, {"host": 1 << 22}], ids=["pipe closed", "another parent"])
def test_guest_whose_host_is_gone_ends_before_it_opens_the_model(tmp_path: Path, facts: dict[str, int]) -> None:
    job = Job(tmp_path)
    with started(job, **facts) as guest:
        if not facts:
            assert guest.stdin is not None
            guest.stdin.close()
            guest.stdin = None
        out, _ = guest.communicate(timeout=60)
    # What is gone before the limits are set says not even that they are.
    assert (out, guest.returncode) == (b"" if facts else b'{"say": "confined"}\n', 0)
    job.remove()


def test_guest_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    job = Job(tmp_path)
    with started(job) as guest:
        assert guest.stdin is not None
        assert guest.stdout is not None
        guest.stdin.write(b'{"do": "end"}\n')
        guest.stdin.flush()  # and kept open: a closed one says that the host is gone
        out = guest.stdout.read()
    confined, message = (json.loads(line) for line in out.splitlines())
    assert confined == {"say": "confined"}
    assert message["layers"] == ["stem", "body", "head"]
    assert guest.returncode == 0
    job.remove()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "memory-limit"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory-limit"),
        (
            BadUpload("the graph fails: Failed to allocate memory for requested buffer", code="onnx-failed"),
            "memory-limit",
        ),
        (BadUpload("the graph fails.", code="onnx-failed"), "onnx-failed"),
    ],
)
def test_failed_allocation_is_the_memory_limit_whoever_says_it(error: Exception, code: str) -> None:
    assert explain(error)["code"] == code
