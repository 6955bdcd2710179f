"""Feature cache: one folder per (model, stimuli, reduction), one memory-mapped file per layer.

An interrupted extraction goes on where it stopped. A layer grows in a file of its own and takes its name when it is whole, so that
whoever has the layer open keeps what was opened; one that was changed from outside is extracted again (`gyral.features.checksums`).
`gyral.room` keeps the cache under its cap.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import OutOfResources
from gyral.features.checksums import RowHasher, hash_rows, row_bytes, stamp, why_changed
from gyral.hashing import hash_bytes
from gyral.places import cache

Array = NDArray[np.floating[Any]]

# Channel maps and token sequences rest as float16 where the first batch stays well inside its range.
_HALF_SAFE = 1e4
_HALF_MAX = 65504.0
_PART = ".part"

logger = logging.getLogger("gyral.features")


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
        self._hashers: dict[str, RowHasher] = {}
        self._learned = False  # something about the files that the state on disk does not say

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the entry against other processes; the second one waits and then finds the work done."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # Who makes room may have taken the folder away while this process waited.
                if not _is_same(self.folder / "lock", lock.fileno()):
                    continue
                self._state = self._read_state()
                self._hashers, self._learned = {}, False
                yield
                if self._learned:
                    with suppress(OSError):  # only spares the next one a look
                        self._write_state()
                os.utime(self.folder / "lock")
                return

    def rows_done(self, layers: tuple[str, ...]) -> int:
        """Rows every one of ``layers`` already has, as they were written; a layer that was changed since is forgotten."""
        for layer in layers:
            self._check(layer)
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
        for file in (*self.folder.glob("*.npy"), *self.folder.glob(f"*.npy{_PART}")):
            file.unlink()
        self._state, self._hashers = {}, {}
        self._write_state()

    def _check(self, layer: str) -> None:
        """Forget a layer that was changed from outside; noted once for each time the entry is locked."""
        state = self._state.get(layer)
        if state is None or layer in self._hashers:
            return
        path = self.folder / state["file"]
        if why := why_changed(path, state):
            logger.warning("cached layer %r is extracted again: %s: %s", layer, path, why)
            del self._state[layer]
            self._learned = True
            return
        if state["stamp"] != (now := stamp(path)):
            state["stamp"], self._learned = now, True
        self._hashers[layer] = RowHasher(state["blocks"])

    def _begin(self, layer: str, array: Array, full_precision: bool) -> dict[str, Any]:
        half = array.ndim > 2 and not full_precision and _fits_half(array, _HALF_SAFE)
        state: dict[str, Any] = {
            "file": f"{_slug(layer)}.npy{_PART}",
            "dtype": "float16" if half else "float32",
            "shape": [self.samples, *array.shape[1:]],
            "rows": 0,
            "blocks": [],
        }
        _allocate(self.folder / state["file"], state["dtype"], tuple(state["shape"]))
        self._state[layer], self._hashers[layer] = state, RowHasher(state["blocks"])
        return state

    def _write_layer(self, layer: str, start: int, array: Array, full_precision: bool) -> None:
        state = self._state.get(layer)
        if state is None or start == 0:
            state = self._begin(layer, array, full_precision)
        elif start < state["rows"]:
            self._cut_back(layer, state, start)
        if state["dtype"] == "float16" and not _fits_half(array, _HALF_MAX):
            raise UnfitForHalf(layer)
        path = self.folder / state["file"]
        # Written by file descriptor, not through a memory map: a full disk is then an error, not a SIGBUS.
        data = np.ascontiguousarray(array, dtype=state["dtype"]).tobytes()
        with path.open("r+b") as stream:
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            stream.seek(start * row_bytes(state), os.SEEK_CUR)
            stream.write(data)
            stream.flush()
        state["rows"] = start + len(array)
        self._hashers[layer].add(data, state["rows"])
        if state["rows"] == self.samples:
            state["file"] = path.name.removesuffix(_PART)
            path = path.replace(self.folder / state["file"])
        state["stamp"] = stamp(path)

    def _cut_back(self, layer: str, state: dict[str, Any], start: int) -> None:
        """Forget rows from ``start`` on: those of another layer were fewer, and all are written from there."""
        kept = [block for block in state["blocks"] if block[0] <= start]
        end = kept[-1][0] if kept else 0
        if end < start:
            kept.append([start, hash_rows(self.folder / state["file"], state, end, start)])
        state["blocks"], self._hashers[layer] = kept, RowHasher(kept)

    def _read_state(self) -> dict[str, dict[str, Any]]:
        try:
            loaded: dict[str, dict[str, Any]] = json.loads((self.folder / "layers.json").read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return {
            k: v
            for k, v in loaded.items()
            if (self.folder / v["file"]).is_file() and v["shape"][0] == self.samples and "blocks" in v
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


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _allocate(path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    path.unlink(missing_ok=True)  # another file, not the same one emptied: somebody may have it open
    with path.open("xb") as stream:
        header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.truncate(stream.tell() + int(np.prod(shape)) * np.dtype(dtype).itemsize)


def _slug(layer: str) -> str:
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in layer)[:60]
    return f"{safe}-{hash_bytes(layer.encode())[:8]}"
