"""Kept: what later units can use again, by the content it was made of, within a bound of memory."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from gyral.features.features import Features
from gyral.readouts.readout import Rows

# Bytes of designs and of decompositions kept for later blocks of units.
_KEPT = 1 << 30
# Things kept whatever their size: decompositions and held-out rows of five inner folds and of the refit.
_LEAST = 16
# Bytes hashed at once.
_READ = 64 << 20

Kind = TypeVar("Kind")


@dataclass(eq=False)
class Kept:
    """Things kept by key, the least recently used out first."""

    limit: int = _KEPT
    least: int = _LEAST
    _things: "OrderedDict[Any, Any]" = field(default_factory=OrderedDict)

    def get(self, key: Any, make: Callable[[], Kind]) -> Kind:
        """The thing of ``key``, made where it is not here."""
        if key not in self._things:
            self._things[key] = make()
            while len(self._things) > self.least and self.nbytes > self.limit:
                self._things.popitem(last=False)
        self._things.move_to_end(key)
        found: Kind = self._things[key]
        return found

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays of all things."""
        return sum(_bytes_of(thing) for thing in self._things.values())


def key_of(features: Features, rows: Rows) -> bytes:
    """Digest of the values of some rows; of a file mapped whole and read-only, of its name, time and rows."""
    array = features.array
    digest = hashlib.blake2b(repr((array.shape[1:], str(array.dtype), rows.tolist())).encode(), digest_size=16)
    file = _mapped_whole(array)
    if file is not None:
        digest.update(file.encode())
        return digest.digest()
    step = max(1, _READ // max(1, array[:1].nbytes))
    for start in range(0, len(rows), step):
        digest.update(np.ascontiguousarray(array[rows[start : start + step]]).data)
    return digest.digest()


def _mapped_whole(array: Any) -> str | None:
    """Name and time of the file, where an array is all of a file that this process may not change."""
    name = getattr(array, "filename", None)
    if not isinstance(array, np.memmap) or name is None or array.flags.writeable or not array.flags.c_contiguous:
        return None
    status = Path(name).stat()
    if status.st_size - int(array.offset) != array.nbytes:
        return None
    return f"{name} {status.st_ino} {status.st_mtime_ns} {array.offset}"


def _bytes_of(thing: Any) -> int:
    own = getattr(thing, "nbytes", None)
    if own is not None:
        return int(own)
    parts = thing if isinstance(thing, tuple) else vars(thing).values() if hasattr(thing, "__dict__") else ()
    return sum(_bytes_of(part) for part in parts if not isinstance(part, (int, float, str, bytes, bool)))
