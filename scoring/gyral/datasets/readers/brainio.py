"""netCDF through xarray: BrainIO assemblies (presentations x neuroids (x time bins), netCDF-4), and any array of two dimensions.

Coordinates along rows and units become columns of their tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.plain import described_units
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.source import ResponsesSource
from gyral.errors import BadDataset, Unavailable, UnknownName

_BINS = "time_bin"
_STIMULUS = ("stimulus_id", "image_id")  # the second is the older name
_TAKEN = {"unit", "subject", "regions"}
_CLASSIC = {1: "classic", 2: "64-bit offset", 5: "64-bit data"}


@dataclass(frozen=True)
class Dimensions:
    """Which dimensions an array has.

    Parameters
    ----------
    rows, units : str
    unit : str
        Coordinate that names units.
    key : str
        Variable; "": the only one of these dimensions.
    classic : bool
        Whether netCDF-3 is read, too.
    bins : bool
        Whether time bins may be a third.
    """

    rows: str
    units: str
    unit: str
    key: str = ""
    classic: bool = False
    bins: bool = False


BRAINIO = Dimensions("presentation", "neuroid", "neuroid_id", bins=True)


def open_netcdf(source: ResponsesSource, folder: Path, subject: str) -> Recording:
    """A subject's rows of an array with two dimensions, ``responses.dimensions``: rows, then units.

    Variables and coordinates along rows are columns of the trials, those along units columns of the unit table; a coordinate of
    the units' own name names them.

    Raises
    ------
    BadDataset
        Nothing says which dimension is which (``source``), or as `open_brainio`; netCDF-3 is read.
    UnknownName, Unavailable
        As `open_brainio`.
    """
    if source.dimensions is None or source.dimensions[0] == source.dimensions[1]:
        raise BadDataset(
            "nothing says which dimension holds trials and which units.",
            where="responses.dimensions",
            mend='dimensions = ["trial", "unit"], by their names in the file (`ncdump -h` shows them).',
            code="source",
        )
    rows, units = source.dimensions
    return _opened(source, folder, subject, Dimensions(rows, units, units, source.key, classic=True))


def open_brainio(source: ResponsesSource, folder: Path, subject: str) -> Recording:
    """The neuroids of a subject; rows are presentations, named by ``stimulus_id`` (``image_id``) or ``responses.stimulus``.

    Coordinates of neuroids become columns of the unit table. With ``responses.subject_name`` a subject's neuroids are those
    with its name in that coordinate; without it all are.

    Raises
    ------
    BadDataset
        No netCDF-4 (``netcdf-version``, ``not-netcdf``), no or several arrays of presentations x neuroids (``assembly``), several
        time bins and none chosen (``time-bins``), neuroids that differ between files (``unit-count``), or none of the subject's.
    UnknownName
        No such coordinate.
    Unavailable
        xarray or h5netcdf is not installed (``extra-missing``).
    """
    return _opened(source, folder, subject, BRAINIO)


def _opened(source: ResponsesSource, folder: Path, subject: str, dims: Dimensions) -> Recording:
    parts, shown, tables = [], [], []
    for path in find_files(folder, source.files, subject):
        with assembly(path, dims) as held:
            _require_one_bin(held, source, path)
            chosen = _neuroids(held, source, subject, path, dims)
            tables.append(_units(held, chosen, path, dims))
            shown.append(_shown(held, source, path, dims))
            parts.append(_part(path, source, chosen, held.sizes[dims.rows], dims))
        if tables[-1]["unit"].tolist() != tables[0]["unit"].tolist():
            raise BadDataset(
                f"its neuroids of subject {subject!r} are not those of the first file.",
                where=str(path),
                code="unit-count",
            )
    return Recording(
        subject=subject,
        shown=pd.concat(shown, ignore_index=True),
        units=described_units(tables[0], source, folder, subject),
        parts=tuple(parts),
    )


@contextmanager
def assembly(path: Path, dims: Dimensions = BRAINIO) -> Iterator[Any]:
    """The array of a file, on the disk still, with its coordinates (an xarray DataArray).

    Raises
    ------
    BadDataset, Unavailable
        As `open_brainio`.
    """
    engine = _engine(path, dims)
    try:
        import h5netcdf  # noqa: F401 - an extra: xarray finds it by its name
        import xarray
    except ModuleNotFoundError:
        raise Unavailable(
            "netCDF files need the packages 'xarray' and 'h5netcdf'.",
            where=str(path),
            mend="pip install 'gyral[netcdf]'",
            code="extra-missing",
        ) from None
    try:
        options: dict[str, Any] = {"phony_dims": "access"} if engine == "h5netcdf" else {}
        dataset = xarray.open_dataset(path, engine=engine, decode_times=False, **options)
    except Exception as error:  # noqa: BLE001 - the reader of a foreign format raises whatever it likes
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadDataset(
            f"not a netCDF file that can be read: {what}.", where=str(path), code="not-netcdf"
        ) from None
    with dataset:
        wanted = {dims.rows, dims.units}
        if dims.key and dims.key not in dataset.data_vars:
            raise UnknownName(f"variable of {path}:", dims.key, [str(n) for n in dataset.data_vars])
        names = [dims.key] if dims.key else [n for n, v in dataset.data_vars.items() if wanted <= set(v.dims)]
        further = [n for n, v in dataset.data_vars.items() if n not in names and len(v.dims) == 1]
        found = [dataset.set_coords(further)[n] for n in names]
        allowed = wanted | ({_BINS} if dims.bins else set())
        if len(found) != 1 or not wanted <= set(found[0].dims) <= allowed:
            held = "; ".join(f"{n}: {' x '.join(map(str, v.dims))}" for n, v in dataset.data_vars.items())
            bins = f" (x {_BINS})" if dims.bins else ""
            raise BadDataset(
                f"{len(found) or 'no'} array of {dims.rows} x {dims.units}{bins}; one is expected.",
                where=str(path),
                mend=f"It holds {held or 'nothing'}.",
                code="assembly",
            )
        if found[0].dtype.kind not in "fiu":
            raise BadDataset(f"its array holds {found[0].dtype}, no numbers.", where=str(path), code="assembly")
        yield found[0]


def why_no_netcdf(path: Path) -> str:
    """What stands at the start of a file instead of netCDF of any version; "" where it is netCDF."""
    try:
        _engine(path, BRAINIO)
    except BadDataset as error:
        return error.what if error.code == "not-netcdf" else ""
    return ""


def _engine(path: Path, dims: Dimensions) -> Literal["h5netcdf", "scipy"]:
    """What reads the file, by its first bytes."""
    try:
        with path.open("rb") as stream:
            start = stream.read(8)
    except OSError as error:
        raise BadDataset(f"cannot be read: {error}.", where=str(path), code="not-netcdf") from None
    if start[:3] == b"CDF" and len(start) > 3:
        kind = _CLASSIC.get(start[3], f"version {start[3]}")
        if dims.classic and start[3] in (1, 2):
            return "scipy"
        what = "this reader takes CDF-1, CDF-2 and netCDF-4" if dims.classic else "BrainIO assemblies are netCDF-4"
        raise BadDataset(
            f"netCDF-3 ({kind}, CDF-{start[3]}); {what}.",
            where=str(path),
            mend="Write it again as netCDF-4 (nccopy -k nc4 OLD NEW).",
            code="netcdf-version",
        )
    if start != b"\x89HDF\r\n\x1a\n":
        raise BadDataset(f"not a netCDF file; it begins with {start!r}.", where=str(path), code="not-netcdf")
    return "h5netcdf"


def _coordinate(held: Any, name: str, along: str, path: Path) -> NDArray[Any]:
    if name not in held.coords or held.coords[name].dims != (along,):
        known = [str(c) for c in held.coords if held.coords[c].dims == (along,)]
        raise UnknownName(f"coordinate of {along} in {path}:", name, known)
    values = held.coords[name].values
    return np.array([_text(v) for v in values]) if values.dtype.kind in "OSU" else np.asarray(values)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _neuroids(held: Any, source: ResponsesSource, subject: str, path: Path, dims: Dimensions) -> NDArray[np.int64]:
    if source.subject_name is None:
        if len(source.subjects) > 1:
            raise BadDataset(
                "several subjects are named, and no coordinate says whose each neuroid is.",
                where="responses.subject_name",
                mend='subject_name = "subject" (or "animal") names the coordinate.',
                code="source",
            )
        return np.arange(held.sizes[dims.units])
    names = [_text(v) for v in _coordinate(held, source.subject_name, dims.units, path).tolist()]
    own = np.flatnonzero([n == subject for n in names]).astype(np.int64)
    if not len(own):
        raise UnknownName(f"{source.subject_name} in {path}:", subject, set(names))
    return own


def _units(held: Any, chosen: NDArray[np.int64], path: Path, dims: Dimensions) -> pd.DataFrame:
    names = [c for c in map(str, held.coords) if held.coords[c].dims == (dims.units,)]
    columns = {n: _coordinate(held, n, dims.units, path)[chosen] for n in names if n not in _TAKEN - {dims.unit}}
    units = columns.pop(dims.unit, chosen + 1)
    columns.pop(dims.units, None)  # an index without meaning of its own
    table = pd.DataFrame({"unit": [_text(u) for u in units.tolist()], **columns})
    if table["unit"].duplicated().any():
        twice = table["unit"][table["unit"].duplicated()].iloc[0]
        raise BadDataset(f"{dims.units} {twice!r} stands in it twice.", where=str(path), code="assembly")
    return table


def _shown(held: Any, source: ResponsesSource, path: Path, dims: Dimensions) -> pd.DataFrame:
    names = [c for c in map(str, held.coords) if held.coords[c].dims == (dims.rows,)]
    wanted = source.stimulus
    if (
        dims is BRAINIO and wanted == "stimulus" and wanted not in names
    ):  # nobody asked for another than BrainIO's own
        wanted = next((n for n in _STIMULUS if n in names), _STIMULUS[0])
    columns = {n: _coordinate(held, n, dims.rows, path) for n in names}
    return pd.DataFrame(
        {**columns, "stimulus": [_text(v) for v in _coordinate(held, wanted, dims.rows, path).tolist()]}
    )


def _bin(held: Any, source: ResponsesSource, path: Path) -> int:
    starts = _coordinate(held, "time_bin_start", _BINS, path).tolist()
    ends = _coordinate(held, "time_bin_end", _BINS, path).tolist()
    bins = [(float(a), float(b)) for a, b in zip(starts, ends, strict=True)]
    if source.time_bin not in bins:
        named = ", ".join(f"[{a:g}, {b:g}]" for a, b in bins[:12])
        raise BadDataset(
            f"{len(bins)} time bins, and "
            + ("none is chosen." if source.time_bin is None else f"none is {list(source.time_bin)!r}."),
            where=str(path),
            mend=f"responses.time_bin names one of {named}.",
            code="time-bins",
        )
    return bins.index(source.time_bin)


def _require_one_bin(held: Any, source: ResponsesSource, path: Path) -> None:
    if held.sizes.get(_BINS, 1) > 1 or source.time_bin is not None:
        if _BINS not in held.dims:
            raise BadDataset("it has no time bins.", where=str(path), mend="Leave time_bin out.", code="time-bins")
        _bin(held, source, path)


def _part(path: Path, source: ResponsesSource, chosen: NDArray[np.int64], rows: int, dims: Dimensions) -> Part:
    def blocks(most: int) -> Iterator[Array]:
        with assembly(path, dims) as held:
            one = held
            if _BINS in held.dims:
                one = held.isel({_BINS: 0 if held.sizes[_BINS] == 1 else _bin(held, source, path)})
            one = one.transpose(dims.rows, dims.units)
            for start in range(0, rows, most):
                yield np.asarray(one.isel({dims.rows: slice(start, start + most)}).values)[:, chosen]

    return Part(int(rows), blocks, str(path))
