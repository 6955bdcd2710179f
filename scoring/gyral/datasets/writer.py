"""Writer: files of a folder with their sizes and hashes, and arrays that say why a write failed."""

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
        """Write ``.npy``; floats as `plain`."""
        target = self.folder / path
        target.parent.mkdir(exist_ok=True)
        save_array(target, plain(array) if np.issubdtype(array.dtype, np.floating) else array)
        self._done(path, target.stat().st_size, hash_file(target))

    def _done(self, path: str, size: int, digest: str) -> None:
        self.entries.append(FileEntry(path=path, size=size, sha256=digest))
        self.progress("write pack", len(self.entries), self.total)


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write ``.npy`` through plain Python files: `numpy.save` loses the reason (a full disk) of a failed write."""
    whole = np.ascontiguousarray(array)
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(whole))
        flat = whole.reshape(-1)
        step = max(1, _AT_ONCE // whole.itemsize)
        for start in range(0, flat.size, step):
            stream.write(flat[start : start + step].tobytes())


def plain(array: NDArray[Any]) -> NDArray[np.float32]:
    """Float32 in C order with one kind of NaN and no negative zero: equal numbers, equal bytes."""
    plain = np.array(array, dtype=np.float32, order="C")
    plain += 0.0
    plain[np.isnan(plain)] = np.nan
    return plain
