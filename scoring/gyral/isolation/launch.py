"""Launch: the command a guest is started with, by what this machine can hold it in.

Two tiers. ``bubblewrap``: every namespace unshared, no network, a cleared environment, the interpreter, the library
and the model read-only, one writable scratch folder, no capabilities. ``process``: a session of its own with a
cleared environment and resource limits, which bounds accidents but not malice. :func:`probe` says which one works.
"""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import gyral

Tier = Literal["bubblewrap", "process"]

GUEST = ("-m", "gyral.isolation.guest")

# Without these the guest would count threads otherwise than the host, and sums would differ in their last bits.
_KEPT = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_TMP_BYTES = 256 << 20


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
        if tier == "process":
            return str(self.job), str(self.model)
        return "/job", f"/model/{self.model.name}"


@functools.cache
def probe() -> Tier:
    """The strongest tier that works here: tried by running the interpreter in it, once a process.

    Examples
    --------
    >>> probe() in ("bubblewrap", "process")
    True
    """
    if shutil.which("bwrap") is None:
        return "process"
    # The interpreter itself must start inside: a kernel without user namespaces fails here and not in a run.
    argv = [*_bubblewrap_base(), sys.executable, "-I", "-S", "-c", "print('inside')"]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=20, env={}, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "process"
    return "bubblewrap" if done.returncode == 0 and done.stdout.strip() == b"inside" else "process"


def command(tier: Tier, places: Places, program: Sequence[str] = GUEST, *, device: str = "cpu") -> list[str]:
    """The argument vector of a guest.

    ``-I`` keeps the scratch folder and ``PYTHON*`` variables out of the guest's import path, ``-B`` writes no
    bytecode beside a read-only library.
    """
    job, model = places.seen(tier)
    python = [sys.executable, "-I", "-B", *program, job]
    if tier == "process":
        return python
    binds = ["--ro-bind", str(places.model), model, "--ro-bind", str(places.job), job]
    binds += ["--bind", str(places.job / "scratch"), f"{job}/scratch"]
    if device != "cpu":
        binds += _devices()
    for entry in program:  # a guest program given as a file, not a module, must be visible inside
        if Path(entry).is_absolute():
            binds += ["--ro-bind", entry, entry]
    return [*_bubblewrap_base(), *binds, "--chdir", f"{job}/scratch", "--", *python]


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


def _bubblewrap_base() -> list[str]:
    """Namespaces, a bare root, the interpreter and the library, before the job's own binds."""
    # By its full path: the guest's environment has another PATH than ours.
    argv = [
        shutil.which("bwrap") or "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--cap-drop",
        "ALL",
    ]
    argv += ["--hostname", "guest", "--proc", "/proc", "--dev", "/dev"]
    # The tmpfs comes before every bind: one below /tmp would otherwise be hidden by it.
    argv += ["--size", str(_TMP_BYTES), "--tmpfs", "/tmp", "--ro-bind", "/usr", "/usr"]  # noqa: S108
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            argv += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            argv += ["--ro-bind", name, name]
    argv += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    for folder in _python_folders():
        argv += ["--ro-bind", str(folder), str(folder)]
    return argv


def _python_folders() -> list[Path]:
    """Environment, interpreter and library, without those that stand inside another."""
    library = Path(gyral.__file__).resolve().parent
    executable = Path(sys.executable).resolve().parent
    wanted = {Path(sys.prefix), Path(sys.base_prefix), library, executable}
    # An environment may name its interpreter through links of its own (pyenv, conda): keep both spellings.
    wanted |= {path.resolve() for path in wanted}
    outer = [p for p in sorted(wanted) if p.is_dir() and not p.is_relative_to("/usr")]
    return [p for p in outer if not any(p != q and p.is_relative_to(q) for q in outer)]


def _devices() -> list[str]:
    """Binds that let a guest reach an accelerator."""
    argv = ["--ro-bind-try", "/sys", "/sys"]
    for node in (*sorted(Path("/dev").glob("nvidia*")), Path("/dev/dri"), Path("/dev/kfd")):
        argv += ["--dev-bind-try", str(node), str(node)]
    return argv
