"""Arrays of trials x units in ``.npy``, HDF5 or ``.mat``, one file or one a hemisphere, read a block of rows at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.hdf5 import is_hdf5, opened, variable
from gyral.datasets.readers.line import placed_line
from gyral.datasets.readers.matlab import matrix_shape, read_matrix
from gyral.datasets.readers.plain import described_units, shown_trials
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.readers.space import choose_units
from gyral.datasets.readers.surface import pair_hemispheres, side_of
from gyral.datasets.source import RegionSource, ResponsesSource
from gyral.errors import BadDataset

_AT_ONCE = 1 << 28  # bytes of float32 that one pass over a file with units as rows brings


def open_array(source: ResponsesSource, regions: Sequence[RegionSource], folder: Path, subject: str) -> Recording:
    """A subject's arrays, one after the other; where both hemispheres have files (``lh``, ``rh``), side by side.

    Every column is a unit unless ``responses.mask`` says which. Masks and label arrays of regions are files with a value a
    column (`gyral.datasets.readers.line`).

    Raises
    ------
    BadDataset
        A file is no plain array of two axes (``array``, ``missing-key``), arrays differ in units, hemispheres in rows, or rows
        are more or fewer than the table's.
    """
    groups = _grouped(find_files(folder, source.files, subject))
    matrices = [
        {side: _matrix(path, source.key, source.transposed) for side, path in group.items()} for group in groups
    ]
    widths = [{side: m.columns for side, m in group.items()} for group in matrices]
    for width, group in zip(widths, groups, strict=True):
        if width != widths[0]:
            counts = [sum(w.values()) for w in widths]
            raise BadDataset(
                f"files of subject {subject!r} have {sorted(set(counts))!r} units; one number is expected.",
                where=", ".join(str(p) for p in group.values()),
                code="array",
            )
    space = Columns(widths[0])
    chosen = choose_units(space, source, regions, folder, subject, every=True)
    parts = tuple(_part(group, chosen.places) for group in matrices)
    units = space.units(chosen.places, space=None)
    return Recording(
        subject=subject,
        shown=shown_trials(source, folder, subject, sum(p.rows for p in parts), space.size),
        units=described_units(units, source, folder, subject),
        parts=parts,
        regions=chosen.regions,
    )


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of one array, or of one a hemisphere side by side.

    Parameters
    ----------
    counts : dict of hemisphere ("" for one array) to number of columns
    """

    counts: dict[str, int]

    @property
    def size(self) -> int:
        """Number of columns."""
        return sum(self.counts.values())

    def labels(self, paths: Sequence[Path]) -> tuple[NDArray[np.float64], dict[int, str]]:
        """Values of a file for all columns or one a hemisphere, a number a column; no names. See `Space`."""
        parts = {side: np.zeros(count) for side, count in self.counts.items()}
        for path in paths:
            side = "" if "" in self.counts else side_of(path)
            for own, values in placed_line(path, self.counts, side, "columns").items():
                parts[own] = np.where(values > 0, values, parts[own])
        return np.concatenate(list(parts.values())), {}

    def units(self, chosen: NDArray[np.int64], *, space: str | None) -> pd.DataFrame:
        """``unit-001`` ..., or ``lh-000001`` ... and the hemisphere."""
        if "" in self.counts:
            digits = max(3, len(str(self.size)))
            return pd.DataFrame({"unit": [f"unit-{i + 1:0{digits}d}" for i in chosen]})
        side = np.repeat(list(self.counts), list(self.counts.values()))[chosen]
        number = np.concatenate([np.arange(n) for n in self.counts.values()])[chosen]
        names = [f"{s[0]}h-{n + 1:06d}" for s, n in zip(side, number, strict=True)]
        return pd.DataFrame({"unit": names, "hemisphere": side.astype(str)})


@dataclass(frozen=True)
class _Matrix:
    """Rows x columns of numbers in one file."""

    path: Path
    key: str
    rows: int
    columns: int
    transposed: bool = False

    def blocks(self, most: int) -> Iterator[Array]:
        if self.transposed:
            yield from self._turned(most)
            return
        if is_hdf5(self.path):
            with opened(self.path) as file:
                held = variable(file, self.key, self.path, 2)
                for start in range(0, self.rows, most):
                    yield held[start : start + most]
            return
        if self.path.suffix == ".mat":
            array: NDArray[Any] = read_matrix(self.path, self.key)
        else:
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        for start in range(0, self.rows, most):
            yield np.asarray(array[start : start + most])

    def _turned(self, most: int) -> Iterator[Array]:
        # Rows of the file are units: each pass over it costs as much as the next, so that a pass fetches many trials.
        width = max(most, _AT_ONCE // (4 * max(1, self.columns)))
        with opened(self.path) as file:
            held = variable(file, self.key, self.path, 2)
            for start in range(0, self.rows, width):
                block = held[:, start : start + width].astype(np.float32).T
                for at in range(0, len(block), most):
                    yield np.ascontiguousarray(block[at : at + most])


def _grouped(paths: list[Path]) -> list[dict[str, Path]]:
    # names that say nothing of a side are arrays of all units
    sides = {side_of(p) for p in paths}
    return pair_hemispheres(paths) if sides == {"left", "right"} else [{"": p} for p in paths]


def _matrix(path: Path, key: str, transposed: bool) -> _Matrix:
    if is_hdf5(path):
        with opened(path) as file:
            rows, columns = (int(n) for n in variable(file, key, path, 2).shape)
        return _Matrix(path, key, columns, rows, True) if transposed else _Matrix(path, key, rows, columns)
    if transposed:
        raise BadDataset(
            "only HDF5 is read with units as rows.",
            where="responses.transposed",
            mend="numpy.save(path, array.T) saves an array turned round.",
            code="source",
        )
    if path.suffix == ".mat":
        return _Matrix(path, key, *matrix_shape(path, key))
    array = _loaded(path)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise BadDataset(
            f"shape {array.shape!r}, {array.dtype}; numbers, trials x units, are expected.",
            where=str(path),
            code="array",
        )
    return _Matrix(path, "", *array.shape)


def _loaded(path: Path) -> NDArray[np.generic]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadDataset(
            f"not a plain .npy array: {error}.",
            where=str(path),
            mend="Arrays are read from .npy, .mat and HDF5 (.h5, .hdf5); tables by the reader 'table'.",
            code="array",
        ) from None
    if not isinstance(array, np.ndarray):
        raise BadDataset("an archive of arrays, not one.", where=str(path), code="array")
    return array


def _part(group: dict[str, _Matrix], chosen: NDArray[np.int64]) -> Part:
    lengths = {side: m.rows for side, m in group.items()}
    names = ", ".join(str(m.path) for m in group.values())
    if len(set(lengths.values())) > 1:
        raise BadDataset(
            f"the hemispheres have different numbers of rows: {lengths!r}.", where=names, code="trial-count"
        )
    whole = len(chosen) == sum(m.columns for m in group.values())

    def blocks(most: int) -> Iterator[Array]:
        for sides in zip(*(m.blocks(most) for m in group.values()), strict=True):
            block = sides[0] if len(sides) == 1 else np.concatenate(sides, axis=1)
            yield block if whole else block[:, chosen]

    return Part(next(iter(lengths.values())), blocks, names)
