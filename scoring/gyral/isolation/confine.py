"""Confine: the first thing a guest does (``python -m gyral.isolation.confine PROGRAM... JOB``).

It binds itself as ``JOB/job.json`` says, and only then runs the guest program, in the same interpreter: nothing of
the model was read until here. Limits are set at every tier. At the tier ``landlock`` the process also leaves the
network, gives up every capability, forbids itself all files but its own, and steps behind the system call filter. In a
container only the filter is left to be done; bubblewrap has put it around the guest already.
"""

import contextlib
import ctypes
import json
import os
import runpy
import struct
import sys
from pathlib import Path
from typing import Any

from gyral.isolation import landlock, seccomp
from gyral.isolation.limits import Limits, bind_self, die_with_parent
from gyral.isolation.reach import FACTS, SYSTEM, accelerators, python_folders

_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITIES = 64
_CAPSET_VERSION = 0x2008_0522
_NEW_NETWORK, _NEW_USER, _NEW_OTHERS = 0x4000_0000, 0x1000_0000, 0x0C00_0000  # the last: IPC and host name
_NULLS = ("null", "zero", "full", "random", "urandom")


def confine(facts: dict[str, Any], job: Path, program: str) -> None:
    """Bind this process as ``facts`` say; raises where the tier's promise cannot be kept."""
    limits, tier = Limits.from_dict(facts["limits"]), facts["tier"]
    on_cpu = facts["device"] == "cpu"
    bind_self(limits, addresses=on_cpu)
    if tier in ("landlock", "docker"):
        _no_new_privileges()
    if tier == "landlock":
        _leave_namespaces()
        _drop_capabilities()
    # After the namespaces: to enter one clears what the kernel was told about the parent.
    die_with_parent(facts["host"])
    if tier == "landlock":
        _forbid_files(facts, job, program, on_cpu=on_cpu)
    if tier in ("landlock", "docker"):
        seccomp.install(os.getpid())


def _forbid_files(facts: dict[str, Any], job: Path, program: str, *, on_cpu: bool) -> None:
    landlock.restrict(
        read=[*map(Path, (*SYSTEM, *FACTS)), *python_folders(), job, Path(facts["model"]), Path(program)]
        + [Path("/proc/self").resolve()]
        + ([] if on_cpu else [Path("/sys"), Path("/proc/driver")]),
        write=[job / "scratch"],
        devices=[Path("/dev", name) for name in _NULLS] + ([] if on_cpu else [*accelerators()]),
    )


def _no_new_privileges() -> None:
    if _prctl(_PR_SET_NO_NEW_PRIVS, 1):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")


def _leave_namespaces() -> None:
    """Leave network, shared memory and host name behind, where the kernel lets us; the filter makes no socket anyway."""
    libc = ctypes.CDLL(None, use_errno=True)
    others = _NEW_NETWORK | _NEW_OTHERS
    if libc.unshare(_NEW_USER | others):
        libc.unshare(others)


def _drop_capabilities() -> None:
    for capability in range(_CAPABILITIES):
        _prctl(_PR_CAPBSET_DROP, capability)  # refused to those who have none, and beyond the last one
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header, none = struct.pack("=Ii", _CAPSET_VERSION, 0), bytes(24)
    if ctypes.CDLL(None, use_errno=True).capset(ctypes.c_char_p(header), ctypes.c_char_p(none)):
        raise OSError(ctypes.get_errno(), "the capabilities could not be dropped")


def _prctl(option: int, value: int) -> int:
    result: int = ctypes.CDLL(None, use_errno=True).prctl(option, ctypes.c_ulong(value), 0, 0, 0)
    return result


def main(arguments: list[str]) -> None:
    """Bind, then run the program as if it had been started itself."""
    *program, folder = arguments
    facts = json.loads((Path(folder) / "job.json").read_text("utf-8"))
    confine(facts, Path(folder), program[-1])
    # The host tells by it whose fault an early end is.
    os.write(1, b'{"say": "confined"}\n')
    sys.argv = [program[-1], folder]
    if program[0] == "-m":
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1:])
