"""Reach: what of this machine a guest may read, at any tier: system, interpreter, library, a few facts."""

import sys
from collections.abc import Iterator
from pathlib import Path

import gyral

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache")
# How many cores and how much memory: threads and blocks are chosen by it, and with them the last bits of sums.
FACTS = ("/proc/meminfo", "/proc/cpuinfo", "/proc/stat", "/sys/devices/system/cpu")


def python_folders() -> list[Path]:
    """Environment, interpreter and library, without those that stand inside another or below /usr."""
    library = Path(gyral.__file__).resolve().parent
    executable = Path(sys.executable).resolve().parent
    wanted = {Path(sys.prefix), Path(sys.base_prefix), library, executable}
    # An environment may name its interpreter through links of its own (pyenv, conda): keep both spellings.
    wanted |= {path.resolve() for path in wanted}
    outer = [p for p in sorted(wanted) if p.is_dir() and not p.is_relative_to("/usr")]
    return [p for p in outer if not any(p != q and p.is_relative_to(q) for q in outer)]


def accelerators() -> Iterator[Path]:
    """Device files of accelerators."""
    yield from sorted(Path("/dev").glob("nvidia*"))
    yield from (node for node in (Path("/dev/dri"), Path("/dev/kfd")) if node.exists())
