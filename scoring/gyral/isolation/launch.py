"""Launch: a guest is started with the command its tier takes, its whole environment, and a scratch to be found."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gyral.errors import Unavailable
from gyral.isolation import bubblewrap, container
from gyral.isolation.bubblewrap import Pipes
from gyral.isolation.cgroup import Group, join
from gyral.isolation.limits import Limits
from gyral.isolation.places import Places
from gyral.isolation.tier import Tier

GUEST = ("-m", "gyral.isolation.guest")

_CONFINE = ("-m", "gyral.isolation.confine")
# Without these the guest would count threads otherwise than the host, and sums would differ in their last bits.
_KEPT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES")


class Started:
    """A child process that is a guest, and its scratch folder.

    Parameters
    ----------
    child : Popen
        The process that was started: the guest, bubblewrap, or the program that holds on to a container.
    places : Places
    group : Group
        Control groups of the guest.
    inside : int or None
        Process id of the first process inside bubblewrap, through which its scratch is seen.
    ending : callable, optional
        Ends what the child's death alone does not.
    """

    def __init__(
        self,
        child: "subprocess.Popen[bytes]",
        places: Places,
        group: Group,
        *,
        inside: int | None = None,
        ending: Callable[[], None] | None = None,
    ) -> None:
        self.child, self._places, self._group = child, places, group
        self._inside, self._ending = inside, ending
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
        if self._ending is not None:
            self._ending()
            self._ending = None
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
    in_container = tier == "docker"
    with contextlib.ExitStack() as ours:
        pipes = Pipes.opened(ours) if tier == "bubblewrap" else None
        name = container.new_name() if in_container else ""
        argv = command(tier, places, program, limits=limits, device=device, pipes=pipes, name=name)
        # The kernel counts what is in a container for its engine, in groups of the engine's.
        group = Group() if in_container else join(limits)
        if in_container:
            container.open_to_guest(places)
        try:
            child = subprocess.Popen(
                argv,
                env=container.engine_environment() if in_container else environment(tier, places),
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
        if in_container:
            return Started(child, places, group, ending=lambda: container.remove(name))
        group.add(child.pid)
        inside = None
        if pipes is not None and (inside := pipes.first_process()) is not None:
            group.add(inside)
            pipes.let_go()
        return Started(child, places, group, inside=inside)


def command(
    tier: Tier,
    places: Places,
    program: Sequence[str] = GUEST,
    *,
    limits: Limits = Limits(),  # noqa: B008 - frozen
    device: str = "cpu",
    pipes: Pipes | None = None,
    name: str = "guest",
) -> list[str]:
    """The argument vector of a guest; ``name`` is that of its container.

    ``-I`` keeps the scratch folder and ``PYTHON*`` variables out of the guest's import path, ``-B`` writes no
    bytecode beside a read-only library. In a container the image's entry point does the same.
    """
    job, _ = places.seen(tier)
    if tier == "docker":
        variables = environment(tier, places)
        return container.command(places, program, limits=limits, device=device, name=name, variables=variables)
    python = [sys.executable, "-I", "-B", *_CONFINE, *program, job]
    if tier != "bubblewrap":
        return python
    return bubblewrap.command(places, python, program, device=device, room=limits.scratch, pipes=pipes)


def environment(tier: Tier, places: Places) -> dict[str, str]:
    """The whole environment of a guest: nothing of the host's but thread counts and visible devices."""
    job, _ = places.seen(tier)
    scratch = f"{job}/scratch"
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        # An image has its interpreter where its own PATH says.
        **({} if tier == "docker" else {"PATH": "/usr/bin:/bin"}),
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
