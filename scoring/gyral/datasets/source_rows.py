"""Rows of a subject on disk: ``.npy`` files written row by row in any order, and means over repeats."""

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.writer import plain
from gyral.errors import BadDataset

_NONE = 1e-9
# Fractions and percent, µV and V, percent and NSD's percent x 300 are further apart; runs of one scanner are not.
_APART = 50.0
_NOTED = 10.0  # two people or runs may be so far apart, and nobody should learn of it from a board


def rounded(values: NDArray[Any], decimals: int | None) -> NDArray[Any]:
    """Values with so many decimals; as they are for None."""
    return values if decimals is None else np.round(np.asarray(values, np.float64), decimals)


def average_repeats(scratch: Path, samples: int, repeats: int, decimals: int | None) -> None:
    """Mean over repeats of every stimulus, one stimulus at a time."""
    # Read as a file: pages of a memory map would count as memory.
    with (scratch / "repeats.npy").open("rb") as source, (scratch / "responses.npy").open("wb") as stream:
        np.lib.format.read_magic(source)
        shape, _, _ = np.lib.format.read_array_header_1_0(source)
        width = shape[2]
        rows = Rows(stream, (samples, 1, width))
        for sample in range(samples):
            own = np.fromfile(source, np.float32, repeats * width).reshape(repeats, width)
            own = own[~np.isnan(own).all(axis=1)]
            rows.put(sample, plain(rounded(own.mean(axis=0, dtype=np.float64), decimals)))
        rows.finish()


class Sizes:
    """How large the numbers of each file are, so that files in different units are noticed."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.counts: dict[str, int] = {}

    def add(self, name: str, values: NDArray[Any]) -> None:
        """Take in a row of a file."""
        self.sums[name] = self.sums.get(name, 0.0) + float(np.abs(values).mean(dtype=np.float64))
        self.counts[name] = self.counts.get(name, 0) + 1

    @property
    def mean(self) -> float:
        """Mean absolute value over all rows; 0 without rows."""
        return sum(self.sums.values()) / max(1, sum(self.counts.values()))

    def require_one(self, subject: str) -> list[str]:
        """Refuse files whose numbers are of another size altogether; notes on those that are `_NOTED` times apart.

        Raises
        ------
        BadDataset
            Mean absolute values are `_APART` times apart or more (``mixed-units``).
        """
        every = {name: s / self.counts[name] for name, s in self.sums.items()}
        # a file that is constant has estimates of 0 but for the last digits
        sizes = {name: s for name, s in every.items() if s > _NONE * max(every.values())}
        if len(sizes) < 2:
            return []
        low, high = min(sizes, key=lambda n: sizes[n]), max(sizes, key=lambda n: sizes[n])
        if _far(sizes[high], sizes[low], _APART):
            raise BadDataset(
                f"its numbers are of a size of {sizes[high]:.3g}, those of {Path(low).name} of {sizes[low]:.3g}: the files of subject "
                f"{subject!r} are not in one unit.",
                where=high,
                mend='Bring them to one unit; or take each by itself: responses.zscore = "file".',
                code="mixed-units",
            )
        if not _far(sizes[high], sizes[low], _NOTED):
            return []
        return [_note(f"{Path(high).name} of subject {subject!r}", sizes[high], Path(low).name, sizes[low])]


def _far(high: float, low: float, times: float) -> bool:
    """True where one size is so many times the other; percent and fractions of one number are exactly 100 apart."""
    return high >= times * low


def _note(high: str, large: float, low: str, small: float) -> str:
    return f"numbers of {high} are of a size of {large:.3g}, those of {low} of {small:.3g}: are they in one unit?"


def require_one_unit(sizes: Mapping[str, float]) -> list[str]:
    """Refuse subjects whose numbers are of another size altogether; notes on those that are `_NOTED` times apart.

    Parameters
    ----------
    sizes : mapping of subject to float
        Mean absolute value; 0 where it is not known, or nothing was measured.

    Raises
    ------
    BadDataset
        `_APART` times apart or more (``mixed-units``).
    """
    known = {s: size for s, size in sizes.items() if size > 0}
    if len(known) < 2:
        return []
    low, high = min(known, key=lambda s: known[s]), max(known, key=lambda s: known[s])
    if _far(known[high], known[low], _APART):
        raise BadDataset(
            f"the numbers of subject {high!r} are of a size of {known[high]:.3g}, those of {low!r} of {known[low]:.3g}: "
            "they are not in one unit.",
            where="responses.unit",
            mend='Bring all subjects to one unit; or take each file by itself: responses.zscore = "file".',
            code="mixed-units",
        )
    if not _far(known[high], known[low], _NOTED):
        return []
    return [_note(f"subject {high!r}", known[high], repr(low), known[low])]


class Rows:
    """A ``.npy`` file written row by row in any order; rows never put are NaN. One repeat: samples x units."""

    def __init__(self, stream: IO[bytes], shape: tuple[int, int, int]) -> None:
        samples, repeats, width = shape
        self.stream, self.count, self.width = stream, samples * repeats, width
        told = (samples, width) if repeats == 1 else shape
        header = {"descr": "<f4", "fortran_order": False, "shape": told}
        np.lib.format.write_array_header_1_0(stream, header)
        self.start = stream.tell()
        self.written = np.zeros(self.count, np.bool_)

    def put(self, row: int, values: NDArray[np.float32]) -> None:
        """Write one row."""
        self.stream.seek(self.start + int(row) * self.width * 4)
        self.stream.write(values.tobytes())
        self.written[row] = True

    def finish(self) -> None:
        """Write rows nobody put."""
        nothing = np.full(self.width, np.nan, np.float32)
        for row in np.flatnonzero(~self.written):
            self.put(int(row), nothing)
