"""MATLAB files (version 7 or older): dissimilarity matrices, and arrays of trials x units."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

_NUMBERS = {"double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"}


def read_matlab(path: Path) -> dict[str, Any]:
    """Variables of a ``.mat`` file (version 7 or older), structs as records with squeezed fields.

    Raises
    ------
    BadDataset
        Not such a file.
    """
    from scipy.io import loadmat  # slow import, only for this format

    with _reading(path):
        variables: dict[str, Any] = loadmat(path, squeeze_me=True, struct_as_record=False)
    return variables


def read_cells(path: Path, names: Sequence[str]) -> dict[str, Any]:
    """Some variables of a ``.mat`` file: cells as lists, texts as str, structs as dictionaries; those not there are left out.

    Raises
    ------
    BadDataset
        Not such a file.
    """
    from scipy.io import loadmat  # slow import, only for this format

    with _reading(path):
        found: dict[str, Any] = loadmat(path, struct_as_record=False, variable_names=list(names))
    return {name: _plain(found[name]) for name in names if name in found}


def _plain(value: Any) -> Any:
    """MATLAB's nested arrays of objects as lists, texts and dictionaries; arrays of numbers as they are."""
    if hasattr(value, "_fieldnames"):
        return {name: _plain(getattr(value, name)) for name in value._fieldnames}
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "U":
        return (
            str(value.ravel()[0]) if value.size == 1 else "" if not value.size else [str(v) for v in value.ravel()]
        )
    if value.dtype.kind != "O":
        return value
    inside = [_plain(v) for v in value.ravel(order="F")]
    return inside[0] if len(inside) == 1 and isinstance(inside[0], dict) else inside


def matrix_shape(path: Path, key: str) -> tuple[int, int]:
    """Rows and columns of a variable, without reading it.

    Raises
    ------
    BadDataset
        No such variable (``missing-key``), or no matrix of numbers (``array``).
    """
    from scipy.io import whosmat  # slow import, only for this format

    with _reading(path):
        held = {name: (shape, kind) for name, shape, kind in whosmat(path)}
    matrices = [n for n, (shape, kind) in held.items() if len(shape) == 2 and kind in _NUMBERS and min(shape) > 1]
    if not key and len(matrices) == 1:
        key = matrices[0]
    if key not in held:
        known = ", ".join(repr(n) for n in held) or "none"
        what = f"there is no variable {key!r}" if key else f"it holds {len(held)} variables, and none is named"
        raise BadDataset(f"{what}.", where=str(path), mend=f"key names one of {known}.", code="missing-key")
    shape, kind = held[key]
    if len(shape) != 2 or kind not in _NUMBERS:
        raise BadDataset(
            f"{key!r} has shape {shape!r}, {kind}; numbers with 2 axes are expected.",
            where=str(path),
            code="array",
        )
    return int(shape[0]), int(shape[1])


def read_matrix(path: Path, key: str) -> NDArray[np.float32]:
    """A variable of numbers; without a key the only matrix."""
    from scipy.io import loadmat  # slow import, only for this format

    with _reading(path):
        found = loadmat(path, variable_names=[key] if key else None)
    names = [key] if key else [n for n in found if not n.startswith("__") and np.shape(found[n])[0] > 1]
    return np.asarray(found[names[0]], np.float32)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """scipy's complaints about a file as ours.

    Raises
    ------
    BadDataset
        ``not-matlab``.
    """
    from scipy.io.matlab import MatReadError

    try:
        yield
    except FileNotFoundError:
        raise BadDataset("no such file.", where=str(path), code="file-missing") from None
    except NotImplementedError:
        raise BadDataset(
            "a MATLAB file of version 7.3, which is HDF5.",
            where=str(path),
            mend="Save it with -v7; or rename it to .h5 and say transposed = true, since MATLAB turns axes round.",
            code="not-matlab",
        ) from None
    except (MatReadError, ValueError, TypeError, IndexError, OSError, EOFError, zlib.error, struct.error) as error:
        raise BadDataset(
            f"not a MATLAB file that can be read: {error}.", where=str(path), code="not-matlab"
        ) from None


def square(rdm: NDArray[Any]) -> NDArray[np.float32]:
    """A dissimilarity matrix, samples x samples, from a square one or the vector of its upper triangle.

    Raises
    ------
    ValueError
        Neither.
    """
    from scipy.spatial.distance import squareform  # slow import, only for this format

    values = np.asarray(rdm, np.float64)
    full = values if values.ndim == 2 else squareform(values, checks=False)
    if full.ndim != 2 or full.shape[0] != full.shape[1]:
        raise ValueError(f"a dissimilarity matrix has shape {values.shape!r}")
    return np.asarray(full, np.float32)
