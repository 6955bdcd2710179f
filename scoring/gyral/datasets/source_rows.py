"""Rows of a subject on disk: ``.npy`` files written row by row in any order, and means over repeats."""

from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.writer import plain


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
