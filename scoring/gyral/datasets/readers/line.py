"""Line: a number for each place in a file of its own, as many parcellations of surfaces are given away (``.npy``, ``.csv``, ``.txt``)."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

LINES = (".npy", ".npz", ".csv", ".txt")  # of .npz it is said what to do


def read_line(path: Path) -> NDArray[np.float64]:
    """The numbers of a file: an array of one axis in ``.npy``, or text with a number a line (or all in one, parted by commas).

    Raises
    ------
    BadDataset
        Something else than one row of numbers (``array``).
    """
    if path.suffix == ".npy":
        return _array(path)
    if path.suffix == ".npz":
        raise BadDataset(
            "an archive of several arrays.",
            where=str(path),
            mend='Save the one with a number a place: np.save("atlas.npy", np.load("atlas.npz")["map_all"]), '
            "and a table with index and name beside it.",
            code="array",
        )
    try:
        lines = path.read_text("utf-8").split()
        cells = [cell for line in lines for cell in line.split(",") if cell]
        return np.array([float(cell) for cell in cells], np.float64)
    except (OSError, ValueError) as error:
        raise BadDataset(
            f"not a list of numbers: {error}.",
            where=str(path),
            mend="A number a place, a line each, without a heading.",
            code="array",
        ) from None


def _array(path: Path) -> NDArray[np.float64]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise BadDataset(f"not a plain .npy array: {error}.", where=str(path), code="array") from None
    if array.ndim != 1 or array.dtype.kind not in "fiub":
        raise BadDataset(
            f"shape {array.shape!r}, {array.dtype}; a .npy with a number for each column of the responses is expected.",
            where=str(path),
            code="array",
        )
    return np.asarray(array, np.float64)


def placed_line(path: Path, counts: Mapping[str, int], side: str, called: str) -> dict[str, NDArray[np.float64]]:
    """The numbers of a line over hemispheres: of all of them, one behind the other, or of the one that its name says.

    Parameters
    ----------
    path : Path
    counts : mapping of hemisphere to number of places
    side : str
        Hemisphere in the file's name; "" where it says none.
    called : str
        What errors call a place ("vertices").

    Raises
    ------
    BadDataset
        Another number of places (``image-shape``).
    """
    values = np.nan_to_num(read_line(path))
    if side in counts and len(values) == counts[side]:
        return {side: values}
    if len(values) != sum(counts.values()):
        told = f"{counts[side]} {side}" if side in counts else str(sum(counts.values()))
        raise BadDataset(
            f"{len(values)} values; the responses have {told} {called}.",
            where=str(path),
            mend="A value a place is expected, left hemisphere first; places that were left out of the responses (the wall "
            "between the hemispheres) are left out of it, too.",
            code="image-shape",
        )
    ends = np.cumsum(list(counts.values()))[:-1]
    return dict(zip(counts, np.split(values, ends), strict=True))
