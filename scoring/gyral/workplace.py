"""Workplace: where the finished blocks of a fit rest until the whole of it is done."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.folder import disk_faults
from gyral.places import cache

Array = NDArray[np.floating[Any]]

# Arrays beyond this many bytes rest in a file instead of in memory.
_IN_MEMORY = 1 << 30


@dataclass(frozen=True, eq=False)
class Reading:
    """Where a readout reads in one fold: weights of positions.

    Parameters
    ----------
    mean : array, positions
        Over the fold's held-out samples.
    rows : int array
        Samples shown as examples; empty where the weights are the same for every sample.
    examples : array, rows x positions
    """

    mean: Array
    rows: NDArray[np.int64]
    examples: Array


@dataclass(frozen=True, eq=False)
class Piece:
    """What one layer, fold and block of units gave.

    Parameters
    ----------
    predictions : array, held-out rows x units of the block
    inner_r2 : array, one a unit
    traits, explained : dict of str to array, one a unit
    warnings : tuple of str
    readings : dict of part to Reading
    """

    predictions: Array
    inner_r2: Array
    traits: Mapping[str, Array] = field(default_factory=dict)
    explained: Mapping[str, Array] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    readings: Mapping[int, Reading] = field(default_factory=dict)


class Workplace:
    """A folder of pieces; a piece is whole or not there.

    Parameters
    ----------
    folder : Path or None
        None: pieces are not kept (arrays too large for memory still get a file).
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @classmethod
    def private(cls) -> Self:
        """A place nobody can come back to."""
        return cls(None)

    def load(self, layer: int, fold: int, block: int) -> Piece | None:
        """A finished piece, or None."""
        path = self._path(layer, fold, block)
        if path is None or not path.is_file():
            return None
        # A crash of the machine can leave a torn file under the final name.
        with suppress(BadZipFile, EOFError, KeyError, ValueError):
            return self._read(path)
        return None

    @staticmethod
    def _read(path: Path) -> Piece:
        # A stream of our own: numpy leaves its own one open where the file is torn.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            names = found.files
            readings = {}
            for name in names:
                kind, _, part = name.partition(":")
                if kind == "map":
                    readings[int(part)] = Reading(found[name], found[f"rows:{part}"], found[f"examples:{part}"])
            return Piece(
                found["predictions"],
                found["inner_r2"],
                {n.removeprefix("trait:"): found[n] for n in names if n.startswith("trait:")},
                {n.removeprefix("explained:"): found[n] for n in names if n.startswith("explained:")},
                tuple(found["warnings"].tolist()),
                readings,
            )

    def save(self, layer: int, fold: int, block: int, piece: Piece) -> None:
        """Keep a piece.

        Raises
        ------
        OutOfResources
            The disk is full; earlier pieces stay.
        """
        path = self._path(layer, fold, block)
        if path is None:
            return
        arrays: dict[str, Any] = {
            "predictions": piece.predictions,
            "inner_r2": piece.inner_r2,
            "warnings": np.array(piece.warnings, dtype=np.str_),
        }
        arrays |= {f"trait:{k}": v for k, v in piece.traits.items()}
        arrays |= {f"explained:{k}": v for k, v in piece.explained.items()}
        for part, reading in piece.readings.items():
            arrays |= {
                f"map:{part}": reading.mean,
                f"rows:{part}": reading.rows,
                f"examples:{part}": reading.examples,
            }
        with disk_faults(path):
            scratch = path.with_name(f".{path.stem}.{uuid4().hex}.npz")
            try:
                np.savez(scratch, **arrays)
                scratch.replace(path)
            finally:
                scratch.unlink(missing_ok=True)

    def array(self, shape: tuple[int, ...]) -> Array:
        """A float32 array full of NaN, in memory or, where it is large, in a file."""
        if self.folder is None or 4 * int(np.prod(shape)) <= _IN_MEMORY:
            return np.full(shape, np.nan, np.float32)
        with disk_faults(self.folder):
            out = np.memmap(self.folder / f"{uuid4().hex}.whole", np.float32, "w+", shape=shape)
            for layer in out:
                layer[:] = np.nan
        return out

    def _path(self, layer: int, fold: int, block: int) -> Path | None:
        return None if self.folder is None else self.folder / f"{layer}-{fold}-{block}.npz"

    def below(self, name: str) -> "Workplace":
        """A place inside this one (one draw of a twin)."""
        if self.folder is None:
            return self
        with disk_faults(self.folder):
            (self.folder / name).mkdir(exist_ok=True)
        return Workplace(self.folder / name)


@contextmanager
def workplace(key: str) -> Iterator[Workplace]:
    """The place of one evaluation: kept when it is interrupted, gone when it ends.

    Parameters
    ----------
    key : str
        Everything that decides a fit is in it. A second process with the same key works in a place of its own.
    """
    folder = cache() / "fits" / key
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as own:
                yield Workplace(Path(own))
            return
        folder.mkdir(exist_ok=True)  # the process before us may have taken it away as we opened the lock
        yield Workplace(folder)
        shutil.rmtree(folder, ignore_errors=True)
