"""Dissimilarity matrices in ``.npy``, ``.npz``, ``.mat`` and rsatoolbox's ``.hdf5``."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.hdf5 import DISSIMILARITIES, is_hdf5, opened
from gyral.datasets.readers.matlab import read_matlab, square
from gyral.datasets.responses import RegionRdms
from gyral.datasets.source import RdmSource
from gyral.errors import BadDataset, UnknownName

# rsatoolbox's name of the stack of upper triangles.


def read_rdms(source: RdmSource, path: Path) -> RegionRdms:
    """The matrices of one region, subjects x sessions x samples x samples.

    A file may hold one matrix, a stack of them (subjects), or stacks of stacks (subjects x sessions); square, or as upper
    triangles in the order of `scipy.spatial.distance.squareform`. Structs with a field ``RDM`` (Matlab's RSA toolbox)
    are a stack.

    Raises
    ------
    BadDataset
        Not such a file, no such shape (``rdm-shape``), or names of another number of subjects.
        Several variables, and none is named (``missing-key``).
    UnknownName
        The file has no such variable.
    """
    found = _variables(path)
    value = _pick(found, source.key, path)
    values = _stacked(value, path)
    names = list(source.subjects)
    if source.subjects_key is not None:
        names = [str(n) for n in np.ravel(_pick(found, source.subjects_key, path))]
    names = names or [f"subject-{i + 1:02d}" for i in range(len(values))]
    if len(names) != len(values):
        raise BadDataset(
            f"{len(names)} subjects are named, {len(values)} have matrices.", where=str(path), code="rdm-shape"
        )
    return RegionRdms(source.region, source.kind, values, tuple(names))


def _variables(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix == ".mat":
        return {k: v for k, v in read_matlab(path).items() if not k.startswith("__")}
    if is_hdf5(path):
        return _hdf5(path)
    if suffix not in (".npy", ".npz"):
        raise BadDataset(
            f"matrices rest in .npy, .npz, .mat or .hdf5; this file ends with {suffix!r}.",
            where=str(path),
            code="rdm-shape",
        )
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded as arrays:
            return {k: arrays[k] for k in arrays.files}
    except (ValueError, EOFError, OSError) as error:
        raise BadDataset(f"not a plain array file: {error}.", where=str(path), code="rdm-shape") from None


def _hdf5(path: Path) -> dict[str, Any]:
    with opened(path) as file:
        import h5py  # an extra; `opened` has said so where it is missing

        found: dict[str, Any] = {
            k: np.asarray(v) for k, v in file.items() if isinstance(v, h5py.Dataset) and v.shape
        }
        described = file.get("rdm_descriptors")
        if isinstance(described, h5py.Group):
            found |= {k: v.asstr()[...] for k, v in described.items() if h5py.check_string_dtype(v.dtype)}
    return found


def _pick(found: dict[str, Any], key: str | None, path: Path) -> Any:
    if key is None:
        if len(found) == 1:
            return next(iter(found.values()))
        key = DISSIMILARITIES
        if key not in found:
            raise BadDataset(
                f"it holds {len(found)} variables, and none is named.",
                where=str(path),
                mend=f"key names one of {', '.join(map(repr, found)) or 'none'}.",
                code="missing-key",
            )
    if key not in found:
        raise UnknownName(f"variable of {path}:", key, found)
    return found[key]


def _stacked(value: Any, path: Path) -> NDArray[np.float32]:
    array = np.asarray(value)
    if array.dtype == object:  # structs
        try:
            array = np.stack([square(item.RDM) for item in np.ravel(array)])
        except (AttributeError, ValueError) as error:
            raise BadDataset(f"no stack of matrices: {error}.", where=str(path), code="rdm-shape") from None
    if array.dtype.kind not in "fiu":
        raise BadDataset(f"{array.dtype} is no number.", where=str(path), code="rdm-shape")
    is_square = array.ndim >= 2 and array.shape[-1] == array.shape[-2]
    if not is_square:
        try:
            flat = array.reshape(-1, array.shape[-1])
            array = np.stack([square(row) for row in flat]).reshape(*array.shape[:-1], *square(flat[0]).shape)
        except (ValueError, IndexError):
            raise BadDataset(
                f"shape {array.shape!r} is neither square matrices nor upper triangles.",
                where=str(path),
                code="rdm-shape",
            ) from None
    full = array.reshape((1,) * (3 - array.ndim) + array.shape) if array.ndim < 3 else array
    if full.ndim == 3:
        full = full[:, None]
    if full.ndim != 4:
        raise BadDataset(f"shape {array.shape!r} has too many axes.", where=str(path), code="rdm-shape")
    return np.asarray(full, np.float32)
