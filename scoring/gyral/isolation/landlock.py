"""Landlock: a process forbids itself, and whatever it starts, all files but those it names (Linux 5.13 and later).

It needs no privilege and no other program. What it leaves open is closed by the system call filter: UDP and sockets of
other families, changes of mode and owner, and `truncate` by name. Layouts and numbers: linux/landlock.h.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

# The first with truncation and renames between folders under control (Linux 6.2).
LEAST_ABI = 3

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same on every machine
_VERSION, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE, _READ, _LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE = (1 << 4) | (1 << 5)
_MAKE_FOLDER, _MAKE_FILE = 1 << 7, 1 << 8
_TRUNCATE, _DEVICE_IOCTL = 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _DEVICE_IOCTL
_FILES = {3: (1 << 15) - 1, 5: (1 << 16) - 1}  # by the ABI they came with
_TCP = 0b11  # binding and connecting, from ABI 4
_SCOPES = 0b11  # abstract sockets and signals of others, from ABI 6

READ = _READ | _LIST | _EXECUTE
WRITE = READ | _WRITE | _TRUNCATE | _REMOVE | _MAKE_FOLDER | _MAKE_FILE
DEVICE = _READ | _WRITE | _DEVICE_IOCTL | _LIST


def abi() -> int:
    """Version of Landlock that this kernel offers; 0 where it has none.

    Examples
    --------
    >>> abi() >= 0
    True
    """
    if sys.platform != "linux":
        return 0
    try:
        return _call(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(*, read: Iterable[Path], write: Iterable[Path], devices: Iterable[Path] = ()) -> None:
    """Leave to this process the files beneath ``read``, ``write`` and ``devices``, and no TCP, for good.

    Paths that do not exist are passed over. Nothing may be executed or listed that is not beneath ``read`` or
    ``write``. Needs ``no_new_privs`` (see `gyral.isolation.confine`).

    Raises
    ------
    OSError
        The kernel's Landlock is older than ``LEAST_ABI``, or refuses.
    """
    version = abi()
    if version < LEAST_ABI:
        raise OSError(f"Landlock {LEAST_ABI} or later is needed; this kernel has {version}")
    handled = _FILES[5 if version >= 5 else 3]
    fields = (handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    attributes = struct.pack("=QQQ", *fields)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _call(_CREATE, ctypes.c_char_p(attributes), len(attributes), 0)
    try:
        for paths, access in ((read, READ), (write, WRITE), (devices, DEVICE)):
            for path in paths:
                _allow(ruleset, path, access & handled)
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: Path, access: int) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rights = access if os.path.isdir(path) else access & _ON_FILES  # noqa: PTH112 - os.stat only, no Path
            rule = struct.pack("=Qi", rights, descriptor)
            _call(_ADD, ruleset, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
        finally:
            os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = libc.syscall(ctypes.c_long(number), *wide)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
