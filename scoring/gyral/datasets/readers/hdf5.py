"""Arrays in HDF5 files, read a block at a time through h5py."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gyral.errors import BadDataset, Unavailable

HDF5 = (".h5", ".hdf5", ".hf5")
DISSIMILARITIES = "dissimilarities"  # how rsatoolbox calls its variable


def is_hdf5(path: Path) -> bool:
    """True for names of HDF5 files."""
    return path.suffix.lower() in HDF5


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The file, for reading.

    Raises
    ------
    BadDataset
        No HDF5 file, or cut off (``not-hdf5``).
    Unavailable
        h5py is not installed (``extra-missing``).
    """
    try:
        import h5py  # an extra: only this format needs it
    except ModuleNotFoundError:
        raise Unavailable(
            "HDF5 files need the package 'h5py'.",
            where=str(path),
            mend="pip install 'gyral[hdf5]'",
            code="extra-missing",
        ) from None
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError:
        raise BadDataset("no such file.", where=str(path), code="file-missing") from None
    except OSError as error:
        cut = h5py.is_hdf5(path)
        what = f"not an HDF5 file that can be read: {error}." if cut else "this is no HDF5 file."
        raise BadDataset(what, where=str(path), code="not-hdf5") from None


def shapes_in(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the variables that hold numbers, single ones left out, by name.

    Raises
    ------
    BadDataset, Unavailable
        As `opened`.
    """
    shapes: dict[str, tuple[int, ...]] = {}

    def keep(name: str, item: Any) -> None:
        # Of groups, neither shape nor type are known.
        if hasattr(item, "dtype") and item.dtype.kind in "fiu" and item.shape:
            shapes[name] = item.shape

    with opened(path) as file:
        file.visititems(keep)
    return shapes


def tables_in(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Of the shapes of variables those of two axes, neither a single line nor square."""
    return {n: s for n, s in shapes.items() if len(s) == 2 and min(s) > 1 and s[0] != s[1]}


def listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Names and shapes of variables, the first twelve.

    >>> listed({"betas": (40, 12)})
    'betas (40 x 12)'
    """
    return ", ".join(f"{n} ({' x '.join(map(str, s))})" for n, s in list(shapes.items())[:12])


def variable(file: Any, key: str, path: Path, axes: int) -> Any:
    """A variable with so many axes of numbers, on the disk still; without a key the only one.

    Raises
    ------
    BadDataset
        No such variable (``missing-key``), or another shape or type (``array``).
    """
    import h5py

    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    if not key and len(names) == 1:
        key = names[0]
    if key.strip("/") not in names:
        known = ", ".join(repr(n) for n in names[:12]) or "none"
        what = f"there is no variable {key!r}" if key else f"it holds {len(names)} variables, and none is named"
        raise BadDataset(f"{what}.", where=str(path), mend=f"key names one of {known}.", code="missing-key")
    found = file[key]
    if found.ndim != axes or found.dtype.kind not in "fiu":
        raise BadDataset(
            f"{key!r} has shape {found.shape!r}, {found.dtype}; numbers with {axes} axes are expected.",
            where=str(path),
            code="array",
        )
    return found
