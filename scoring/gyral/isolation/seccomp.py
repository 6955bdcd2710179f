"""Seccomp: the filter that decides, in the kernel, which system calls a guest may make.

An allow-list (:data:`gyral.isolation.syscalls.ALLOWED`) compiled to classic BPF; a call that is not on it fails with
ENOSYS, as on a kernel that never had it, so that libraries take their fall-backs. Five calls are looked at more
closely: ``clone`` makes threads and neither processes nor namespaces, ``prctl`` and ``ioctl`` do what interpreters
and drivers need, ``prlimit64`` and ``tgkill`` reach nobody else. No call makes a socket, of any family.

The compiled program is what ``bwrap --seccomp`` reads and what ``prctl(PR_SET_SECCOMP)`` takes.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Sequence

from gyral.isolation.syscalls import ALLOWED, Machine

_AUDIT_ARCH: dict[Machine, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Operations of classic BPF (linux/bpf_common.h) and what a filter answers (linux/seccomp.h).
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_KILL, _ALLOW = 0x8000_0000, 0x7FFF_0000
_REFUSE, _UNKNOWN = 0x0005_0000 | errno.EPERM, 0x0005_0000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_X32 = 0x4000_0000  # calls of the 32-bit twin of x86_64 carry this bit and would pass for others

_CLONE_THREAD = 0x0001_0000
_CLONE_NAMESPACES = 0x7E02_0000
_TERMINAL_REQUESTS = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into the terminal of whoever started us
# Names of threads and of memory, and questions.
_PRCTL = (3, 15, 16, 21, 23, 39, 0x53564D41)

_PR_SET_SECCOMP, _FILTER = 22, 2

Instruction = tuple[int, int, int, int]


def machine() -> Machine | None:
    """This machine's name in the tables; None where the filter has no numbers for it."""
    name = os.uname().machine
    return name if sys.platform == "linux" and name in ALLOWED else None


def program(target: Machine, *, own_pid: int | None = None) -> bytes:
    """The filter as an array of ``struct sock_filter``.

    Parameters
    ----------
    target : {"x86_64", "aarch64"}
        Whose system call numbers count; a call of any other architecture ends the process.
    own_pid : int, optional
        The only process that signals may go to. None where a process namespace leaves no other.
    """
    numbers = dict(ALLOWED[target])
    checks = {
        "clone": [(_JUMP_ANY_BIT, _CLONE_NAMESPACES, _REFUSE), (_JUMP_ANY_BIT, _CLONE_THREAD, _ALLOW)],
        "prctl": [(_JUMP_EQUAL, option, _ALLOW) for option in _PRCTL],
        "prlimit64": [(_JUMP_EQUAL, 0, _ALLOW)],
    }
    lines: list[Instruction] = [
        *_load(_ARCHITECTURE),
        *_unless(_JUMP_EQUAL, _AUDIT_ARCH[target], _KILL),
        *_load(_NUMBER),
    ]
    if target == "x86_64":
        lines += _when(_JUMP_AT_LEAST, _X32, _KILL)
    terminal = [(_JUMP_EQUAL, request, _REFUSE) for request in _TERMINAL_REQUESTS]
    lines += _call(numbers.pop("ioctl"), 1, terminal, otherwise=_ALLOW)
    if own_pid is not None:
        lines += _call(numbers.pop("tgkill"), 0, [(_JUMP_EQUAL, own_pid, _ALLOW)], otherwise=_REFUSE)
    for name, steps in checks.items():
        lines += _call(numbers.pop(name), 0, steps, otherwise=_REFUSE)
    for number in numbers.values():
        lines += _when(_JUMP_EQUAL, number, _ALLOW)
    lines.append((_RETURN, 0, 0, _UNKNOWN))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def install(own_pid: int) -> None:
    """Put this process, and every thread it will have, behind the filter, for good.

    Raises
    ------
    OSError
        The kernel has no seccomp, or there are no numbers for this machine.
    """
    target = machine()
    if target is None:
        raise OSError(errno.ENOSYS, "there is no system call filter for this machine")
    code = program(target, own_pid=own_pid)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.c_char_p(filter_), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel did not take the system call filter")


def _load(offset: int) -> list[Instruction]:
    """Look at four bytes of what the kernel tells of the call."""
    return [(_LOAD, 0, 0, offset)]


def _when(jump: int, value: int, answer: int) -> list[Instruction]:
    return [(jump, 0, 1, value), (_RETURN, 0, 0, answer)]


def _unless(jump: int, value: int, answer: int) -> list[Instruction]:
    return [(jump, 1, 0, value), (_RETURN, 0, 0, answer)]


def _call(
    number: int, argument: int, steps: Sequence[tuple[int, int, int]], *, otherwise: int
) -> list[Instruction]:
    """Decide one call by the low half of one argument; the kernel reads no more of these five."""
    body = _load(_ARGUMENTS + 8 * argument)
    for step in steps:
        body += _when(*step)
    body.append((_RETURN, 0, 0, otherwise))
    return [(_JUMP_EQUAL, 0, len(body), number), *body]
