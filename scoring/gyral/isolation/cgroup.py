"""Cgroup: the kernel's own account of a guest's memory and threads, where the operator hands us a group to divide.

``GYRAL_CGROUP`` names the folders, separated by colons: one of version 2 (``/sys/fs/cgroup/gyral.slice/guests``), or
one a controller of version 1 (``/sys/fs/cgroup/memory/gyral:/sys/fs/cgroup/pids/gyral``). Each guest gets a group below
each. Nothing is made anywhere else: a tree of groups belongs to whoever manages it, and writing into one that nobody
handed over breaks the account of others (systemd: ``Delegate=yes``).
"""

import contextlib
import os
import secrets
import time
from pathlib import Path

from gyral.errors import Unavailable
from gyral.isolation.limits import Limits

_GIVE_UP = 2.0  # seconds until killed processes must have left a group


class Group:
    """The groups of one guest; none where the operator gave none.

    Parameters
    ----------
    folders : tuple of Path
        One a hierarchy.
    """

    def __init__(self, folders: tuple[Path, ...] = ()) -> None:
        self.folders = folders

    def add(self, pid: int) -> None:
        """Put a process in; what it starts from now on is in as well.

        Raises
        ------
        Unavailable
            The kernel refuses (code ``cgroup``).
        """
        for folder in self.folders:
            with contextlib.suppress(ProcessLookupError):
                _write(folder / "cgroup.procs", pid)

    def remove(self) -> None:
        """Kill what is still in the groups, and delete them; a second call does nothing."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                (folder / "cgroup.kill").open("w").write("1")
            _delete(folder)
        self.folders = ()


def join(limits: Limits) -> Group:
    """New groups with ``limits`` below those that ``GYRAL_CGROUP`` names.

    Raises
    ------
    Unavailable
        A folder it names is not there, or not ours to write (code ``cgroup``).
    """
    given = [Path(name) for name in os.environ.get("GYRAL_CGROUP", "").split(":") if name]
    # What lies in a scratch of memory counts as the guest's.
    memory = limits.memory + limits.scratch
    wanted = {
        "memory.max": memory,
        "memory.swap.max": 0,
        "memory.limit_in_bytes": memory,
        "pids.max": limits.tasks,
    }
    name, group = f"guest-{secrets.token_hex(8)}", Group()
    for parent in given:
        if (parent / "cgroup.subtree_control").exists():
            _write(parent / "cgroup.subtree_control", "+memory +pids")
        folder = parent / name
        try:
            folder.mkdir()
        except OSError as error:
            group.remove()
            raise _refused(parent, error) from None
        group.folders = (*group.folders, folder)
        for file, value in wanted.items():
            if (folder / file).exists():
                _write(folder / file, value)
    return group


def _write(path: Path, value: object) -> None:
    try:
        path.write_text(f"{value}\n", "ascii")
    except ProcessLookupError:
        raise
    except OSError as error:
        raise _refused(path, error) from None


def _refused(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the control group cannot be used: {error.strerror}.",
        where=str(path),
        mend="Name groups in GYRAL_CGROUP that were handed to the worker's user, or none.",
        code="cgroup",
    )


def _delete(folder: Path) -> None:
    deadline = time.monotonic() + _GIVE_UP
    while True:
        try:
            return folder.rmdir()
        except FileNotFoundError:
            return None
        except OSError:  # a killed process has not left yet
            if time.monotonic() > deadline:
                return None
            time.sleep(0.01)
