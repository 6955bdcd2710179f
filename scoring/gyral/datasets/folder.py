"""Folders that are either whole or not there, and what to say when the disk does not allow them."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from gyral.errors import OutOfResources, Unavailable

# EFBIG is what a process limit on file size (RLIMIT_FSIZE) gives.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR}


@contextmanager
def disk_faults(where: Path) -> Iterator[None]:
    """Turn a full or closed disk into an error a person can act on.

    Raises
    ------
    OutOfResources
        No space, quota or file-size limit left (``disk-full``).
    Unavailable
        The place may not be written (``not-writable``).
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfResources(
                f"the disk is full ({os.strerror(error.errno)}); nothing half-written was kept.",
                where=str(where),
                mend="Free some space, or let GYRAL_CACHE and GYRAL_HOME name folders on a larger disk.",
                code="disk-full",
            ) from error
        if error.errno in _CLOSED:
            raise Unavailable(
                f"this place may not be written ({os.strerror(error.errno)}).",
                where=str(where),
                mend="Let GYRAL_CACHE and GYRAL_HOME name folders you may write.",
                code="not-writable",
            ) from error
        raise


@contextmanager
def scratch_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside ``target``, on the same file system, that is gone afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # mkdtemp would shut other users out of the result.
    scratch = target.parent / f".{target.name}.{uuid4().hex}.part"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A scratch folder that takes the place of ``target`` at the end, or vanishes.

    Readers see the old folder, or the new one complete; a killed process leaves only a hidden folder that
    `sweep` removes. An older ``target`` is replaced.

    Raises
    ------
    OutOfResources, Unavailable
        As `disk_faults`.
    """
    with disk_faults(target), scratch_folder(target) as scratch:
        yield scratch
        _swap(scratch, target)


def sweep(target: Path) -> None:
    """Remove scratch folders of ``target`` that killed processes left; call it under the target's lock."""
    for left in target.parent.glob(f".{target.name}.*.part"):
        shutil.rmtree(left, ignore_errors=True)


def _swap(scratch: Path, target: Path) -> None:
    if not target.exists():
        os.rename(scratch, target)
        return
    # A folder cannot be renamed over a full one: the old one steps aside first.
    with scratch_folder(target) as aside:
        os.rename(target, aside / "old")
        try:
            os.rename(scratch, target)
        except OSError:
            os.rename(aside / "old", target)
            raise
