"""Epochs of M/EEG through mne: FIF, SET, EDF, BDF and BrainVision recordings, epochs and averages.

A recording is cut into trials x sensors x times in a physical unit; `sensor_dataset` puts recordings side by side as units of
sensor x time (`gyral.datasets.time_axis`).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

Floats = NDArray[np.float64]

# Factor from mne's SI units, by type of channel, and the name of what comes out.
UNITS = {
    "eeg": (1e6, "µV"),
    "mag": (1e15, "fT"),
    "grad": (1e13, "fT/cm"),
    "seeg": (1e6, "µV"),
    "ecog": (1e6, "µV"),
}
_SUFFIXES = (".fif", ".fif.gz", ".set", ".edf", ".bdf", ".vhdr")
_SLACK = 1e-6


@dataclass(frozen=True)
class EpochPlan:
    """How recordings are cut.

    Parameters
    ----------
    start, stop : float
        Seconds round each event.
    picks : {"eeg", "mag", "grad", "seeg", "ecog"}
        One type of sensor: types have units of their own.
    events : dict of int to str, optional
        Codes of a stimulus channel and what they mean; None: names of annotations.
    labels : tuple of str, optional
        Events that are trials; others are left out. None: all.
    baseline : (float or None, float or None), optional
        Its mean is taken off each trial and sensor; None: no baseline.
    band : (float or None, float or None)
        Filter before cutting, Hz.
    rate : float, optional
        Samples a second afterwards; must divide that of the recording. Frequencies above a third of it are filtered out.
    most : float, optional
        Peak to peak, in the physical unit, beyond which a trial is left out.
    overlap : bool
        Whether trials may share samples: then neighbours must be held out together.
    montage : str, optional
        Name of a standard montage of mne, where the file has no places of its sensors.
    """

    start: float
    stop: float
    picks: str = "eeg"
    events: Mapping[int, str] | None = None
    labels: tuple[str, ...] | None = None
    baseline: tuple[float | None, float | None] | None = (None, 0.0)
    band: tuple[float | None, float | None] = (None, None)
    rate: float | None = None
    most: float | None = None
    overlap: bool = False
    montage: str | None = None


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
    with _reading(where):
        kind, held = _open(path)
    if kind == "averages":
        return _averages(held, plan, called, where)
    with _reading(where):
        held.load_data(verbose="error")
        _pick(held, plan, where)
        if plan.montage is not None:
            held.set_montage(plan.montage, match_case=False, verbose="error")
        step = _step(float(held.info["sfreq"]), plan, where)
    cut_off = 0
    if kind == "epochs":
        epochs = _cut_shorter(held, plan, where)
    else:
        events, meaning = _events(held, plan, where)
        with _reading(where):
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
    with _reading(where):
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
        _places(epochs.info),
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
        if len(other.times) != len(first.times) or np.abs(np.subtract(other.times, first.times)).max() > _SLACK:
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


@contextmanager
def _reading(where: str) -> Iterator[None]:
    """mne's complaints about a file as ours."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except BadDataset:
        raise
    except Exception as error:  # noqa: BLE001 - readers of foreign formats raise whatever they like
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadDataset(f"mne cannot read it: {what}", where=where, code="not-a-recording") from None


def _open(path: Path) -> tuple[str, Any]:
    import mne

    if not path.name.lower().endswith(_SUFFIXES):
        raise BadDataset(
            "not a format of recordings that is read.", where=str(path), mend=f"Read are {', '.join(_SUFFIXES)}.",
            code="not-a-recording",
        )  # fmt: skip
    if not path.is_file():
        raise BadDataset("no such file.", where=str(path), code="not-a-recording")
    if path.name.lower().endswith((".fif", ".fif.gz")):
        stem = path.name.lower().removesuffix(".gz").removesuffix(".fif")
        if stem.endswith(("ave", "evoked")):
            return "averages", mne.read_evokeds(path, verbose="error")
        if stem.endswith(("epo", "epochs")):
            return "epochs", mne.read_epochs(path, preload=True, verbose="error")
        return "raw", mne.io.read_raw_fif(path, verbose="error")
    if path.suffix.lower() == ".set":
        try:
            return "raw", mne.io.read_raw_eeglab(path, verbose="error")
        except TypeError:  # what mne raises for a file of epochs
            return "epochs", mne.read_epochs_eeglab(path, verbose="error")
    return "raw", mne.io.read_raw(path, verbose="error")


def _pick(held: Any, plan: EpochPlan, where: str) -> None:
    """Keep the sensors of one type and, of a raw file, its stimulus channels."""
    import mne

    if plan.picks not in UNITS:
        raise BadDataset(f"type {plan.picks!r} is not one of {', '.join(UNITS)}.", where=where, code="no-sensors")
    types = held.get_channel_types()
    if plan.picks not in types:
        found = ", ".join(f"{types.count(t)} {t}" for t in dict.fromkeys(types))
        raise BadDataset(f"no {plan.picks} sensor; there are {found}.", where=where, code="no-sensors")
    bad = [c for c, t in zip(held.ch_names, types, strict=True) if c in held.info["bads"] and t == plan.picks]
    if bad:
        raise BadDataset(
            f"sensors are marked bad: {', '.join(bad[:4])}.", where=where, mend="Interpolate them first.", code="bad-sensors"
        )  # fmt: skip
    wanted = [plan.picks] + (["stim"] if isinstance(held, mne.io.BaseRaw) and "stim" in types else [])
    held.pick(wanted, verbose="error")


def _step(rate: float, plan: EpochPlan, where: str) -> int:
    if plan.rate is None:
        return 1
    step = rate / plan.rate
    if step < 1 or abs(step - round(step)) > _SLACK * step:
        near = [rate / k for k in (int(step), int(step) + 1) if k > 0]
        raise BadDataset(
            f"{plan.rate:g} samples a second do not divide the recording's {rate:g}.",
            where=where,
            mend=f"Ask for {' or '.join(f'{r:g}' for r in near)}.",
            code="rate-does-not-divide",
        )
    return round(step)


def _events(raw: Any, plan: EpochPlan, where: str) -> tuple[NDArray[np.int64], dict[str, int]]:
    import mne

    with _reading(where):
        stim = [c for c, t in zip(raw.ch_names, raw.get_channel_types(), strict=True) if t == "stim"]
        if plan.events is not None and stim:
            events = mne.find_events(raw, stim_channel=stim, shortest_event=1, verbose="error")
            meaning = {label: code for code, label in plan.events.items()}
        else:
            events, meaning = mne.events_from_annotations(raw, verbose="error")
        raw.pick([plan.picks], verbose="error")
    named = set(meaning.values())
    if unknown := sorted({int(c) for c in events[:, 2]} - named):
        raise BadDataset(
            f"events {unknown[:6]!r} have no meaning.", where=where, mend="Name every code (`EpochPlan.events`).", code="unlabeled-events"
        )  # fmt: skip
    if plan.labels is not None:
        meaning = {label: code for label, code in meaning.items() if label in plan.labels}
        events = events[np.isin(events[:, 2], list(meaning.values()))]
    meaning = {label: code for label, code in meaning.items() if code in events[:, 2]}
    if not len(events):
        raise BadDataset(
            "no event.", where=where, mend="Trials need annotations or a stimulus channel.", code="no-events"
        )
    gaps = np.diff(np.sort(events[:, 0])) / float(raw.info["sfreq"])
    if (gaps == 0).any():
        raise BadDataset(f"{int((gaps == 0).sum())} events stand at the time of another.", where=where, code="overlapping-events")  # fmt: skip
    near = gaps < plan.stop - plan.start
    if near.any() and not plan.overlap:
        raise BadDataset(
            f"{int(near.sum())} events follow another after less than the {plan.stop - plan.start:g} s of a trial (the least "
            f"is {gaps.min():.3f} s), so that trials share samples.",
            where=where,
            mend="Cut shorter, or say `overlap=True` and hold whole runs out.",
            code="overlapping-events",
        )
    return events, meaning


def _cut_shorter(epochs: Any, plan: EpochPlan, where: str) -> Any:
    if epochs.tmin > plan.start + _SLACK or epochs.tmax < plan.stop - _SLACK:
        raise BadDataset(
            f"the file's epochs reach from {epochs.tmin:g} to {epochs.tmax:g} s, not from {plan.start:g} to {plan.stop:g}.",
            where=where,
            code="time-axes-differ",
        )
    with _reading(where):
        cut = epochs.copy().apply_baseline(plan.baseline, verbose="error") if plan.baseline else epochs.copy()
        return cut.crop(plan.start, plan.stop)


def _averages(evokeds: Sequence[Any], plan: EpochPlan, name: str, where: str) -> Epoched:
    """Averages as trials of their own, one a condition."""
    values, labels = [], []
    for evoked in evokeds:
        with _reading(where):
            _pick(evoked, plan, where)
            if plan.montage is not None:
                evoked.set_montage(plan.montage, match_case=False, verbose="error")
            step = _step(float(evoked.info["sfreq"]), plan, where)
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
        _places(cut.info),
        plan.picks,
        unit,
    )


def _places(info: Any) -> Floats:
    """Metres; a place at the origin is no place."""
    found = np.array([channel["loc"][:3] for channel in info["chs"]], np.float64)
    found[~np.isfinite(found).all(axis=1) | (np.abs(found).max(axis=1) == 0)] = np.nan
    return found
