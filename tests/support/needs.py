"""What a marked test needs from the machine, looked up once."""

import os
import shutil
import socket
import subprocess
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest


@cache
def missing(marker: str) -> str | None:
    """Why a test with this marker cannot run here, or None."""
    look = {
        "data": _data,
        "services": _services,
        "sandbox": _sandbox,
        "landlock": _landlock,
        "browser": _browser,
        "gpu": _gpu,
    }.get(marker)
    return look() if look else None


def absent(marker: str, reason: str) -> NoReturn:
    """Skip the running test for ``reason``; fail it where ``GYRAL_REQUIRE`` names ``marker``."""
    required = {word.strip() for word in os.environ.get("GYRAL_REQUIRE", "").split(",")}
    if marker in required:
        pytest.fail(f"GYRAL_REQUIRE names {marker!r}, but {reason}", pytrace=False)
    pytest.skip(reason)


def _data() -> str | None:
    folder = os.environ.get("GYRAL_MIRROR")
    if not folder or not Path(folder).is_dir():
        return "GYRAL_MIRROR names no folder of public datasets"
    return None


def _services() -> str | None:
    for name, port in (("PostgreSQL", 5432), ("Redis", 6379)):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return f"{name} does not answer on 127.0.0.1:{port}"
    return None


def _sandbox() -> str | None:
    if not shutil.which("bwrap"):
        return "bubblewrap (bwrap) is not installed"
    done = subprocess.run(
        ["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"], capture_output=True, check=False
    )
    return None if done.returncode == 0 else "bubblewrap cannot make namespaces here"


def _landlock() -> str | None:
    from gyral.isolation import landlock  # tests of other packages need not load it

    found = landlock.abi()
    return None if found >= landlock.LEAST_ABI else f"the kernel's Landlock is of version {found}"


def _browser() -> str | None:
    return None if shutil.which("chromium") else "chromium is not installed"


def _gpu() -> str | None:
    import torch  # slow to import

    return None if torch.cuda.is_available() else "no CUDA device"
