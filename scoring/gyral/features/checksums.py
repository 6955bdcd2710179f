"""Checksums: whether the rows of a cached layer are still those that were written.

Rows are hashed in blocks as they are written. When a layer is opened again, a file that the system says nobody touched (size, inode,
times of change of content and of name) is taken as it is; any other is read through once. A block is at least `BLOCK` bytes, or what
one run wrote.
"""

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 32 << 20
_PIECE = 1 << 20


def stamp(path: Path) -> list[int]:
    """What changes whenever somebody writes, cuts, copies or replaces a file; times in nanoseconds."""
    found = path.stat()
    # Unlike the time of the content, that of the inode cannot be set back by who wrote (utime).
    return [found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns]


class RowHasher:
    """Hashes rows on their way to a file.

    Parameters
    ----------
    blocks : list of [int, str]
        Row behind each block and its hex sha256, of the rows that are there already; grows.
    """

    def __init__(self, blocks: list[list[Any]]) -> None:
        self.blocks = blocks
        self._open: Any = None
        self._bytes = 0

    def add(self, data: bytes, stop: int) -> None:
        """Note the bytes of the rows up to ``stop``."""
        if self._open is None:
            self._open, self._bytes = hashlib.sha256(), 0
            self.blocks.append([stop, ""])
        self._open.update(data)
        self._bytes += len(data)
        self.blocks[-1] = [stop, self._open.hexdigest()]
        if self._bytes >= BLOCK:
            self._open = None


def why_changed(path: Path, state: dict[str, Any]) -> str:
    """Why the rows of a layer are not those that were written; empty where they are.

    Parameters
    ----------
    path : Path
        A ``.npy`` file, whole or still being written.
    state : dict
        ``dtype``, ``shape``, ``rows`` (done), ``blocks`` and ``stamp`` as the cache keeps them.
    """
    try:
        if stamp(path) == state["stamp"]:
            return ""
        if path.stat().st_size != state["stamp"][0]:
            return f"it has {path.stat().st_size} bytes and was written with {state['stamp'][0]}"
        with path.open("rb") as stream:
            if _header(stream) != (np.dtype(state["dtype"]), tuple(state["shape"])):
                return "its header is another one"
            start, width = 0, row_bytes(state)
            for stop, digest in state["blocks"]:
                if _hash(stream, (stop - start) * width) != digest:
                    return f"rows {start + 1} to {stop} are not those that were written"
                start = stop
    except (OSError, ValueError) as error:
        return f"it cannot be read ({error})"
    return "" if start >= state["rows"] else f"rows from {start + 1} on have no checksum"


def hash_rows(path: Path, state: dict[str, Any], start: int, stop: int) -> str:
    """Hex sha256 of some rows of a file."""
    with path.open("rb") as stream:
        _header(stream)
        stream.seek(start * row_bytes(state), 1)
        return _hash(stream, (stop - start) * row_bytes(state))


def row_bytes(state: dict[str, Any]) -> int:
    """Bytes of one row of a layer."""
    return math.prod(map(int, state["shape"][1:])) * int(np.dtype(state["dtype"]).itemsize)


def _header(stream: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    np.lib.format.read_magic(stream)
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    return dtype, shape


def _hash(stream: Any, length: int) -> str:
    digest = hashlib.sha256()
    while length > 0:
        piece = stream.read(min(_PIECE, length))
        if not piece:
            break
        digest.update(piece)
        length -= len(piece)
    return digest.hexdigest()
