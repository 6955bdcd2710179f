"""Limits: what a guest may take, how the guest binds itself to them, and how the host watches.

Two fences stand around memory. ``RLIMIT_AS`` makes an absurd request fail at once, inside the guest, where it can
still say so (measured: torch 2.13 and onnxruntime 1.31 map 1.1 GiB together before any model, and a 16 GiB request
under a 1-3 GiB limit ends in an exception that names it). The host's watch on resident memory is exact, and is the
only fence on a GPU, whose driver maps far more addresses than it uses.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

_GIB = 1 << 30

# Addresses that interpreter, torch, onnxruntime and their thread stacks map before a model is opened, twofold.
_LIBRARIES = 2 * _GIB
_ENTRY = 64 << 10


@dataclass(frozen=True)
class Limits:
    """Bounds of one guest; every one ends in an error the submitter can read.

    Parameters
    ----------
    memory : int
        Resident bytes of the guest and its children.
    wall : float
        Seconds the host waits for the guest during one pass over the stimuli (its own work not counted).
    opening : float
        Seconds the guest may take to import its libraries and open the model.
    silence : float
        Seconds without any message after which a guest counts as hung.
    batch : int
        Bytes of one batch, all layers together.
    output : int
        Bytes of all batches of one pass.
    ahead : int
        Batches the guest may have written that the host has not taken.
    log : int
        Bytes of log (stderr) after which a guest counts as flooding.
    wire : int
        Bytes of messages of one guest.
    files : int
        Open files of the guest.
    tasks : int
        Threads of the guest, those of its processes where its tier allows any.
    """

    memory: int = 4 * _GIB
    wall: float = 3600.0
    opening: float = 300.0
    silence: float = 900.0
    batch: int = 2 * _GIB
    output: int = 64 * _GIB
    ahead: int = 2
    log: int = 8 << 20
    wire: int = 32 << 20
    files: int = 512
    tasks: int = 1024

    @property
    def scratch(self) -> int:
        """Bytes the guest may have on disk: its batches ahead, one in the making, and a little."""
        return (self.ahead + 1) * self.batch + (64 << 20)

    def as_dict(self) -> dict[str, Any]:
        """Fields for the job file."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Back from the job file."""
        return cls(**fields)


def bind_self(limits: Limits, *, addresses: bool = True) -> None:
    """Put this process, and whatever it starts, under ``limits``; called by the guest before it reads the model.

    ``addresses=False`` leaves the address space alone (a GPU driver reserves far more than it uses).
    Processor time is bounded by the wall clock on every core, so that a guest whose host sleeps ends too.
    """
    seconds = int((limits.wall + limits.opening) * (os.cpu_count() or 1)) + 1
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_FSIZE: limits.batch + (1 << 20),
        resource.RLIMIT_NOFILE: limits.files,
    }
    # macOS has the constant and ignores or refuses it: there the host's watch stands alone.
    if addresses and sys.platform == "linux":
        wanted[resource.RLIMIT_AS] = limits.memory + _LIBRARIES
    for which, value in wanted.items():
        _, hard = resource.getrlimit(which)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bound, bound))


def die_with_parent(parent: int | None) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only).

    ``parent`` is the process id the host had; where it is already gone this process ends at once. None inside a
    process namespace, where bubblewrap holds the same promise and the host's id means nothing.
    """
    if sys.platform != "linux":
        return
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(0)


class Usage(NamedTuple):
    """Resident bytes and threads of a process and its family."""

    resident: int
    tasks: int


def family(pid: int) -> list[int]:
    """Process ids of ``pid``, its descendants and its session, from ``/proc`` (only ``pid`` where there is none)."""
    return sorted(_family(pid, _processes()))


def usage(pid: int) -> Usage:
    """What ``pid`` and its family take; zeros where ``/proc`` does not say."""
    processes = _processes()
    rows = [processes[member] for member in _family(pid, processes) if member in processes]
    return Usage(sum(row.pages for row in rows) * os.sysconf("SC_PAGE_SIZE"), sum(row.threads for row in rows))


class _Process(NamedTuple):
    parent: int
    session: int
    threads: int
    pages: int


def _processes() -> dict[int, _Process]:
    """Every process, one read each: this is done twice a second while a guest works."""
    found: dict[int, _Process] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():  # noqa: PTH112 - hot
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb", buffering=0) as stream:  # noqa: PTH123 - hot
                    # The command name stands in parentheses and may hold anything: fields count from the last one.
                    fields = stream.read().rpartition(b")")[2].split()
                found[int(name)] = _Process(int(fields[1]), int(fields[3]), int(fields[17]), int(fields[21]))
    return found


def _family(pid: int, processes: dict[int, _Process]) -> set[int]:
    members = {pid} | {number for number, process in processes.items() if process.session == pid}
    while grown := {number for number, process in processes.items() if process.parent in members} - members:
        members |= grown
    return members


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in ``folder`` and below, links not followed.

    An entry counts as 64 KiB at least: a million empty files fill a disk, and this walk, as well.
    """
    total = 0
    for parent, folders, names in os.walk(folder):
        total += len(folders) * _ENTRY
        for name in names:
            with contextlib.suppress(OSError):
                total += max(_ENTRY, os.lstat(os.path.join(parent, name)).st_blocks * 512)  # noqa: PTH118 - hot
    return total
