"""Content hashes: sha256 over bytes, files, arrays and JSON-able values."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

_CHUNK = 1 << 20


def hash_bytes(data: bytes) -> str:
    """Hex sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """Hex sha256 of a file, read in chunks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_json(value: Any) -> str:
    """Hex sha256 of a JSON-able value, independent of key order."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hash_bytes(text.encode())


def hash_array(array: np.ndarray[Any, Any]) -> str:
    """Hex sha256 of dtype, shape and C-order content (NaNs by their bits)."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    rows = max(1, _CHUNK // max(1, array[:1].nbytes)) if array.ndim else 1
    if array.ndim == 0:
        digest.update(np.ascontiguousarray(array).tobytes())
    for start in range(0, len(array) if array.ndim else 0, rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).tobytes())
    return digest.hexdigest()
