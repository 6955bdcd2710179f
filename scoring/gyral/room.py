"""Room: keep ``GYRAL_CACHE`` under its cap (``GYRAL_CACHE_GB``, default 20), least recently used out.

Packs, features, unfinished fits, fits of nuisances, canaries, audits, weights and downloads can all be made again, so any of them
may go. A folder with a lock goes unless somebody holds it; the others stay for a day after their last use.
"""

import contextlib
import fcntl
import os
import shutil
import time
from pathlib import Path
from uuid import uuid4

from gyral.places import cache

KINDS = ("features", "fits", "controls", "ceilings", "canaries", "audits", "packs", "weights", "downloads")
QUIET = 86_400  # seconds; also how coarsely file systems note that a file was read


def make_room(keep: Path | None = None, cap: int | None = None) -> None:
    """Delete least recently used folders of the cache until it is under its cap.

    Parameters
    ----------
    keep : Path, optional
        A folder that stays whatever its age.
    cap : int, optional
        Bytes; default ``GYRAL_CACHE_GB``.
    """
    limit = cap if cap is not None else int(float(os.environ.get("GYRAL_CACHE_GB", "20")) * 1e9)
    found = []
    for kind in KINDS:
        for folder in (cache() / kind).glob("[!.]*/"):
            with contextlib.suppress(FileNotFoundError):  # another process makes room, too
                found.append((*_use(folder), folder))
    total = sum(size for _, size, _ in found)
    for _, size, folder in sorted(found):
        if total <= limit:
            return
        with contextlib.suppress(FileNotFoundError):
            if folder != keep and _is_free(folder):
                _remove(folder)
                total -= size


def touch(folder: Path) -> None:
    """Note that ``folder`` is used now; a folder of somebody else is left alone."""
    with contextlib.suppress(OSError):
        os.utime(folder)


def _use(folder: Path) -> tuple[float, int]:
    """When the folder was last used, and its bytes."""
    used, size = folder.stat().st_mtime, 0
    for file in folder.rglob("*"):
        status = file.stat()
        if file.is_file():
            used, size = max(used, status.st_atime, status.st_mtime), size + status.st_size
    return used, size


def _is_free(folder: Path) -> bool:
    lock = folder / "lock"
    if not lock.exists():
        return time.time() - _use(folder)[0] > QUIET
    with lock.open("r") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _remove(folder: Path) -> None:
    # Renamed first: a reader finds the folder whole or not at all.
    aside = folder.with_name(f".{folder.name}.{uuid4().hex}.part")
    with contextlib.suppress(OSError):
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)
