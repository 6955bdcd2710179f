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

Task = Literal["model", "check", "wait"]


class Guest:
    """A started guest and its job folder; both are gone after ``end``.

    Parameters
    ----------
    path : Path or None
        The model's folder or file; None for a guest that waits for ``open``.
    task : {"model", "check", "wait"}
        What the guest does at first: open the model, list its faults, or import its libraries and wait.
    """

    def __init__(
        self,
        path: Path | None,
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
        self._ready = False
        if path is None:
            self.job.model.mkdir()
        places = Places(self.job.folder, self.job.model if path is None else path.resolve())
        folder, model = places.seen(tier)
        self._model = model
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
        if message["say"] == "ready" and "ready" not in expected and not self._ready:
            self._ready = True
            return self.listen(expected, deadline)
        self._ready |= message["say"] == "ready"
        if message["say"] not in expected:
            raise wire.broken(f"it says {message['say']!r:.40} where {' or '.join(expected)} was due")
        return message

    def open(self, name: str, *, twin: Twin | None, seed: int) -> None:
        """Have a guest that waits open the model called ``name``, which lies in the job's model folder."""
        model = f"{self._model}/{name}"
        self.job.write("open.json", {"task": "model", "model": model, "twin": twin, "seed": seed})
        self.process.hidden = (model, *self.process.hidden)
        self.deadline = time.monotonic() + self.limits.opening
        self.process.tell(do="open")

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
