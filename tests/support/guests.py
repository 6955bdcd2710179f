"""Isolated models whose guest is a program of a test, and what is left of them."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest

import uploads
from gyral.isolation.host import IsolatedModel
from gyral.isolation.limits import Limits
from gyral.isolation.tier import Tier
from gyral.models.model import Batch, Reduction

HOSTILE = (str(Path(uploads.__file__).with_name("hostile_guest.py")),)
ATTACKING = (str(Path(uploads.__file__).with_name("attacking_guest.py")),)
HELD = [
    pytest.param("landlock", marks=pytest.mark.landlock),
    pytest.param("bubblewrap", marks=pytest.mark.sandbox),
]
TIERS = [pytest.param("process"), *HELD]
SOON = Limits(wall=5, opening=20, silence=5)


def hostile(
    tmp_path: Path,
    does: str,
    tier: Tier = "process",
    limits: Limits = SOON,
    *,
    program: tuple[str, ...] = HOSTILE,
    **told: object,
) -> IsolatedModel:
    """A model whose guest behaves as ``does`` says."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "behaviour.json").write_text(json.dumps({"does": does, **told}))
    (folder / "model.onnx").write_bytes(b"never read by this guest")
    (folder / "gyral.toml").write_text('name = "hostile"\nmodality = "vision"\n')
    return IsolatedModel(folder, program=program, tier=tier, limits=limits)


def run(model: IsolatedModel, tmp_path: Path) -> list[Batch]:
    """All batches of five pictures."""
    stimuli = uploads.pictures(tmp_path / "pictures")
    return list(model.batches(stimuli, model.layers(), reduction=Reduction()))


def jobs_left(cache: Path) -> list[Path]:
    """Job folders that nobody cleared away."""
    return list((cache / "jobs").glob("*"))


def working_in(cache: Path) -> set[int]:
    """Processes whose command names a job below ``cache``."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if f"{cache}/jobs".encode() in path.read_bytes():
                found.add(int(path.parent.name))
    return found


def gone(members: set[int], within: float = 10) -> bool:
    """Whether every process ends (or is a zombie waiting for its parent) in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(_runs(pid) for pid in members):
            return True
        time.sleep(0.05)
    for pid in members:  # leave nothing behind, even where the test fails
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return False


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
