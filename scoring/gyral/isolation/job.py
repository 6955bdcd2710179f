"""Job: the folder host and guest share, gone when the guest is; one left by a killed host is swept."""

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from gyral import places
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, OutOfResources
from gyral.isolation import wire

_LOCK = "lock"


class Job:
    """A folder under ``GYRAL_CACHE/jobs`` with a lock that lives exactly as long as the host.

    Parameters
    ----------
    parent : Path, optional
        Where job folders stand; the cache by default.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or places.cache() / "jobs"
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        self.folder = Path(tempfile.mkdtemp(prefix="job-", dir=parent))
        # The kernel drops the lock with the process, however it ends: no process ids, which are used again.
        self._lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.scratch.mkdir()
        (self.folder / "stimuli").mkdir()

    @property
    def scratch(self) -> Path:
        """The only folder the guest writes to."""
        return self.folder / "scratch"

    @property
    def model(self) -> Path:
        """Where a guest that was started before its model was known finds it; no other guest has such a folder."""
        return self.folder / "model"

    def write(self, name: str, fields: dict[str, Any]) -> None:
        """Write ``name`` as JSON for the guest to read."""
        (self.folder / name).write_text(json.dumps(fields), "utf-8")

    def stage(self, stimuli: StimulusSet, *, link: bool) -> dict[str, Any]:
        """Put the stimuli's files beside the job, named by row, and return what the guest is told of them.

        Hard links where ``link`` (the guest can only read them), else copies: a guest of the same user could
        write through a link into the pack.

        Raises
        ------
        BadDataset
            A stimulus file is missing.
        OutOfResources
            The disk is full.
        """
        if stimuli.files is None:
            return wire.pack_stimuli(stimuli, None)
        folder = self.folder / "stimuli"
        shutil.rmtree(folder)
        folder.mkdir()
        names = [f"{row:07d}{file.suffix.lower()}" for row, file in enumerate(stimuli.files)]
        for name, file in zip(names, stimuli.files, strict=True):
            _place(file, folder / name, link=link)
        return wire.pack_stimuli(stimuli, names)

    def remove(self) -> None:
        """Delete the folder and let go of the lock; a second call does nothing."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self._lock)
        self._lock = -1


def sweep(parent: Path) -> int:
    """Delete the job folders under ``parent`` whose host is gone; returns how many."""
    swept = 0
    for folder in parent.glob("job-*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # its host is just making it, or another sweeper was here
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
        except OSError:
            pass  # its host lives
        finally:
            os.close(lock)
    return swept


def _place(source: Path, target: Path, *, link: bool) -> None:
    real = source.resolve()  # a link to the file would dangle inside the guest
    try:
        if link:
            with contextlib.suppress(OSError):  # another file system, or one without links: copy
                os.link(real, target)
                return
        shutil.copyfile(real, target)
        target.chmod(0o444)
    except FileNotFoundError:
        raise BadDataset(
            "the stimulus file is missing.",
            where=str(source),
            mend="Build the pack again: `gyral data fetch NAME --force`.",
            code="stimulus-missing",
        ) from None
    except OSError as error:
        raise OutOfResources(
            f"the stimuli could not be copied for the model: {error.strerror}.",
            where=str(target.parent),
            mend="Make room, or set GYRAL_CACHE to another disk.",
            code="disk-full",
        ) from None
