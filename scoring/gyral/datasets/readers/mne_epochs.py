"""Epochs of M/EEG through mne: FIF, SET, EDF, BDF and BrainVision recordings, epochs and averages.

A recording is cut into trials x sensors x times in a physical unit; `sensor_dataset` puts recordings side by side as units of
sensor x time (`gyral.datasets.time_axis`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.mne_files import (
    SLACK,
    UNITS,
    EpochPlan,
    events_of,
    open_recording,
    pick_sensors,
    places_of,
    reading,
    step_of,
)
from gyral.errors import BadDataset

Floats = NDArray[np.float64]


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


def read_epochs(path: Path, plan: EpochPlan, *, name: str = "") -> Epoched:
    """Cut one recording into trials; files that hold epochs or averages are taken as they are cut, to the same times.

    Parameters
    ----------
    path : Path
        ``.fif``, ``.fif.gz``, ``.set`` (with ``.fdt``), ``.edf``, ``.bdf`` or ``.vhdr``.
    plan : EpochPlan
    name : str
        Of the recording; default the file's.

    Raises
    ------
    BadDataset
        Not such a file (``not-a-recording``), no sensor of the type (``no-sensors``), events that have no meaning
        (``unlabeled-events``), stand at one time or overlap (``overlapping-events``), none of the wanted ones
        (``no-events``), a rate that does not divide (``rate-does-not-divide``), or times outside the file's.
    """
    import mne  # slow import, only for these formats

    where, called = str(path), name or path.name.partition(".")[0]
    with reading(where):
        kind, held = open_recording(path)
    if kind == "averages":
        return _averages(held, plan, called, where)
    with reading(where):
        if kind == "raw":
            held.load_data(verbose="error")
        pick_sensors(held, plan, where)
        if plan.montage is not None:
            held.set_montage(plan.montage, match_case=False, verbose="error")
        step = step_of(float(held.info["sfreq"]), plan, where)
    cut_off = 0
    if kind == "epochs":
        epochs = _cut_shorter(held, plan, where)
    else:
        events, meaning = events_of(held, plan, where)
        with reading(where):
            highest = plan.band[1]
            if step > 1:
                third = float(held.info["sfreq"]) / step / 3
                highest = third if highest is None else min(highest, third)
            if plan.band[0] is not None or highest is not None:
                held.filter(plan.band[0], highest, verbose="error")
            epochs = mne.Epochs(
                held, events, meaning, plan.start, plan.stop, baseline=plan.baseline, preload=True,
                reject=None, event_repeated="error", verbose="error",
            )  # fmt: skip
        cut_off = len(events) - len(epochs)
    with reading(where):
        if step > 1:
            epochs.decimate(step, verbose="error")
    factor, unit = UNITS[plan.picks]
    values = epochs.get_data(copy=True) * factor
    codes = {code: label for label, code in epochs.event_id.items()}
    labels = np.array([codes[int(c)] for c in epochs.events[:, 2]])
    onsets = (epochs.events[:, 0] - getattr(held, "first_samp", 0)) / (float(epochs.info["sfreq"]) * step)
    keep = np.ones(len(values), bool)
    if plan.labels is not None:
        keep &= np.isin(labels, plan.labels)
    wanted = int(keep.sum())
    if plan.most is not None:
        keep &= (np.ptp(values, axis=2) <= plan.most).all(axis=1)
    if not keep.any():
        raise BadDataset(
            "no trial is left.", where=where, mend=f"Events: {sorted(codes.values())!r}.", code="no-events"
        )
    return Epoched(
        called,
        values[keep],
        tuple(labels[keep].tolist()),
        onsets[keep],
        tuple(np.round(epochs.times, 9).tolist()),
        tuple(epochs.ch_names),
        places_of(epochs.info),
        plan.picks,
        unit,
        cut_off,
        wanted - int(keep.sum()),
    )


def require_alike(recordings: Sequence[Epoched]) -> None:
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


def _cut_shorter(epochs: Any, plan: EpochPlan, where: str) -> Any:
    if epochs.tmin > plan.start + SLACK or epochs.tmax < plan.stop - SLACK:
        raise BadDataset(
            f"the file's epochs reach from {epochs.tmin:g} to {epochs.tmax:g} s, not from {plan.start:g} to {plan.stop:g}.",
            where=where,
            code="time-axes-differ",
        )
    with reading(where):
        cut = epochs.copy().apply_baseline(plan.baseline, verbose="error") if plan.baseline else epochs.copy()
        return cut.crop(plan.start, plan.stop)


def _averages(evokeds: Sequence[Any], plan: EpochPlan, name: str, where: str) -> Epoched:
    """Averages as trials of their own, one a condition."""
    values, labels = [], []
    for evoked in evokeds:
        with reading(where):
            pick_sensors(evoked, plan, where)
            if plan.montage is not None:
                evoked.set_montage(plan.montage, match_case=False, verbose="error")
            step = step_of(float(evoked.info["sfreq"]), plan, where)
            cut = _cut_shorter(evoked, plan, where)
            if step > 1:
                cut.filter(None, cut.info["sfreq"] / step / 3, verbose="error").decimate(step, verbose="error")
        values.append(cut.data)
        labels.append(str(evoked.comment))
    factor, unit = UNITS[plan.picks]
    return Epoched(
        name,
        np.stack(values) * factor,
        tuple(labels),
        np.full(len(labels), np.nan),
        tuple(np.round(cut.times, 9).tolist()),
        tuple(cut.ch_names),
        places_of(cut.info),
        plan.picks,
        unit,
    )
