"""A guest program that tries what a hostile model would try once it runs code, and tells which deeds succeeded.

Started as ``program`` of an `IsolatedModel`; ``behaviour.json`` in the model's folder names its targets. Every deed
raises OSError where it is refused. None does harm where it succeeds: targets are made for the test.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

JOB = Path(sys.argv[-1])
FACTS: dict[str, Any] = {}
TOLD: dict[str, Any] = {}
LIBC = ctypes.CDLL(None, use_errno=True)
ON_ARM = platform.machine() == "aarch64"

# x86_64, aarch64: calls that no model needs, with arguments no kernel acts on.
CALLS = {
    "ptrace": (101, 117),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "kexec_load": (246, 104),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "personality": (135, 92),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "open_by_handle_at": (304, 265),
    "pidfd_open": (434, 434),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "memfd_create": (319, 279),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "settimeofday": (164, 170),
    "setuid": (105, 146),
    "mknodat": (259, 33),
    "socketpair": (53, 199),
    "shmget": (29, 194),
    "clone3": (435, 435),
    "seccomp": (317, 277),
}


def call(name: str, *arguments: int) -> None:
    """A system call by number; 0 or -1 in every argument that is not given."""
    number = CALLS[name][ON_ARM]
    padded = [ctypes.c_long(a) for a in (arguments or (-1, 0, 0, 0, 0))]
    if LIBC.syscall(ctypes.c_long(number), *padded) < 0:
        raise OSError(ctypes.get_errno(), name)


def is_unknown(name: str) -> bool:
    """Whether the kernel, or the filter before it, says that there is no such call."""
    try:
        call(name)
    except OSError as error:
        return error.errno == errno.ENOSYS
    return False


def reach(kind: socket.SocketKind, family: socket.AddressFamily = socket.AF_INET) -> None:
    with socket.socket(family, kind) as probe:
        probe.settimeout(2)
        probe.connect(TOLD["socket"] if family == socket.AF_UNIX else ("127.0.0.1", TOLD["port"]))
        probe.send(b"hello")
        probe.recv(5)


def write(path: str) -> None:
    target = Path(path)
    target = target / f"written-by-guest-{TOLD['mark']}" if target.is_dir() else target
    target.write_bytes(b"x")
    if target.name.startswith("written-by-guest"):
        target.unlink()


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)
    os.wait()


def attach() -> None:
    """ptrace(PTRACE_SEIZE) on a process of the host's."""
    number = CALLS["ptrace"][ON_ARM]
    if LIBC.syscall(*(ctypes.c_long(a) for a in (number, 0x4206, TOLD["victim"], 0, 0))) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def namespaces_by_clone() -> None:
    """clone(CLONE_NEWUSER): a thread-like call with a namespace in its flags."""
    number = 220 if ON_ARM else 56
    child = LIBC.syscall(ctypes.c_long(number), ctypes.c_long(0x1000_0000 | 17), *([ctypes.c_long(0)] * 4))
    if child == 0:
        os._exit(0)
    if child < 0:
        raise OSError(ctypes.get_errno(), "clone")


def mount_in_own_namespace() -> None:
    if LIBC.unshare(0x1002_0000):  # user and mount namespace
        raise OSError(ctypes.get_errno(), "unshare")
    if LIBC.mount(b"none", str(JOB / "scratch").encode(), b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")


def signal_by_thread() -> None:
    number = 131 if ON_ARM else 234
    if LIBC.syscall(*(ctypes.c_long(a) for a in (number, TOLD["victim"], TOLD["victim"], 0))) < 0:
        raise OSError(ctypes.get_errno(), "tgkill")


def keep_living() -> None:
    """Undo what ends a guest with its host."""
    if LIBC.prctl(1, ctypes.c_ulong(0), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def status(field: str) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(field + ":"))


def be_privileged() -> None:
    if int(status("CapEff"), 16) == 0 and int(status("CapBnd"), 16) == 0 and os.getuid() != 0:
        raise OSError("neither root nor capable")


def gain_privileges() -> None:
    if status("NoNewPrivs") == "1":
        raise OSError("no new privileges")


def look_around() -> None:
    if not any(name.isdigit() and int(name) == TOLD["victim"] for name in os.listdir("/proc")):
        raise OSError("the host's processes are not seen")


def read_variables() -> None:
    if not any("SECRET" in name or name == "GYRAL_MIRROR" for name in os.environ):
        raise OSError("the environment is clear")


def leave_link(make: Callable[[str, Path], None]) -> None:
    link = JOB / "scratch" / "link"
    make(TOLD["secret"], link)
    link.unlink()


DEEDS: dict[str, Callable[[], Any]] = {
    "tcp": lambda: reach(socket.SOCK_STREAM),
    "udp": lambda: reach(socket.SOCK_DGRAM),
    "unix-socket": lambda: reach(socket.SOCK_STREAM, socket.AF_UNIX),
    "raw-socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close(),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "host-file": lambda: Path(TOLD["secret"]).read_bytes(),
    "host-folder": lambda: os.listdir(Path(TOLD["secret"]).parent),
    "other-jobs-scratch": lambda: Path(TOLD["other"]).read_bytes(),
    "write-other-jobs-scratch": lambda: write(TOLD["other"]),
    "environment": read_variables,
    "environment-of-the-host": lambda: Path(f"/proc/{TOLD['victim']}/environ").read_bytes(),
    "command-lines": lambda: Path(f"/proc/{TOLD['victim']}/cmdline").read_bytes(),
    "processes": look_around,
    "write-beside-the-secret": lambda: write(str(Path(TOLD["secret"]).parent)),
    "write-model": lambda: write(FACTS["model"]),
    "write-job": lambda: write(str(JOB)),
    "write-stimuli": lambda: write(str(JOB / "stimuli")),
    "write-root": lambda: write("/"),
    "write-shared-memory": lambda: write("/dev/shm"),
    "write-devices": lambda: write("/dev"),
    "write-system": lambda: write("/usr/lib"),
    "write-interpreter": lambda: write(sys.prefix),
    "truncate": lambda: os.truncate(TOLD["secret"], 3),
    "change-mode": lambda: Path(TOLD["secret"]).chmod(0o666),
    "change-times": lambda: os.utime(TOLD["secret"]),
    "hardlink": lambda: leave_link(os.link),  # type: ignore[arg-type]
    "symlink": lambda: leave_link(os.symlink),  # type: ignore[arg-type]
    "fifo": lambda: leave_link(lambda _, link: os.mkfifo(link)),
    "fork": fork,
    "signal": lambda: os.kill(TOLD["victim"], 0),
    "signal-the-parent": lambda: os.kill(os.getppid(), 0),
    "signal-thread": signal_by_thread,
    "limits-of-the-host": lambda: resource.prlimit(TOLD["victim"], resource.RLIMIT_CORE),
    "outlive-the-host": keep_living,
    "privileged": be_privileged,
    "new-privileges": gain_privileges,
    "clone-namespaces": namespaces_by_clone,
    "attach": attach,
    "mount": mount_in_own_namespace,  # the last: it changes who we are
}


def say(**message: Any) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def succeeds(deed: Callable[[], Any]) -> bool:
    try:
        deed()
    except OSError:
        return False
    return True


def main() -> None:
    FACTS.update(json.loads((JOB / "job.json").read_text()))
    TOLD.update(json.loads((Path(FACTS["model"]) / "behaviour.json").read_text()))
    done = [name for name, deed in DEEDS.items() if succeeds(deed)]
    known = [name for name in CALLS if not is_unknown(name)]
    what = json.dumps([done, known])
    say(say="error", error={"kind": "UserError", "code": "found", "what": what, "where": None, "mend": None})
    time.sleep(60)


if __name__ == "__main__":
    main()
