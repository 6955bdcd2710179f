"""Supervisor: keeps child processes alive, and leaves none behind."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

# linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

GRACE_SECONDS = 6.0
TICK_SECONDS = 0.1
# A child that lived this long has started well: its next death counts as the first.
SETTLED_SECONDS = 20.0
MOST_DEATHS = 5


@dataclass
class Child:
    """One process to keep alive.

    Parameters
    ----------
    name : str
        What messages call it.
    command : sequence of str
        Its argument vector.
    keep : tuple of int
        File descriptors it inherits.
    once : bool
        It has an end, and is not started again, however it ends.
    """

    name: str
    command: Sequence[str]
    keep: tuple[int, ...] = ()
    once: bool = False
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    started: float = field(default=0.0, init=False)
    deaths: int = field(default=0, init=False)
    start_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start the process in its own session, tied to the life of this one."""
        parent = os.getpid()
        # preexec_fn is safe here: the supervisor has one thread and imports nothing that takes locks.
        self.process = subprocess.Popen(
            self.command,
            pass_fds=self.keep,
            start_new_session=True,
            preexec_fn=lambda: _tie_to(parent),  # noqa: PLW1509 - no threads, see above
        )
        self.started = time.monotonic()

    def exit_status(self) -> int | None:
        """Exit status of a process that ended, else None."""
        return self.process.poll() if self.process is not None else None


class Supervisor:
    """Runs children until told to end, or until one cannot be kept alive.

    Parameters
    ----------
    children : sequence of Child
        Started in this order.
    say : callable
        Prints one line to the operator.
    """

    def __init__(self, children: Sequence[Child], say: Callable[[str], None]) -> None:
        self.children, self.say = list(children), say
        self.ending = False
        _prctl(PR_SET_CHILD_SUBREAPER, 1)  # orphaned grandchildren come to us, so that we can end them
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._end)

    def run_once(self, child: Child) -> None:
        """Run ``child`` to its end; leaves the program where it fails or where we are told to end."""
        child.start()
        while child.exit_status() is None and not self.ending:
            time.sleep(TICK_SECONDS)
        if self.ending or child.exit_status():
            self._end_all()
            if not self.ending:
                self.say(f"Gyral: {child.name} failed with exit status {child.exit_status()}; see above.")
            sys.exit(0 if self.ending else 1)

    def run(self) -> int:
        """Supervise; returns the exit status of the program."""
        failed = None
        while not self.ending and failed is None:
            for child in self.children:
                if self._tend(child):
                    failed = child
                    break
            self._reap()
            time.sleep(TICK_SECONDS)
        self._end_all()
        if failed is not None:
            self.say(
                f"Gyral: the {failed.name} died {failed.deaths} times in a row, last with exit status "
                f"{failed.exit_status()}. Its own message is above. Everything is stopped."
            )
        return 0 if failed is None else 1

    def _tend(self, child: Child) -> bool:
        """Start or restart ``child`` where needed; True if it cannot be kept alive."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                child.start()
            return False
        status = child.exit_status()
        if status is None or child.once:
            return False
        child.deaths = 1 if now - child.started > SETTLED_SECONDS else child.deaths + 1
        if child.deaths >= MOST_DEATHS:
            return True
        wait = 0.5 * 2**child.deaths
        self.say(f"Gyral: the {child.name} ended with exit status {status}; starting it again in {wait:.0f} s.")
        child.process, child.start_at = None, now + wait
        return False

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.ending = True

    def _end_all(self) -> None:
        """SIGTERM to every child, a grace period, then SIGKILL to all that still descends from us."""
        for child in self.children:
            if child.process is not None and child.exit_status() is None:
                _signal_group(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and any(c.process and c.exit_status() is None for c in self.children):
            time.sleep(TICK_SECONDS)
        # Killing one process can hand us its children: look again until there are none. A process that
        # hangs in the kernel cannot be killed, and is not waited for.
        deadline = time.monotonic() + 2.0
        while (left := descendants(os.getpid())) and time.monotonic() < deadline:
            for pid in left:
                _signal(pid, signal.SIGKILL)
            self._reap()
            time.sleep(0.02)

    def _reap(self) -> None:
        """Collect the dead among adopted grandchildren, leaving our own children to `subprocess`."""
        own = {c.process.pid for c in self.children if c.process is not None}
        for child in self.children:
            child.exit_status()
        for pid in descendants(os.getpid(), direct=True) - own:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue


def descendants(root: int, *, direct: bool = False) -> set[int]:
    """Process ids below ``root`` (only its children if ``direct``); zombies count while nobody reaped them."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text("ascii", "replace")
        except OSError:  # it ended meanwhile
            continue
        # pid (any name, may hold spaces and brackets) state parent ...
        parent = int(text.rpartition(")")[2].split()[1])
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found: set[int] = set()
    front = list(parents.get(root, []))
    while front:
        pid = front.pop()
        found.add(pid)
        front.extend([] if direct else parents.get(pid, []))
    return found


def _tie_to(parent: int) -> None:
    """Between fork and exec: die with the supervisor, however it dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)
