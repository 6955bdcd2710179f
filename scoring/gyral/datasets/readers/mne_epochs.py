"""Epochs of M/EEG through mne: FIF, SET, EDF, BDF and BrainVision recordings, epochs and averages.

A recording is cut into trials x sensors x times in a physical unit; `sensor_dataset` puts recordings side by side as units of
sensor x time (`gyral.datasets.time_axis`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.events import Events
from gyral.datasets.readers.mne_cut import cut_recording
from gyral.datasets.readers.mne_files import (
    SLACK,
    UNITS,
    EpochPlan,
)
from gyral.errors import BadDataset

Floats = NDArray[np.float64]
_LOOKED_AT = 64  # trials at once, when their range decides whether they stay


@dataclass(frozen=True, eq=False)
class Epoched:
    """Trials of one recording.

    Parameters
    ----------
    name : str
        Of the recording, as given.
    values : array, trials x sensors x times
        In ``unit``.
    labels : tuple of str
        What was shown on each trial (or the name of an average).
    onsets : array, trials
        Seconds after the recording's first sample; NaN of averages.
    times : tuple of float
        Seconds after the event.
    sensors : tuple of str
    places : array, sensors x 3
        Metres in head coordinates; NaN where unknown.
    type, unit : str
    cut_off, rejected : int
        Events too near to an end of the recording, and trials beyond `EpochPlan.most`: both are left out.
    """

    name: str
    values: Floats
    labels: tuple[str, ...]
    onsets: Floats
    times: tuple[float, ...]
    sensors: tuple[str, ...]
    places: Floats
    type: str
    unit: str
    cut_off: int = 0
    rejected: int = 0


@dataclass(frozen=True, eq=False)
class Opened:
    """A recording whose trials are known and not in memory.

    Parameters
    ----------
    name, labels, onsets, times, sensors, places, type, unit, cut_off, rejected
        As in `Epoched`.
    numbers : int array, trials
        Place of each trial among the file's epochs (or the events that are trials), from 0: others were left out.
    table : DataFrame or None
        What a file of epochs says of each trial (mne's metadata).
    blocks : callable
        ``blocks(most)`` yields trials x sensors x times in ``unit``, at most ``most`` trials at a time.
    total : int
        What ``numbers`` counts.
    """

    name: str
    labels: tuple[str, ...]
    onsets: Floats
    times: tuple[float, ...]
    sensors: tuple[str, ...]
    places: Floats
    type: str
    unit: str
    numbers: NDArray[np.int64]
    table: pd.DataFrame | None
    blocks: Callable[[int], Iterator[Floats]]
    total: int
    cut_off: int = 0
    rejected: int = 0


def read_epochs(path: Path, plan: EpochPlan, *, name: str = "", events: Events | None = None) -> Epoched:
    """Cut one recording into trials; files that hold epochs or averages are taken as they are cut, to the same times.

    Parameters
    ----------
    path : Path
        ``.fif``, ``.fif.gz``, ``.set`` (with ``.fdt``), ``.edf``, ``.bdf`` or ``.vhdr``.
    plan : EpochPlan
    name : str
        Of the recording; default the file's.
    events : Events, optional
        From a table, of a raw recording; default its annotations or stimulus channels.

    Raises
    ------
    BadDataset
        Not such a file (``not-a-recording``), no sensor of the type (``no-sensors``), events that have no meaning
        (``unlabeled-events``), stand at one time or overlap (``overlapping-events``) or outside (``events-outside``),
        none of the wanted ones (``no-events``), a rate that does not divide (``rate-does-not-divide``), or times outside
        the file's.
    """
    found = open_epochs(path, plan, name=name, events=events)
    values = np.concatenate(list(found.blocks(len(found.labels))))
    return Epoched(
        found.name, values, found.labels, found.onsets, found.times, found.sensors, found.places, found.type,
        found.unit, found.cut_off, found.rejected,
    )  # fmt: skip


def open_epochs(path: Path, plan: EpochPlan, *, name: str = "", events: Events | None = None) -> Opened:
    """As `read_epochs`, trials read when they are asked for: of FIF epochs from the disk, else by cutting once more."""
    where = str(path)
    cut = cut_recording(path, plan, events)
    factor, unit = UNITS[plan.picks] if plan.physical else (1.0, "")
    keep = np.ones(len(cut.labels), bool)
    if plan.labels is not None:
        keep &= np.isin(cut.labels, plan.labels)
    wanted = int(keep.sum())
    try:
        if plan.most is not None:
            ranges = [np.ptp(block * factor, axis=2).max(axis=1) for block in cut.blocks(_LOOKED_AT)]
            keep &= np.concatenate(ranges) <= plan.most
    finally:
        cut.close()
    if not keep.any():
        names = sorted(set(cut.labels.tolist()))
        raise BadDataset("no trial is left.", where=where, mend=f"Events: {names!r}.", code="no-events")

    def blocks(most: int) -> Iterator[Floats]:
        again, at = cut_recording(path, plan, events), 0
        try:
            for block in again.blocks(most):
                own = keep[at : at + len(block)]
                at += len(block)
                if own.any():
                    yield block[own] * factor
        finally:
            again.close()

    return Opened(
        name or path.name.partition(".")[0],
        tuple(cut.labels[keep].tolist()),
        cut.onsets[keep],
        cut.times,
        cut.sensors,
        cut.places,
        plan.picks,
        unit,
        cut.numbers[keep],
        None if cut.table is None else cut.table[keep].reset_index(drop=True),
        blocks,
        cut.total,
        cut.cut_off,
        wanted - int(keep.sum()),
    )


def require_alike(recordings: Sequence[Epoched] | Sequence[Opened]) -> None:
    """Refuse recordings that cannot stand side by side.

    Raises
    ------
    BadDataset
        Sensors differ (``sensors-differ``), times differ (``time-axes-differ``), or units.
    """
    first = recordings[0]
    for other in recordings[1:]:
        if set(other.sensors) != set(first.sensors):
            apart = sorted(set(other.sensors) ^ set(first.sensors))
            raise BadDataset(
                f"{len(apart)} sensors stand in only one of it and {first.name!r}: {', '.join(apart[:4])}.",
                where=f"recording {other.name!r}",
                mend="Interpolate or leave out sensors that are not in all recordings.",
                code="sensors-differ",
            )
        if len(other.times) != len(first.times) or np.abs(np.subtract(other.times, first.times)).max() > SLACK:
            raise BadDataset(
                f"{len(other.times)} times from {other.times[0]:g} to {other.times[-1]:g} s; {first.name!r} has "
                f"{len(first.times)} from {first.times[0]:g} to {first.times[-1]:g} s.",
                where=f"recording {other.name!r}",
                mend="Cut and resample all recordings to the same times.",
                code="time-axes-differ",
            )
        if other.unit != first.unit:
            raise BadDataset(f"unit {other.unit!r}, not {first.unit!r}.", where=f"recording {other.name!r}")


def joined(recordings: Sequence[Epoched]) -> Epoched:
    """Trials of several recordings one after the other, sensors in the order of the first; errors as `require_alike`."""
    require_alike(recordings)
    first = recordings[0]
    values = [r.values[:, [r.sensors.index(s) for s in first.sensors]] for r in recordings]
    return Epoched(
        first.name,
        np.concatenate(values),
        tuple(label for r in recordings for label in r.labels),
        np.concatenate([r.onsets for r in recordings]),
        first.times,
        first.sensors,
        first.places,
        first.type,
        first.unit,
        sum(r.cut_off for r in recordings),
        sum(r.rejected for r in recordings),
    )


def require_places(recording: Epoched) -> Floats:
    """Places of the sensors.

    Raises
    ------
    BadDataset
        Some are unknown (``no-positions``).
    """
    unknown = [
        s for s, place in zip(recording.sensors, recording.places, strict=True) if not np.isfinite(place).all()
    ]
    if unknown:
        raise BadDataset(
            f"{len(unknown)} sensors have no place: {', '.join(unknown[:4])}.",
            where=f"recording {recording.name!r}",
            mend="Name a montage (`EpochPlan.montage`); `mne.channels.get_builtin_montages()` lists them.",
            code="no-positions",
        )
    return recording.places
