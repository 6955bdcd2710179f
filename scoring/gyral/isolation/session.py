"""Session: a started guest, its job folder and its first deadline, which begin and end together."""

import os
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from gyral.isolation import wire
from gyral.isolation.job import Job
from gyral.isolation.launch import GUEST, start
from gyral.isolation.limits import Limits
from gyral.isolation.places import Places
from gyral.isolation.process import Process
from gyral.isolation.tier import Tier, has_namespaces
from gyral.models.twins import Twin

Task = Literal["model", "check"]


class Guest:
    """A started guest and its job folder; both are gone after ``end``.

    Parameters
    ----------
    path : Path
        The model's folder or file.
    task : {"model", "check"}
        What the guest does at first: open the model, or list its faults.
    """

    def __init__(
        self,
        path: Path,
        task: Task,
        *,
        limits: Limits,
        tier: Tier,
        program: Sequence[str] = GUEST,
        device: str = "cpu",
        twin: Twin | None = None,
        seed: int = 0,
    ) -> None:
        self.job, self.limits, self.tier = Job(), limits, tier
        places = Places(self.job.folder, path.resolve())
        folder, model = places.seen(tier)
        facts = {
            "protocol": wire.PROTOCOL,
            "task": task,
            "model": model,
            "device": device,
            "twin": twin,
            "seed": seed,
            "limits": limits.as_dict(),
            "tier": tier,
            # Inside a process namespace our number means nothing; what made it ends the guest with us.
            "host": None if has_namespaces(tier) else os.getpid(),
        }
        self.job.write("job.json", facts)
        self.deadline = time.monotonic() + limits.opening
        try:
            started = start(tier, places, program, limits=limits, device=device)
        except BaseException:
            self.job.remove()
            raise
        self.process = Process(started, limits, hidden=(model, folder))
        # Also where nobody calls end(): no guest outlives its Guest, and none the interpreter.
        self._finalizer = weakref.finalize(self, _end, self.process, self.job)

    def listen(self, expected: Sequence[str], deadline: float | None = None) -> dict[str, Any]:
        """The next message, which must say one of ``expected``."""
        message = self.process.listen(self.deadline if deadline is None else deadline)
        if message["say"] not in expected:
            raise wire.broken(f"it says {message['say']!r:.40} where {' or '.join(expected)} was due")
        return message

    @property
    def lives(self) -> bool:
        """Whether ``end`` was not called yet."""
        return self._finalizer.alive

    def end(self) -> None:
        """Kill the process, delete the folder; a second call does nothing."""
        self._finalizer()


def _end(process: Process, job: Job) -> None:
    process.end()
    job.remove()
