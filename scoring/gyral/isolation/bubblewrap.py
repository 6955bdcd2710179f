"""Bubblewrap: the command line that puts a guest into namespaces of its own, and the pipes it is held by."""

import contextlib
import json
import os
import select
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from gyral.errors import Unavailable
from gyral.isolation import seccomp
from gyral.isolation.places import Places
from gyral.isolation.reach import FACTS, SYSTEM, accelerators, python_folders

_TMP_BYTES = 64 << 20
_UP_SECONDS = 20.0


@dataclass(frozen=True)
class Pipes:
    """Descriptors that bubblewrap takes: the system call filter, where it tells, what it waits for."""

    filter: BinaryIO
    told: BinaryIO
    tells: BinaryIO
    waits: BinaryIO
    lets: BinaryIO

    @classmethod
    def opened(cls, ours: contextlib.ExitStack) -> "Pipes":
        """All five, closed with ``ours``."""
        target = seccomp.machine()
        if target is None:
            raise Unavailable(f"there is no system call filter for {os.uname().machine}.", code="sandbox-tier")
        filter_ = ours.enter_context(os.fdopen(os.memfd_create("filter"), "w+b", buffering=0))
        filter_.write(seccomp.program(target))
        filter_.seek(0)
        (told, tells), (waits, lets) = os.pipe(), os.pipe()
        ends = ((told, "rb"), (tells, "wb"), (waits, "rb"), (lets, "wb"))
        files = (ours.enter_context(os.fdopen(end, mode, buffering=0)) for end, mode in ends)
        return cls(cast("BinaryIO", filter_), *cast("Iterable[BinaryIO]", files))

    @property
    def theirs(self) -> tuple[int, ...]:
        """What the child inherits."""
        return self.filter.fileno(), self.tells.fileno(), self.waits.fileno()

    @property
    def options(self) -> list[str]:
        """What bubblewrap is told of them."""
        names = ("--seccomp", "--info-fd", "--block-fd")
        return [word for name, number in zip(names, self.theirs, strict=True) for word in (name, str(number))]

    def first_process(self) -> int | None:
        """Id of the first process inside, as the host counts; None where bubblewrap failed or says nothing."""
        self.tells.close()  # so that its end is seen
        said = b""
        while b"}" not in said and select.select([self.told], [], [], _UP_SECONDS)[0]:
            piece = self.told.read(4096)
            if not piece:
                return None
            said += piece
        try:
            return int(json.loads(said)["child-pid"])
        except (ValueError, KeyError, TypeError):
            return None

    def let_go(self) -> None:
        """Let the guest begin: it is in its group now, and so is all it starts."""
        with contextlib.suppress(BrokenPipeError):
            self.lets.write(b".")


def command(
    places: Places, python: Sequence[str], program: Sequence[str], *, device: str, room: int, pipes: Pipes | None
) -> list[str]:
    """The argument vector of a guest.

    Parameters
    ----------
    places : Places
    python : sequence of str
        The whole command that is run inside.
    program : sequence of str
        The part of it that is the guest program: a file among it must be visible inside.
    device : str
    room : int
        Size of the scratch, bytes.
    pipes : Pipes or None
    """
    job, model = places.seen("bubblewrap")
    argv = [*_namespaces(), *_folders()]
    argv += ["--ro-bind", str(places.model), model, "--ro-bind", str(places.job), job]
    argv += ["--size", str(room), "--tmpfs", f"{job}/scratch"]
    if device != "cpu":
        argv += ["--ro-bind-try", "/sys", "/sys"]
        for node in accelerators():
            argv += ["--dev-bind-try", str(node), str(node)]
    for entry in program:
        if Path(entry).is_absolute():
            argv += ["--ro-bind", entry, entry]
    # Root and /dev are file systems in memory without a limit of their own: nothing more is written there.
    argv += ["--remount-ro", "/", "--remount-ro", "/dev"]
    if pipes is not None:
        argv += pipes.options
    return [*argv, "--chdir", f"{job}/scratch", "--", *python]


def _namespaces() -> list[str]:
    # By its full path: the guest's environment has another PATH than ours.
    argv = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent", "--hostname", "guest"]
    return [*argv, "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]


def _folders() -> list[str]:
    """A bare root with system, interpreter and library, read-only, before the job's own binds."""
    # The tmpfs comes before every bind: one below /tmp would otherwise be hidden by it.
    argv = ["--proc", "/proc", "--dev", "/dev", "--size", str(_TMP_BYTES), "--tmpfs", "/tmp"]  # noqa: S108
    for name in (*SYSTEM, *(fact for fact in FACTS if not fact.startswith("/proc"))):
        path = Path(name)
        if path.is_symlink():
            argv += ["--symlink", str(path.readlink()), name]
        else:
            argv += ["--ro-bind-try", name, name]
    for folder in python_folders():
        argv += ["--ro-bind", str(folder), str(folder)]
    return argv
