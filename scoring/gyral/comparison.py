"""Comparison: two records of one evaluation, number by number, and what they were made with.

Where code, libraries, device and processor are the same, every number must be the same to the last bit; elsewhere
within `TOLERANCE` of its size (of the largest number of its array), because the order of sums differs.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.record import Record

TOLERANCE = 1e-5

# What an evaluation was of: if one of these differs, equal numbers would mean little.
_INPUTS = {
    "model": ("model", "hash"),
    "twin": ("model", "twin"),
    "benchmark": ("benchmark", "hash"),
    "dataset": ("benchmark", "dataset_hash"),
    "split": ("benchmark", "split_hash"),
    "seed": ("provenance", "seed"),
    "request": ("provenance", "asked"),
    "readout": ("provenance", "readout"),
}
# What it was made with.
_MEANS = ("gyral", "code", "statistics", "libraries", "device", "machine")
_LEFT_OUT = {"timing", "provenance", "rows"}


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Parameters
    ----------
    where : str
        A field, a row and its field, or a file.
    kept, again : str
        What the two say.
    by : float or None
        Largest absolute difference; None where it is no number, or only one of them is there.
    """

    where: str
    kept: str
    again: str
    by: float | None = None

    def __str__(self) -> str:
        size = f" (differ by {self.by:.2g})" if self.by is not None else ""
        return f"{self.where}: {self.kept} -> {self.again}{size}"


@dataclass(frozen=True)
class Comparison:
    """What a record and its repetition have in common.

    Parameters
    ----------
    inputs, means : tuple of Difference
        Of what was evaluated (model, benchmark, dataset, split, seed, request) and of what with (code, libraries,
        device, processor).
    numbers : tuple of Difference
        Numbers and words further apart than ``tolerance``.
    tolerance : float
        0 where the means are the same, else `TOLERANCE`.
    count : int
        Numbers compared.
    largest : float
        Largest difference of two numbers, as a share of their size (at least 1).
    notes : tuple of str
        What could not be compared.
    card : tuple of Difference
        What the model's card says otherwise; where it decided a number, the model would be another.
    """

    inputs: tuple[Difference, ...]
    means: tuple[Difference, ...]
    numbers: tuple[Difference, ...]
    tolerance: float
    count: int
    largest: float
    notes: tuple[str, ...] = ()
    card: tuple[Difference, ...] = ()

    @property
    def same(self) -> bool:
        """True if the same thing was evaluated and every number is as near as it must be."""
        return not self.inputs and not self.numbers

    def __str__(self) -> str:
        if self.same and self.notes:
            return f"the same as far as could be compared: {self.count:,} numbers (see the notes)"
        if self.same and not self.largest:
            return f"the same: {self.count:,} numbers are equal to the last bit"
        if self.same:
            return f"the same: {self.count:,} numbers within {self.tolerance:g} (largest difference {self.largest:.1g})"
        what = (
            f"{len(self.numbers)} of {self.count:,} numbers"
            if self.numbers
            else "no number, but what was evaluated"
        )
        return f"not the same: {what} differ{'s' if not self.numbers else ''}"


def compare(kept: Record, again: Record, *, folders: tuple[Path, Path] | None = None) -> Comparison:
    """Compare a record with its repetition.

    Parameters
    ----------
    kept, again : Record
    folders : pair of Path, optional
        Their folders, to compare the arrays beside them as well.
    """
    inputs = tuple(_named(name, _at(kept, *path), _at(again, *path)) for name, path in _INPUTS.items())
    means = tuple(_named(name, getattr(kept.provenance, name), getattr(again.provenance, name)) for name in _MEANS)
    differing = tuple(d for d in means if d is not None)
    count = _Count(0.0 if not differing else TOLERANCE)
    found = [*count.values("", _plain(kept), _plain(again)), *count.rows(kept, again)]
    notes: list[str] = []
    if folders is not None:
        found += count.files(*folders, notes)
    return Comparison(
        tuple(d for d in inputs if d is not None),
        differing,
        tuple(found),
        count.tolerance,
        count.numbers,
        count.largest,
        tuple(notes),
        tuple(_Count(0.0).values("card", kept.model.card, again.model.card)),
    )


class _Count:
    """Walks two values side by side and counts numbers."""

    def __init__(self, tolerance: float) -> None:
        self.tolerance, self.numbers, self.largest = tolerance, 0, 0.0

    def rows(self, kept: Record, again: Record) -> Iterator[Difference]:
        first, second = (
            {(r.region, r.subject, r.layer): r.model_dump(mode="json") for r in record.rows}
            for record in (kept, again)
        )
        for cell in sorted({*first, *second}):
            where = " / ".join(cell)
            if cell not in first or cell not in second:
                there = ["a row" if cell in rows else "no row" for rows in (first, second)]
                yield Difference(where, there[0], there[1])
            else:
                yield from self.values(where, first[cell], second[cell])

    def values(self, where: str, kept: Any, again: Any) -> Iterator[Difference]:
        if isinstance(kept, Mapping) and isinstance(again, Mapping):
            for key in sorted({*kept, *again}):
                yield from self.values(_below(where, str(key)), kept.get(key), again.get(key))
        elif isinstance(kept, list) and isinstance(again, list) and len(kept) == len(again):
            for i, (a, b) in enumerate(zip(kept, again, strict=True)):
                yield from self.values(_below(where, str(i)), a, b)
        elif _is_number(kept) and _is_number(again):
            yield from self._pair(where, float(kept), float(again))
        elif kept != again:
            yield Difference(where, _short(kept), _short(again))

    def files(self, kept: Path, again: Path, notes: list[str]) -> Iterator[Difference]:
        first, second = (
            {p.name for p in folder.iterdir() if p.suffix in (".npy", ".npz", ".parquet")}
            for folder in (kept, again)
        )
        for name in sorted(second - first):
            notes.append(f"{name} is not beside the record, so it was not compared")
        for name in sorted(first):
            if name not in second:
                yield Difference(name, "there", "not made")
                continue
            for part, (a, b) in _paired(kept / name, again / name).items():
                yield from self._arrays(_below(name, part), a, b)

    def _pair(self, where: str, kept: float, again: float) -> Iterator[Difference]:
        self.numbers += 1
        if not (math.isfinite(kept) and math.isfinite(again)):
            if repr(kept) != repr(again):
                yield Difference(where, f"{kept!r}", f"{again!r}")
            return
        apart = abs(kept - again)
        share = apart / max(1.0, abs(kept))
        self.largest = max(self.largest, share)
        if share > self.tolerance:
            yield Difference(where, f"{kept!r}", f"{again!r}", apart)

    def _arrays(self, where: str, kept: NDArray[Any] | None, again: NDArray[Any] | None) -> Iterator[Difference]:
        if kept is None or again is None or kept.shape != again.shape:
            yield Difference(where, _shape(kept), _shape(again))
        elif kept.dtype.kind not in "fiub" or again.dtype.kind not in "fiub":
            if apart := int((kept.astype(str) != again.astype(str)).sum()):
                yield Difference(where, f"{kept.size} values", f"{apart} of them other ones")
        else:
            yield from self._numbers(where, np.asarray(kept, np.float64), np.asarray(again, np.float64))

    def _numbers(self, where: str, kept: NDArray[Any], again: NDArray[Any]) -> Iterator[Difference]:
        self.numbers += kept.size
        gone = np.isfinite(kept) != np.isfinite(again)
        if gone.any():
            yield Difference(
                where, f"{int(np.isfinite(kept).sum())} finite values", f"{int(np.isfinite(again).sum())}"
            )
            return
        known = np.isfinite(kept)
        if not np.array_equal(kept[~known], again[~known], equal_nan=True):
            yield Difference(where, f"{kept.size} values", "other ones of them are NaN or infinite")
            return
        if not known.any():
            return
        apart = np.abs(kept - again)[known]
        size = float(np.abs(kept[known]).max()) or 1.0
        share = float(apart.max()) / size
        self.largest = max(self.largest, share)
        if share > self.tolerance:
            n = int((apart > self.tolerance * size).sum())
            yield Difference(where, f"{kept.size} values", f"{n} of them other ones", float(apart.max()))


def _named(name: str, kept: Any, again: Any) -> Difference | None:
    if kept == again:
        return None
    if isinstance(kept, Mapping) and isinstance(again, Mapping):
        keys = [k for k in sorted({*kept, *again}) if kept.get(k) != again.get(k)]
        return Difference(
            name,
            ", ".join(f"{k} {_short(kept.get(k))}" for k in keys),
            ", ".join(f"{k} {_short(again.get(k))}" for k in keys),
        )
    return Difference(name, _short(kept), _short(again))


def _at(record: Record, part: str, field: str) -> Any:
    found = getattr(getattr(record, part), field)
    return found.model_dump(mode="json") if hasattr(found, "model_dump") else found


def _plain(record: Record) -> dict[str, Any]:
    """What else a record says; what is named among the inputs is not said twice."""
    fields = record.model_dump(mode="json", exclude=_LEFT_OUT)
    for part, field in _INPUTS.values():
        fields.get(part, {}).pop(field, None)
    fields["model"].pop("card")
    return fields


def _paired(kept: Path, again: Path) -> dict[str, tuple[NDArray[Any] | None, NDArray[Any] | None]]:
    first, second = _read(kept), _read(again)
    return {name: (first.get(name), second.get(name)) for name in sorted({*first, *second})}


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        return {str(name): frame[name].to_numpy() for name in frame}
    if path.suffix == ".npy":
        return {"": np.load(path, mmap_mode="r", allow_pickle=False)}
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _below(where: str, name: str) -> str:
    return f"{where}: {name}" if where and name else where or name


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value)
    # Hashes are known by their first letters.
    if len(text) == 64 and all(c in "0123456789abcdef" for c in text):
        return text[:12]
    return text if len(text) <= 120 else text[:117] + "..."


def _shape(array: NDArray[Any] | None) -> str:
    return "nothing" if array is None else "x".join(map(str, array.shape)) or "one value"
