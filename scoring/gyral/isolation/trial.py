"""Trial: a guest of ours that tries to break out, and says what it reached.

It tries one thing for each promise of a tier, so that a kernel, a container or an old bubblewrap that keeps less than
it says is found out before a stranger's model is run.
"""

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from gyral.isolation import wire
from gyral.provenance import code_hash


def attempts(job: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Names of things that must fail, and the deeds."""
    facts = json.loads((job / "job.json").read_text("utf-8"))
    yield "a file of the host", lambda: Path(facts["secret"]).read_bytes()
    yield "the job folder", lambda: (job / "written").write_bytes(b"")
    yield "the model folder", lambda: (Path(facts["model"]) / "written").write_bytes(b"")
    yield "the root folder", lambda: Path("/written-by-a-guest").write_bytes(b"")
    yield "shared memory", lambda: Path("/dev/shm/written-by-a-guest").write_bytes(b"")  # noqa: S108
    for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
        yield family.name, lambda family=family: socket.socket(family)  # type: ignore[misc]
    yield "a process of its own", _fork
    yield "the parent", lambda: os.kill(facts["parent"], 0)


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def reached(job: Path) -> Iterator[str]:
    """What did not fail."""
    for name, deed in attempts(job):
        try:
            deed()
        except OSError:
            continue
        yield name


if __name__ == "__main__":
    job = Path(sys.argv[1])
    found = list(reached(job))
    # The host must find what a guest leaves for it, and only there.
    (job / "scratch" / "written").write_bytes(b"trial")
    # An image may hold another library than the host's, which would make other features.
    os.write(1, wire.encode({"say": "reached", "what": found, "code": code_hash()}))
    sys.stdin.read()
