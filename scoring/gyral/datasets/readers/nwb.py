"""Spikes in NWB 2 files (Neurodata Without Borders): counts of each unit in a window after the start of each trial, through h5py."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.events import Events, check_events
from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.hdf5 import opened
from gyral.datasets.readers.plain import described_units
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.source import ResponsesSource
from gyral.errors import BadDataset, UnknownName

Floats = NDArray[np.float64]
_UNITS = {"spikes": False, "spikes/s": True}  # names of units, and whether counts are divided by seconds
_ELECTRODES = "general/extracellular_ephys/electrodes"
# A window that lasts so long and holds so many trials is no window: milliseconds were written for seconds.
_LONG, _MANY = 10.0, 10
_TAKEN = {"unit", "subject", "regions", "id", "spike_times", "obs_intervals", "electrodes", "electrode_group"}


@dataclass(frozen=True, eq=False)
class _Session:
    """One file: spikes of each unit, when it was observed, and its trials."""

    path: Path
    spikes: tuple[Floats, ...]
    observed: tuple[Floats, ...] | None
    units: pd.DataFrame
    trials: pd.DataFrame
    start: Floats


def open_nwb(source: ResponsesSource, folder: Path, subject: str) -> Recording:
    """A subject's sessions, one file after the other; rows are rows of ``/intervals/NAME``, columns the units.

    Columns of ``/units`` with a value a unit become columns of the unit table, and so do ``location`` and ``group_name`` of a
    unit's (first) electrode.

    Raises
    ------
    BadDataset
        No NWB 2 file (``nwb``), no units or no such intervals (``missing-key``), no window (``source``), another unit than spikes
        (``physical-unit``), trials after the last spike or windows after the recording (``events-outside``), or units that differ
        between files (``unit-count``).
    UnknownName
        The intervals have no column ``responses.stimulus``.
    Unavailable
        h5py is not installed.
    """
    if source.unit not in _UNITS:
        raise BadDataset(
            f"unit {source.unit!r}; counts are in {' or '.join(map(repr, _UNITS))}.",
            where="responses.unit",
            code="physical-unit",
        )
    if source.count is None or source.count[0] >= source.count[1]:
        raise BadDataset(
            "nothing says which spikes are counted."
            if source.count is None
            else f"the window {list(source.count)!r} is empty.",
            where="responses.count",
            mend="count = [0.05, 0.25] (seconds after the start of each trial).",
            code="source",
        )
    sessions = [_session(path, source) for path in find_files(folder, source.files, subject)]
    first = sessions[0]
    for other in sessions[1:]:
        if other.units["unit"].tolist() != first.units["unit"].tolist():
            raise BadDataset(
                f"its {len(other.units)} units are not the {len(first.units)} of {first.path.name}.",
                where=str(other.path),
                mend="Other units are other columns: name each session as a subject of its own.",
                code="unit-count",
            )
    return Recording(
        subject=subject,
        shown=pd.concat([s.trials for s in sessions], ignore_index=True),
        units=described_units(first.units, source, folder, subject),
        parts=tuple(_part(s, source.count, rate=_UNITS[source.unit]) for s in sessions),
    )


def spike_counts(
    spikes: Floats, start: Floats, window: tuple[float, float], observed: Floats | None = None
) -> Floats:
    """Spikes of one unit in ``[start + window[0], start + window[1])`` of each trial; NaN where it was not observed throughout.

    Parameters
    ----------
    spikes : array, spikes
        Seconds, ascending.
    start : array, trials
        Seconds.
    window : (float, float)
    observed : array, intervals x 2, optional
        Seconds in which the unit was observed.

    Examples
    --------
    >>> spike_counts(np.array([0.1, 0.2, 1.1]), np.array([0.0, 1.0]), (0.1, 0.2)).tolist()
    [1.0, 1.0]
    """
    after, before = start + window[0], start + window[1]
    found = (np.searchsorted(spikes, before) - np.searchsorted(spikes, after)).astype(np.float64)
    if observed is not None and len(observed):
        seen = (observed[:, 0] <= after[:, None]) & (before[:, None] <= observed[:, 1])
        found[~seen.any(axis=1)] = np.nan
    return found


def intervals_of(path: Path) -> dict[str, list[str]]:
    """Columns of each table of intervals in a file.

    Raises
    ------
    BadDataset, Unavailable
        As `open_nwb`.
    """
    with opened(path) as file:
        _require_nwb(file, path)
        return {str(name): [str(c) for c in table] for name, table in file.get("intervals", {}).items()}


def _require_nwb(file: Any, path: Path) -> None:
    version = _text(file.attrs.get("nwb_version", file["nwb_version"][()] if "nwb_version" in file else ""))
    if not version.startswith("2"):
        raise BadDataset(
            f"NWB version {version!r}; version 2 is read." if version else "an HDF5 file, and no NWB file.",
            where=str(path),
            mend="Files of version 1 must be converted (`pynwb`); other HDF5 files are read as arrays.",
            code="nwb",
        )


def _session(path: Path, source: ResponsesSource) -> _Session:
    with opened(path) as file:
        _require_nwb(file, path)
        if "units" not in file or "spike_times" not in file["units"]:
            raise BadDataset("there is no table of units with spike times.", where=str(path), code="missing-key")
        held = file.get("intervals", {})
        if source.intervals not in held:
            known = ", ".join(map(repr, held)) or "none"
            raise BadDataset(
                f"there are no intervals {source.intervals!r}.",
                where=str(path),
                mend=f"responses.intervals names one of {known}.",
                code="missing-key",
            )
        units = file["units"]
        count = len(units["id"])
        if not count:
            raise BadDataset("its table of units is empty.", where=str(path), code="unit-count")
        spikes = tuple(np.sort(s) for s in _ragged(units, "spike_times", path))
        observed = tuple(_ragged(units, "obs_intervals", path)) if "obs_intervals" in units else None
        table = _unit_table(units, count, file, path)
        trials = _trials(held[source.intervals], source, path)
        start = np.asarray(held[source.intervals]["start_time"][()], np.float64)
        end = _end_of(held[source.intervals], observed)
    last = max((float(s[-1]) for s in spikes if len(s)), default=0.0)
    where = f"{path} ({source.intervals})"
    check_events(_sorted(start), last, "recording of spikes", where)
    if source.count is not None:
        _check_window(source.count, start, max(last, end), where)
    return _Session(path, spikes, observed, table, trials, start)


def _end_of(intervals: Any, observed: Sequence[Floats] | None) -> float:
    """Seconds up to which the intervals or the times of observation say that was recorded; 0 where they say nothing."""
    ends = [np.ravel(o) for o in observed or ()]
    if "stop_time" in intervals:
        ends.append(np.asarray(intervals["stop_time"][()], np.float64))
    return max((float(np.nanmax(e)) for e in ends if np.isfinite(e).any()), default=0.0)


def _check_window(window: tuple[float, float], start: Floats, end: float, where: str) -> None:
    """Refuse a window of counting that lies outside what was recorded, or that only milliseconds explain.

    Parameters
    ----------
    window : (float, float)
    start : array, trials
        Seconds.
    end : float
        Seconds that were recorded.
    where : str
        The file, for the message.
    """
    first, last = float(start.min()), float(start.max())
    step = float(np.median(np.diff(np.sort(start)))) if len(start) > 1 else np.inf
    reach = max(abs(window[0]), abs(window[1]))
    if last + window[0] >= end or first + window[1] <= 0:
        what = f"the window of some trials lies outside the recording, which lasts from 0 to {end:g} s"
    elif reach > max(_LONG, _MANY * step):
        what = f"the window reaches {reach:g} s, over trials that follow each other by {step:g} s"
    else:
        return
    seconds = [w / 1000 for w in window]
    raise BadDataset(
        f"responses.count = {list(window)!r}: {what}.",
        where=where,
        mend=f"The window looks like milliseconds: count = {seconds!r} (seconds)."
        if reach >= _LONG
        else "Seconds after the start of each trial are expected.",
        code="events-outside",
    )


def _sorted(start: Floats) -> Events:
    order = np.sort(start)
    return Events(order, np.zeros(len(order)), ("",) * len(order))


def _ragged(table: Any, name: str, path: Path) -> list[Floats]:
    """A column with any number of values a row; ``NAME_index`` says where each row ends."""
    values = np.asarray(table[name][()], np.float64)
    if f"{name}_index" not in table:
        raise BadDataset(
            f"{name!r} has no index, so that nobody knows whose its values are.", where=str(path), code="nwb"
        )
    ends = np.asarray(table[f"{name}_index"][()], np.int64)
    if len(ends) != len(table["id"]) or (len(ends) and (ends[-1] != len(values) or (np.diff(ends) < 0).any())):
        raise BadDataset(
            f"the index of {name!r} does not fit its {len(values)} values and {len(table['id'])} units.",
            where=str(path),
            code="nwb",
        )
    return np.split(values, ends[:-1])


def _unit_table(units: Any, count: int, file: Any, path: Path) -> pd.DataFrame:
    columns: dict[str, Any] = {"unit": [f"unit-{int(i)}" for i in units["id"][()]]}
    if len(set(columns["unit"])) != count:
        raise BadDataset("an id of a unit comes twice.", where=str(path), code="nwb")
    for name in units:
        if (
            name not in _TAKEN
            and f"{name}_index" not in units
            and not name.endswith("_index")
            and units[name].shape == (count,)
        ):
            columns[str(name)] = _values(units[name])
    if "electrodes" in units and _ELECTRODES in file:
        rows = _first_electrodes(units, path)
        for name in ("location", "group_name"):
            if name in file[_ELECTRODES] and name not in columns:
                told = _values(file[_ELECTRODES][name])
                if (rows >= len(told)).any():
                    raise BadDataset("units name electrodes that are not there.", where=str(path), code="nwb")
                columns[name] = np.where(rows >= 0, told[rows], "")
    return pd.DataFrame(columns)


def _first_electrodes(units: Any, path: Path) -> NDArray[np.int64]:
    """Row of the first electrode of each unit; -1 where it has none."""
    if "electrodes_index" not in units:
        return np.asarray(units["electrodes"][()], np.int64).reshape(len(units["id"]))
    found = _ragged(units, "electrodes", path)
    return np.array([int(own[0]) if len(own) else -1 for own in found], np.int64)


def _trials(table: Any, source: ResponsesSource, path: Path) -> pd.DataFrame:
    """One row an interval: its columns with a value each, and the stimulus as text."""
    if "start_time" not in table:
        raise BadDataset("the intervals have no start_time.", where=str(path), code="missing-key")
    count = len(table["start_time"])
    columns = {str(n): _values(table[n]) for n in table if n != "stimulus" and table[n].shape == (count,)}
    if source.stimulus not in table:
        raise UnknownName(
            f"column of intervals {source.intervals!r} of {path}:", source.stimulus, [str(n) for n in table]
        )
    stimulus = [_text(v) for v in _values(table[source.stimulus]).tolist()]
    return pd.DataFrame({**columns, "stimulus": stimulus})


def _part(session: _Session, window: tuple[float, float], *, rate: bool) -> Part:
    seconds = window[1] - window[0] if rate else 1.0

    def blocks(most: int) -> Iterator[Array]:
        for at in range(0, len(session.start), most):
            start = session.start[at : at + most]
            observed: Sequence[Floats | None] = session.observed or [None] * len(session.spikes)
            counts = [spike_counts(s, start, window, o) for s, o in zip(session.spikes, observed, strict=True)]
            yield np.stack(counts, axis=1) / seconds

    return Part(len(session.start), blocks, str(session.path))


def _values(held: Any) -> NDArray[Any]:
    values = held[()]
    return np.array([_text(v) for v in values]) if values.dtype.kind in "OS" else np.asarray(values)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
