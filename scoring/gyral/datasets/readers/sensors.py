"""Recordings of M/EEG as rows of a source: a row a trial, a column for each sensor at each time."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.electrodes import read_channels, read_electrodes
from gyral.datasets.readers.entities import require_paired
from gyral.datasets.readers.events import events_table
from gyral.datasets.readers.files import column, find_file, find_files, read_table, rows_named, texts
from gyral.datasets.readers.mne_epochs import Opened, open_epochs, require_alike
from gyral.datasets.readers.mne_files import SLACK, UNITS, UNSCALED, EpochPlan, standard_montage
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.source import EpochsSource, ResponsesSource
from gyral.errors import BadDataset, UnknownName

_ENTITY = re.compile(r"(?:^|_)((?:sub|ses|run)-[A-Za-z0-9]+)")
_ONSET, _TIME, _PLACE = 4, 6, 4  # decimals of seconds, and of metres
_TAKEN = {"subject", "regions", "unit", "sensor", "time"}


def open_sensors(
    source: ResponsesSource, epochs: EpochsSource | None, folder: Path, subject: str, *, named: bool
) -> Recording:
    """A subject's recordings, one after the other; sensors in the order of the first.

    Parameters
    ----------
    source : ResponsesSource
    epochs : EpochsSource or None
    folder : Path
    subject : str
    named : bool
        True where trials name stimuli of a table: by ``responses.trials``, a column ``responses.stimulus`` of the file's own
        table of epochs, or the labels of events. False where every trial is a stimulus of its own.

    Raises
    ------
    BadDataset
        As `open_epochs` and `require_alike`; or there is no table ``[epochs]`` (``source``), the unit is not the files'
        (``physical-unit``), trials are more or fewer than their table (``trial-count``), or a table is of another run by its
        name (``entities``).
    """
    epochs = require_epochs(epochs)
    plan = plan_of(source, epochs)
    paths = find_files(folder, source.files, subject)
    tables = [None] * len(paths) if source.events is None else find_files(folder, source.events, subject)
    if len(tables) != len(paths):
        raise BadDataset(
            f"{len(tables)} events tables for {len(paths)} recordings of subject {subject!r}.",
            where=str(folder),
            mend="Every recording needs its own table; they are matched in order of their names.",
            code="trial-count",
        )
    for path, table in zip(paths, tables, strict=True):
        if table is not None:
            require_paired(path, table, "events table")
    told = read_channels(source, folder, subject, paths)
    runs = [
        open_epochs(
            path,
            plan if channels is None else replace(plan, types=channels.types, left_out=channels.bad),
            name=name,
            events=None if table is None else events_table(table, source),
        )
        for path, name, table, channels in zip(paths, _names(paths), tables, told, strict=True)
    ]
    require_alike(runs)
    shown = pd.concat([_shown(run) for run in runs], ignore_index=True)
    if named:
        shown["stimulus"] = _stimuli(runs, shown, source, folder, subject)
    first = runs[0]
    return Recording(
        subject=subject,
        shown=shown,
        units=sensor_units(first.sensors, first.times, first.type, first.places, source, folder, subject),
        parts=tuple(_part(run, first.sensors, str(path)) for run, path in zip(runs, paths, strict=True)),
    )


def require_epochs(epochs: EpochsSource | None) -> EpochsSource:
    """The table ``[epochs]``.

    Raises
    ------
    BadDataset
        There is none (``source``), or times in it make no sense (``time-axis``), or its filter (``filter-band``).
    """
    if epochs is None:
        raise BadDataset(
            "recordings of M/EEG need a table [epochs].",
            where="dataset.toml",
            mend="[epochs] start = -0.1, stop = 0.6 (seconds round each event), window = [0.1, 0.5].",
            code="source",
        )
    _require_sense(epochs)
    return epochs


def _require_sense(epochs: EpochsSource) -> None:
    """Refuse what mne would take for something else, or complain about file by file."""
    if epochs.start >= epochs.stop:
        raise BadDataset(
            f"trials reach from {epochs.start:g} to {epochs.stop:g} s; the start must be before the stop.",
            where="epochs.start",
            code="time-axis",
        )
    if not epochs.start - SLACK <= epochs.window[0] <= epochs.window[1] <= epochs.stop + SLACK:
        raise BadDataset(
            f"the window {list(epochs.window)!r} is no stretch of the trial, {epochs.start:g} to {epochs.stop:g} s.",
            where="epochs.window",
            mend="The window is two times in seconds after the event, between start and stop.",
            code="time-axis",
        )
    if epochs.low is not None and epochs.high is not None and epochs.low >= epochs.high:
        raise BadDataset(
            f"the filter lets frequencies above {epochs.low:g} and below {epochs.high:g} Hz through, which are none.",
            where="epochs.low",
            mend="low is the lowest frequency that stays, high the highest.",
            code="filter-band",
        )
    if (
        isinstance(epochs.baseline, tuple)
        and not epochs.start <= epochs.baseline[0] < epochs.baseline[1] <= epochs.stop
    ):
        raise BadDataset(
            f"the baseline {list(epochs.baseline)!r} is no stretch of the trial, {epochs.start:g} to {epochs.stop:g} s.",
            where="epochs.baseline",
            code="time-axis",
        )
    if epochs.montage is not None:
        standard_montage(epochs.montage)


def plan_of(source: ResponsesSource, epochs: EpochsSource) -> EpochPlan:
    """How recordings are cut.

    Raises
    ------
    BadDataset
        ``responses.unit`` is neither what mne's numbers are brought to nor a name of unscaled numbers (``physical-unit``).
    """
    unit = UNITS[epochs.picks][1]
    if source.unit not in (unit, *UNSCALED):
        raise BadDataset(
            f"unit {source.unit!r}; {epochs.picks} is read in {unit!r}.",
            where="responses.unit",
            mend=f"Where the numbers in the files have no physical unit any more, {' or '.join(map(repr, UNSCALED))} takes "
            "them as they are.",
            code="physical-unit",
        )
    baseline = {"before": (None, 0.0), "none": None}.get(str(epochs.baseline), epochs.baseline)
    return EpochPlan(
        epochs.start,
        epochs.stop,
        picks=epochs.picks,
        events=epochs.events,
        labels=epochs.labels,
        baseline=baseline,  # type: ignore[arg-type]  # the words are mapped away
        band=(epochs.low, epochs.high),
        rate=epochs.rate,
        most=epochs.most,
        overlap=epochs.overlap,
        montage=epochs.montage,
        physical=source.unit == unit,
    )


def sensor_units(
    sensors: Sequence[str],
    times: Sequence[float],
    kind: str,
    places: NDArray[np.float64] | None,
    source: ResponsesSource,
    folder: Path,
    subject: str,
) -> pd.DataFrame:
    """Unit table, a row for each sensor at each time; x, y, z (m) where the places of all sensors are known.

    Raises
    ------
    BadDataset
        ``responses.units_table`` names a sensor twice or lacks one (``unit-count``); or what `read_electrodes` refuses.
    """
    axis, count = [round(float(t), _TIME) for t in times], len(times)
    table = pd.DataFrame(
        {
            "unit": [f"{s}@{t * 1000:.0f}ms" for s in sensors for t in axis],
            "sensor": np.repeat(sensors, count),
            "time": np.tile(axis, len(sensors)),
            "sensor_type": kind,
        }
    )
    if source.electrodes is not None:
        places, further = read_electrodes(source, folder, subject, sensors)
        own = {str(c): np.repeat(further[c].to_numpy(), count) for c in further if c not in _TAKEN}
        table = table.assign(**own)
    if places is not None and np.isfinite(places).all():
        table[["x", "y", "z"]] = np.round(np.repeat(places, count, axis=0), _PLACE)
    if source.units_table is None:
        return table
    path = find_file(folder, source.units_table, subject)
    part = rows_named(read_table(path), "sensor", sensors, path, called="sensors")
    own = {str(c): np.repeat(column(part, str(c), path), count) for c in part if c not in _TAKEN}
    return table.assign(**own)


def _names(paths: Sequence[Path]) -> list[str]:
    """Subject, session and run of BIDS names, else the names of the files."""
    found = ["_".join(_ENTITY.findall(p.name)) for p in paths]
    return found if all(found) and len(set(found)) == len(found) else [p.name.partition(".")[0] for p in paths]


def _shown(run: Opened) -> pd.DataFrame:
    ids = [f"{run.name}-{i + 1:03d}" for i in range(len(run.labels))]
    own = {} if run.table is None else {str(c): run.table[c].to_numpy() for c in run.table}
    return pd.DataFrame(
        {**own, "stimulus": ids, "label": run.labels, "group": run.name, "onset": run.onsets.round(_ONSET)}
    )


def _stimuli(
    runs: Sequence[Opened], shown: pd.DataFrame, source: ResponsesSource, folder: Path, subject: str
) -> list[str]:
    if source.trials is not None:
        path = find_file(folder, source.trials, subject)
        names = texts(read_table(path), source.stimulus, path)
        total = sum(run.total for run in runs)
        if len(names) != total:
            raise BadDataset(
                f"{len(names)} trials in the table, {total} in the recordings of subject {subject!r}.",
                where=str(path),
                mend="There must be one row for each epoch of the files, or for each event that is a trial, in their order.",
                code="trial-count",
            )
        before = np.cumsum([0, *(run.total for run in runs)])
        return [names[n] for run, b in zip(runs, before[:-1], strict=True) for n in (run.numbers + b).tolist()]
    tables = [run.table for run in runs if run.table is not None]
    if len(tables) == len(runs) and all(source.stimulus in table for table in tables):
        return [str(v) for table in tables for v in table[source.stimulus]]
    if source.stimulus != "stimulus" and source.events is None:
        known = [str(c) for table in tables[:1] for c in table]
        raise UnknownName(f"column of the epochs of subject {subject!r}:", source.stimulus, known)
    return [str(label) for label in shown["label"]]


def _part(run: Opened, sensors: tuple[str, ...], where: str) -> Part:
    order = [run.sensors.index(s) for s in sensors]

    def blocks(most: int) -> Iterator[Array]:
        for block in run.blocks(most):
            yield block[:, order].reshape(len(block), -1)

    return Part(len(run.labels), blocks, where)


def require_one_axis(recordings: Sequence[Recording]) -> None:
    """Refuse people whose trials have other times.

    Raises
    ------
    BadDataset
        ``time-axes-differ``; names two files and their rates.
    """
    axes = [np.unique(r.units["time"].to_numpy(np.float64)) for r in recordings]
    for other, axis in zip(recordings[1:], axes[1:], strict=True):
        if len(axis) != len(axes[0]) or np.abs(axis - axes[0]).max() > SLACK:
            first = recordings[0]
            raise BadDataset(
                f"subject {other.subject!r} has {_axis_words(axis)}; {first.subject!r} has {_axis_words(axes[0])} "
                f"in {first.parts[0].name}.",
                where=other.parts[0].name,
                mend="Cut and resample all recordings to the same times (epochs.rate, where it divides both rates).",
                code="time-axes-differ",
            )


def _axis_words(axis: NDArray[np.float64]) -> str:
    reach = f"{len(axis)} times from {axis[0]:g} to {axis[-1]:g} s"
    return f"{reach}, {(len(axis) - 1) / (axis[-1] - axis[0]):.4g} a second" if len(axis) > 1 else reach


def in_window(recording: Recording, epochs: EpochsSource) -> Recording:
    """The recording with regions that hold units inside the window only.

    Raises
    ------
    BadDataset
        No time lies in it (``time-axis``), or units have no times (``source``).
    """
    if "time" not in recording.units:
        raise BadDataset(
            f"units of subject {recording.subject!r} have no time; [epochs] is for readers 'mne' and 'things-eeg2'.",
            where="epochs",
            mend="Delete the table [epochs].",
            code="source",
        )
    times = recording.units["time"].to_numpy(np.float64)
    inside = (times >= epochs.window[0] - 1e-9) & (times <= epochs.window[1] + 1e-9)
    if not inside.any():
        raise BadDataset(
            f"no time lies in {list(epochs.window)!r}; they reach from {times.min():g} to {times.max():g} s.",
            where="epochs.window",
            mend="The window is two times in seconds after the event; samples lie between some of them only.",
            code="time-axis",
        )
    return replace(recording, regions=tuple(replace(r, units=r.units[inside[r.units]]) for r in recording.regions))
