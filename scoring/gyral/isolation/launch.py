"""Launch: the command a guest is started with at each tier, its whole environment, and where its scratch is found."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from gyral.errors import Unavailable
from gyral.isolation import seccomp
from gyral.isolation.cgroup import Group, join
from gyral.isolation.limits import Limits
from gyral.isolation.reach import FACTS, SYSTEM, accelerators, python_folders
from gyral.isolation.tier import Tier

GUEST = ("-m", "gyral.isolation.guest")

_CONFINE = ("-m", "gyral.isolation.confine")
# Without these the guest would count threads otherwise than the host, and sums would differ in their last bits.
_KEPT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
_TMP_BYTES = 64 << 20
_UP_SECONDS = 20.0


@dataclass(frozen=True)
class Places:
    """Where the guest finds things.

    Parameters
    ----------
    job : Path
        The job folder as the host sees it.
    model : Path
        The model's folder or file as the host sees it.
    """

    job: Path
    model: Path

    def seen(self, tier: Tier) -> tuple[str, str]:
        """Job folder and model as the guest of ``tier`` sees them."""
        if tier != "bubblewrap":
            return str(self.job), str(self.model)
        return "/job", f"/model/{self.model.name}"


class Started:
    """A child process that is a guest, and its scratch folder.

    Parameters
    ----------
    child : Popen
        The process that was started; bubblewrap itself at its tier.
    inside : int or None
        Process id of the first process inside bubblewrap, through which its scratch is seen.
    """

    def __init__(self, child: "subprocess.Popen[bytes]", places: Places, inside: int | None, group: Group) -> None:
        self.child, self._places, self._inside, self._group = child, places, inside, group
        self._held: int | None = None

    def scratch(self) -> Path | None:
        """The scratch folder as the host sees it; None where the guest is gone. Ask only of a guest that spoke."""
        if self._inside is None:
            return self._places.job / "scratch"
        if self._held is None:
            with contextlib.suppress(OSError):
                path = f"/proc/{self._inside}/root/job/scratch"
                self._held = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        # Bubblewrap lives as long as what is inside: until it ends the process id cannot be another's.
        return (
            Path(f"/proc/self/fd/{self._held}") if self._held is not None and self.child.poll() is None else None
        )

    def end(self) -> None:
        """Kill what still runs in the group, and let go of the scratch; a second call does nothing."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._group.remove()
        if self._held is not None:
            os.close(self._held)
            self._held = None


def start(
    tier: Tier, places: Places, program: Sequence[str] = GUEST, *, limits: Limits, device: str = "cpu"
) -> Started:
    """Start ``program`` as a guest; ``places.job`` holds its ``job.json``.

    Raises
    ------
    Unavailable
        No process can be started (code ``no-process``).
    """
    with contextlib.ExitStack() as ours:
        pipes = Pipes.opened(ours) if tier == "bubblewrap" else None
        argv = command(tier, places, program, device=device, room=limits.scratch, pipes=pipes)
        group = join(limits)
        try:
            child = subprocess.Popen(
                argv,
                env=environment(tier, places),
                cwd=places.job / "scratch",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
                pass_fds=pipes.theirs if pipes else (),
            )
        except OSError as error:
            group.remove()
            raise Unavailable(f"no process can be started for the model: {error}.", code="no-process") from None
        group.add(child.pid)
        inside = None
        if pipes is not None and (inside := pipes.first_process()) is not None:
            group.add(inside)
            pipes.let_go()
        return Started(child, places, inside, group)


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
    tier: Tier,
    places: Places,
    program: Sequence[str] = GUEST,
    *,
    device: str = "cpu",
    room: int = 1 << 30,
    pipes: Pipes | None = None,
) -> list[str]:
    """The argument vector of a guest; ``room`` is the size of its scratch, bytes.

    ``-I`` keeps the scratch folder and ``PYTHON*`` variables out of the guest's import path, ``-B`` writes no
    bytecode beside a read-only library.
    """
    job, model = places.seen(tier)
    python = [sys.executable, "-I", "-B", *_CONFINE, *program, job]
    if tier != "bubblewrap":
        return python
    argv = [*_namespaces(), *_folders()]
    argv += ["--ro-bind", str(places.model), model, "--ro-bind", str(places.job), job]
    argv += ["--size", str(room), "--tmpfs", f"{job}/scratch"]
    if device != "cpu":
        argv += ["--ro-bind-try", "/sys", "/sys"]
        for node in accelerators():
            argv += ["--dev-bind-try", str(node), str(node)]
    for entry in program:  # a guest program given as a file, not a module, must be visible inside
        if Path(entry).is_absolute():
            argv += ["--ro-bind", entry, entry]
    # Root and /dev are file systems in memory without a limit of their own: nothing more is written there.
    argv += ["--remount-ro", "/", "--remount-ro", "/dev"]
    if pipes is not None:
        argv += pipes.options
    return [*argv, "--chdir", f"{job}/scratch", "--", *python]


def environment(tier: Tier, places: Places) -> dict[str, str]:
    """The whole environment of a guest: nothing of the host's but thread counts and visible devices."""
    job, _ = places.seen(tier)
    scratch = f"{job}/scratch"
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": scratch,
        "TMPDIR": scratch,
        "GYRAL_HOME": scratch,
        "GYRAL_CACHE": scratch,
        "LANG": "C.UTF-8",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        # Each arena of the C library reserves 64 MiB of addresses a thread, which RLIMIT_AS would count.
        "MALLOC_ARENA_MAX": "2",
        **kept,
    }


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
