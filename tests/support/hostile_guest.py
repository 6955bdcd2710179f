"""A guest program that misbehaves as the model folder's ``behaviour.json`` says; it speaks the real wire.

Started by `IsolatedModel(..., program=(this file,))` in the place of ``gyral.isolation.guest``.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

JOB = Path(sys.argv[1])
FACTS = json.loads((JOB / "job.json").read_text())
TOLD = json.loads((Path(FACTS["model"]) / "behaviour.json").read_text())
DOES = TOLD["does"]
SCRATCH = JOB / "scratch"
SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def say(**message: Any) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def confess(what: str) -> None:
    """Tell the host what was found, as an error's text."""
    say(say="error", error={"kind": "UserError", "code": "found", "what": what, "where": None, "mend": None})
    time.sleep(60)


def describe() -> None:
    layers = {"layers-doubled": ["a", "a"], "layers-none": [], "layers-strange": ["a\x1b[31m"]}.get(
        DOES, ["a", "b"]
    )
    card = {"name": "hostile", "modality": "vision"}
    say(say="model", card={**card, "colour": "red"} if DOES == "card" else card, layers=layers)


def answer(rows: int) -> None:
    arrays = [np.ones((rows, 3), np.float32), np.ones((rows, 4, 2), np.float32)]
    start, told = 0, rows
    if DOES == "nan":
        arrays[1][2, 0, 0] = np.nan
    if DOES == "infinity":
        arrays[1][2, 0, 0] = np.inf
    if DOES == "denormal":
        arrays[0][:] = 1e-42
    if DOES == "shape":
        arrays[1] = np.ones((rows - 1, 4, 2), np.float32)
    if DOES == "scalar":
        arrays[0] = np.ones(rows, np.float32)
    if DOES == "dtype":
        arrays[0] = np.ones((rows, 3), np.float64)
    if DOES == "half":
        arrays = [a.astype(np.float16) for a in arrays]
    if DOES == "order":
        start = 1
    if DOES == "too-many":
        told = rows + 1
    if DOES == "no-count":
        told = True
    for index, array in enumerate(arrays):
        np.save(SCRATCH / f"{0:09d}-{index:05d}.npy", array)
    for spoil in spoiled():
        spoil(SCRATCH / f"{0:09d}-{0:05d}.npy")
    if DOES != "short":
        say(say="batch", start=start, rows=told)
    say(say="done")


def spoiled() -> Iterator[Any]:
    if DOES == "object":
        yield lambda p: np.save(p, np.array([[print]], dtype=object), allow_pickle=True)
    if DOES == "garbage":
        yield lambda p: p.write_bytes(b"not an array at all")
    if DOES == "cut":
        yield lambda p: p.write_bytes(p.read_bytes()[:-4])
    if DOES == "lying-header":
        yield lambda p: p.write_bytes(p.read_bytes().replace(b"(5, 3)", b"(5, 9)"))
    if DOES == "code-header":
        yield lambda p: p.write_bytes(p.read_bytes().replace(b"(5, 3), }", b"exit(3) }"))
    if DOES == "link":
        yield lambda p: (p.unlink(), p.symlink_to(TOLD["target"]))
    if DOES == "hardlink":
        yield lambda p: (SCRATCH / "again").hardlink_to(p)
    if DOES == "fifo":
        yield lambda p: (p.unlink(), os.mkfifo(p))
    if DOES == "folder":
        yield lambda p: (p.unlink(), p.mkdir())
    if DOES == "huge":
        yield lambda p: os.truncate(
            p, FACTS["limits"]["batch"] + 4096
        )  # more than its own limit would not be written
    if DOES == "absent":
        yield lambda p: p.unlink()


def flood(descriptor: int, piece: bytes) -> None:
    while True:
        os.write(descriptor, piece)


def multiply() -> None:
    """A fork bomb that goes off once: 300 sleepers, in sessions of their own."""
    for _ in range(300):
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
    time.sleep(600)


def main() -> None:
    if DOES == "die-early":
        os._exit(3)
    if DOES == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if DOES == "hang-early":
        time.sleep(600)
    if DOES == "garbage-early":
        os.write(1, b"hello, world\n")
        time.sleep(60)
    if DOES == "nameless-message":
        say(hello="world")
    if DOES == "flood-log":
        flood(2, b"spam and eggs\n" * 1000)
    if DOES == "flood-wire":
        flood(1, b'{"say": "progress"}\n' * 1000)
    if DOES == "flood-line":
        flood(1, b"x" * 65536)
    if DOES == "fork-bomb":
        multiply()
    if DOES == "threads":
        for _ in range(300):
            Thread(target=time.sleep, args=(600,), daemon=True).start()
        time.sleep(600)
    if DOES == "memory":
        kept = [np.ones(1 << 23) for _ in range(64)]  # 4 GiB, touched
        confess(f"it got {len(kept)} pieces")
    if DOES == "disk":
        for number in range(1 << 20):
            (SCRATCH / f"junk-{number}").write_bytes(b"x" * (8 << 20))
    if DOES == "spawn":
        for detached in (False, True):
            child = subprocess.Popen(SLEEPER, start_new_session=detached)
            (SCRATCH / f"pid-{child.pid}").touch()
    describe()
    sys.stdin.readline()
    if DOES == "die":
        os._exit(9)
    if DOES == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if DOES in ("hang", "spawn"):
        time.sleep(600)
    while DOES == "spin":
        pass
    answer(len(json.loads((JOB / "request.json").read_text())["stimuli"]["ids"]))
    time.sleep(60)


main()
