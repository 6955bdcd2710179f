"""Writer: files of a folder with their sizes and hashes, and arrays that say why a write failed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.manifest import FileEntry
from gyral.hashing import hash_bytes, hash_file
from gyral.progress import Progress

_AT_ONCE = 1 << 22  # bytes of an array written at once


class Writer:
    """Writes the files of a pack below a folder and keeps their sizes and hashes.

    Parameters
    ----------
    folder : Path
        Where files go.
    progress : Progress
        Told of files written.
    total : int
        Number of files to come.
    """

    def __init__(self, folder: Path, progress: Progress, total: int) -> None:
        self.folder, self.progress, self.total = folder, progress, total
        self.entries: list[FileEntry] = []

    def write(self, path: str, data: bytes, digest: str | None = None) -> None:
        """Write ``data``; ``digest`` is its sha256 where the caller knows it."""
        target = self.folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
        self._done(path, len(data), digest or hash_bytes(data))

    def array(self, path: str, array: NDArray[Any]) -> None:
        """Write ``.npy``; floats as `plain`. Of a memory-mapped array a few blocks are in memory at a time."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        save_array(target, array)
        self._done(path, target.stat().st_size, hash_file(target))

    def _done(self, path: str, size: int, digest: str) -> None:
        self.entries.append(FileEntry(path=path, size=size, sha256=digest))
        self.progress("write pack", len(self.entries), self.total)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write ``.npy`` through plain Python files, floats as `plain`: `numpy.save` loses the reason of a failed write."""
    floating = np.issubdtype(array.dtype, np.floating)
    descr = "<f4" if floating else np.lib.format.dtype_to_descr(array.dtype)
    with path.open("wb") as stream:
        header = {"descr": descr, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for block in _blocks(array):
            stream.write((plain(block) if floating else np.ascontiguousarray(block)).tobytes())


def hash_plain(array: NDArray[Any]) -> str:
    """`gyral.hashing.hash_array` of `plain`, a few blocks at a time."""
    digest = hashlib.sha256(f"<f4{array.shape}".encode())
    for block in _blocks(array):
        digest.update(plain(block).tobytes())
    return digest.hexdigest()


def _blocks(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Consecutive rows, together a few megabytes."""
    if array.ndim == 0:
        yield array
        return
    step = max(1, _AT_ONCE // max(1, array[:1].nbytes))
    for start in range(0, len(array), step):
        yield array[start : start + step]


def plain(array: NDArray[Any]) -> NDArray[np.float32]:
    """Float32 in C order with one kind of NaN and no negative zero: equal numbers, equal bytes."""
    plain = np.array(array, dtype=np.float32, order="C")
    plain += 0.0
    plain[np.isnan(plain)] = np.nan
    return plain
