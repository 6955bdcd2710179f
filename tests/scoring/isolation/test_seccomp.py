"""The system call filter: numbers against an independent source, the program by interpreting it, the kernel's word."""

import ctypes
import ctypes.util
import errno
import struct
import subprocess
import sys

import pytest

from gyral.isolation.seccomp import machine, program
from gyral.isolation.syscalls import ALLOWED, Machine

_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_ARCH: dict[Machine, int] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_MACHINES: list[Machine] = ["x86_64", "aarch64"]
# Never to be allowed, by number: of what they reach or of how often the kernel's side of them was wrong.
_DANGEROUS: dict[Machine, dict[str, int]] = {
    "x86_64": {
        "socket": 41, "connect": 42, "fork": 57, "vfork": 58, "kill": 62, "ptrace": 101, "mount": 165, "keyctl": 250,
        "unshare": 272, "perf_event_open": 298, "setns": 308, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425,
        "clone3": 435, "memfd_create": 319, "chmod": 90, "truncate": 76, "kexec_load": 246, "init_module": 175,
    },
    "aarch64": {
        "socket": 198, "connect": 203, "kill": 129, "ptrace": 117, "mount": 40, "keyctl": 219, "unshare": 97,
        "perf_event_open": 241, "setns": 268, "bpf": 280, "userfaultfd": 282, "io_uring_setup": 425, "clone3": 435,
        "memfd_create": 279, "fchmodat": 53, "truncate": 45, "kexec_load": 104, "init_module": 105,
    },
}  # fmt: skip


def answer(code: bytes, number: int, *arguments: int, arch: int) -> int:
    """What the kernel would answer: classic BPF, as far as the filter uses it, run over ``struct seccomp_data``."""
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    lines = list(struct.iter_unpack("=HBBI", code))
    at, held = 0, 0
    while True:
        operation, yes, no, value = lines[at]
        if operation == 0x06:
            return int(value)
        if operation == 0x20:
            held, step = struct.unpack_from("=I", data, value)[0], 0
        else:
            step = yes if {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[operation] else no
        at += 1 + step


@pytest.mark.parametrize("target", _MACHINES)
def test_numbers_are_those_of_libseccomp(target: Machine) -> None:
    name = ctypes.util.find_library("seccomp")
    if name is None:
        pytest.skip("libseccomp is not installed")
    resolve = ctypes.CDLL(name).seccomp_syscall_resolve_name_arch
    for call, number in ALLOWED[target].items():
        found = resolve(ctypes.c_uint32(_ARCH[target]), call.encode())
        assert found in (number, -1), call  # -1: younger than the library


@pytest.mark.parametrize("target", _MACHINES)
def test_what_is_on_the_list_passes_and_nothing_else(target: Machine) -> None:
    code = program(target)
    looked_at = {"clone", "prctl", "prlimit64", "ioctl", "tgkill"}
    plain = {number for name, number in ALLOWED[target].items() if name not in looked_at}
    closer = {ALLOWED[target][name] for name in looked_at - {"tgkill"}}
    for number in range(600):
        if number not in closer:
            passes = number in plain or number == ALLOWED[target]["tgkill"]
            expected = _ALLOW if passes else 0x50000 | errno.ENOSYS
            assert answer(code, number, arch=_ARCH[target]) == expected, number


@pytest.mark.parametrize("target", _MACHINES)
def test_dangerous_calls_are_not_on_the_list(target: Machine) -> None:
    assert not set(_DANGEROUS[target]) & set(ALLOWED[target])
    assert not set(_DANGEROUS[target].values()) & set(ALLOWED[target].values())


@pytest.mark.parametrize(
    ("call", "arguments", "passes"),
    [
        ("clone", (0x3D0F00,), True),  # what a C library asks for a thread
        ("clone", (17,), False),  # a process
        ("clone", (0x4111,), False),  # vfork
        ("clone", (0x3D0F00 | 0x10000000,), False),  # a thread in a user namespace
        ("prctl", (15,), True),
        ("prctl", (1,), False),
        ("prctl", (22,), False),
        ("prlimit64", (0,), True),
        ("prlimit64", (1,), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),
        ("ioctl", (0, 0x5412 | 7 << 32), False),  # the kernel reads the low half only
        ("tgkill", (77, 77), True),
        ("tgkill", (78, 78), False),
    ],
)
@pytest.mark.parametrize("target", _MACHINES)
def test_arguments_decide(target: Machine, call: str, arguments: tuple[int, ...], passes: bool) -> None:
    code = program(target, own_pid=77)
    found = answer(code, ALLOWED[target][call], *arguments, arch=_ARCH[target])
    assert found == (_ALLOW if passes else 0x50000 | errno.EPERM)


def test_calls_of_another_architecture_end_the_process() -> None:
    assert answer(program("x86_64"), 3, arch=_ARCH["aarch64"]) == _KILL
    assert answer(program("x86_64"), 3, arch=0x40000003) == _KILL  # 32-bit calls of the same processor
    assert answer(program("x86_64"), 0x40000000 | 3, arch=_ARCH["x86_64"]) == _KILL


@pytest.mark.skipif(machine() is None, reason="there is no filter for this machine")
def test_kernel_takes_the_filter_and_keeps_it() -> None:
    code = (
        "import ctypes, os, socket, threading\nfrom gyral.isolation import seccomp\n"
        "assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0\n"
        "seccomp.install(os.getpid())\n"
        "thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()\n"
        "for deed in (socket.socket, os.fork, lambda: os.kill(os.getppid(), 0), lambda: os.chmod('/tmp', 0o777)):\n"
        "    try:\n        deed(); print('done')\n    except OSError as error:\n        print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["thread", str(errno.ENOSYS), str(errno.EPERM), *[str(errno.ENOSYS)] * 2]
