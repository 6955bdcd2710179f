"""Feature cache: one folder per (model, stimuli, reduction), one memory-mapped file per layer.

An interrupted extraction goes on where it stopped. `gyral.room` keeps the cache under its cap.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import OutOfResources
from gyral.hashing import hash_bytes
from gyral.places import cache

Array = NDArray[np.floating[Any]]

# Channel maps and token sequences rest as float16 where the first batch stays well inside its range.
_HALF_SAFE = 1e4
_HALF_MAX = 65504.0


class UnfitForHalf(Exception):
    """A later batch does not fit into the float16 chosen from the first one."""


class Entry:
    """The cached layers of one model on one stimulus set.

    Parameters
    ----------
    key : str
        Folder name; anything that changes the features is in it.
    samples : int
        Number of stimuli.
    place : Path, optional
        Folder the entry is in; default: that of features in the cache.
    """

    def __init__(self, key: str, samples: int, place: Path | None = None) -> None:
        self.folder = (place or cache() / "features") / key
        self.samples = samples
        self._state: dict[str, dict[str, Any]] = {}

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the entry against other processes; the second one waits and then finds the work done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._state = self._read_state()
            yield
            os.utime(self.folder / "lock")

    def rows_done(self, layers: tuple[str, ...]) -> int:
        """Rows every one of ``layers`` already has."""
        return min((int(self._state.get(layer, {}).get("rows", 0)) for layer in layers), default=0)

    def write(self, start: int, arrays: dict[str, Array], *, full_precision: bool) -> None:
        """Store one batch of every layer and mark its rows as done.

        Raises
        ------
        OutOfResources
            The disk is full; what was written before stays usable.
        UnfitForHalf
            A value does not fit the half precision chosen at the first batch.
        """
        try:
            for layer, array in arrays.items():
                self._write_layer(layer, start, array, full_precision)
            self._write_state()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise OutOfResources(
                    f"the disk is full after {start} of {self.samples} stimuli.",
                    where=str(self.folder),
                    mend="Free some space or set GYRAL_CACHE to a larger disk; the extraction goes on where it stopped.",
                    code="disk-full",
                ) from None
            raise

    def read(self, layer: str) -> Array:
        """The finished array of one layer, memory-mapped read-only."""
        return np.asarray(np.load(self.folder / self._state[layer]["file"], mmap_mode="r"))

    def clear(self) -> None:
        """Forget all layers (kept locked by the caller)."""
        for file in self.folder.glob("*.npy"):
            file.unlink()
        self._state = {}
        self._write_state()

    def _write_layer(self, layer: str, start: int, array: Array, full_precision: bool) -> None:
        state = self._state.get(layer)
        if state is None or start == 0:
            half = array.ndim > 2 and not full_precision and _fits_half(array, _HALF_SAFE)
            state = {
                "file": f"{_slug(layer)}.npy",
                "dtype": "float16" if half else "float32",
                "shape": [self.samples, *array.shape[1:]],
                "rows": 0,
            }
            self._state[layer] = state
            _allocate(self.folder / state["file"], state["dtype"], tuple(state["shape"]))
        if state["dtype"] == "float16" and not _fits_half(array, _HALF_MAX):
            raise UnfitForHalf(layer)
        # Written by file descriptor, not through a memory map: a full disk is then an error, not a SIGBUS.
        data = np.ascontiguousarray(array, dtype=state["dtype"])
        with (self.folder / state["file"]).open("r+b") as stream:
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            stream.seek(start * (data.nbytes // max(1, len(data))), os.SEEK_CUR)
            stream.write(data.tobytes())
            stream.flush()
        state["rows"] = start + len(array)

    def _read_state(self) -> dict[str, dict[str, Any]]:
        try:
            loaded: dict[str, dict[str, Any]] = json.loads((self.folder / "layers.json").read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {
            k: v
            for k, v in loaded.items()
            if (self.folder / v["file"]).is_file() and v["shape"][0] == self.samples
        }

    def _write_state(self) -> None:
        scratch = self.folder / "layers.json.new"
        scratch.write_text(json.dumps(self._state), "utf-8")
        scratch.replace(self.folder / "layers.json")


def _fits_half(array: Array, most: float) -> bool:
    """True if no value exceeds ``most`` and no token, which would then pass for padding, vanishes."""
    if float(np.abs(array).max(initial=0)) > most:
        return False
    return array.ndim != 3 or not (array.any(axis=2) & ~array.astype(np.float16).any(axis=2)).any()


def _allocate(path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    with path.open("wb") as stream:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.truncate(stream.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize)


def _slug(layer: str) -> str:
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in layer)[:60]
    return f"{safe}-{hash_bytes(layer.encode())[:8]}"
