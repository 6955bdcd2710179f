"""Files of M/EEG as mne opens them: what kind they are, their sensors, rates, events and places; complaints are ours."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.events import Events, check_events
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
UNSCALED = ("z", "a.u.")  # names of units of numbers that are taken as they are
_SUFFIXES = (".fif", ".fif.gz", ".set", ".edf", ".bdf", ".vhdr")
SLACK = 1e-6  # seconds, or a share of them, by which equal times may differ


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
    types : dict of name to str, optional
        mne's type of channels whose file does not say it.
    left_out : collection of str
        Channels that are dropped before anything else.
    physical : bool
        False where the numbers have no physical unit (they were standardised) and are taken as they are.
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
    types: Mapping[str, str] | None = None
    left_out: frozenset[str] = frozenset()
    physical: bool = True


@contextmanager
def reading(where: str) -> Iterator[None]:
    """mne's complaints about a file as ours; what it only remarks is not shown."""
    import mne  # slow import, only for these formats

    try:
        with warnings.catch_warnings(), mne.use_log_level("error"):
            warnings.simplefilter("ignore")
            yield
    except BadDataset:
        raise
    except Exception as error:  # noqa: BLE001 - readers of foreign formats raise whatever they like
        what = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        mend = None
        if isinstance(error, AttributeError | TypeError | IndexError | KeyError):  # speaks of mne, not of the file
            what = "something that such a file has is not in it"
            mend = "Is it whole, and of the kind that its name says?"
        raise BadDataset(
            f"mne cannot read it: {what.rstrip('.')}.", where=where, mend=mend, code="not-a-recording"
        ) from None


def open_recording(path: Path) -> tuple[str, Any]:
    """Kind (raw, epochs or averages) and what mne opened."""
    import mne

    if not path.name.lower().endswith(_SUFFIXES):
        raise BadDataset(
            "not a format of recordings that is read.", where=str(path), mend=f"Read are {', '.join(_SUFFIXES)}.",
            code="not-a-recording",
        )  # fmt: skip
    if not path.is_file():
        raise BadDataset("no such file.", where=str(path), code="not-a-recording")
    if path.stat().st_size == 0:
        raise BadDataset("the file is empty.", where=str(path), code="not-a-recording")
    if path.name.lower().endswith((".fif", ".fif.gz")):
        stem = path.name.lower().removesuffix(".gz").removesuffix(".fif")
        if stem.endswith(("ave", "evoked")):
            return "averages", mne.read_evokeds(path, verbose="error")
        if stem.endswith(("epo", "epochs")):
            return "epochs", mne.read_epochs(path, preload=False, verbose="error")
        return "raw", mne.io.read_raw_fif(path, verbose="error")
    if path.suffix.lower() == ".set":
        try:
            return "raw", mne.io.read_raw_eeglab(path, verbose="error")
        except TypeError:  # what mne raises for a file of epochs
            return "epochs", mne.read_epochs_eeglab(path, verbose="error")
    return "raw", mne.io.read_raw(path, verbose="error")


def pick_sensors(held: Any, plan: EpochPlan, where: str) -> None:
    """Keep the sensors of one type and, of a raw file, its stimulus channels."""
    import mne

    if plan.picks not in UNITS:
        raise BadDataset(f"type {plan.picks!r} is not one of {', '.join(UNITS)}.", where=where, code="no-sensors")
    if plan.types is not None:
        _retype(held, plan, where)
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


def _retype(held: Any, plan: EpochPlan, where: str) -> None:
    """Give channels the types that a table says, and drop those it calls bad."""
    told = plan.types or {}
    if unknown := sorted(set(told) - set(held.ch_names)):
        raise BadDataset(
            f"the table of channels names {len(unknown)} that are not in it, {unknown[0]!r} first.",
            where=where,
            mend=f"It has {', '.join(held.ch_names[:6])} ...",
            code="sensors-differ",
        )
    # channels that the table does not speak of are no responses, but may hold events
    known = zip(held.ch_names, held.get_channel_types(), strict=True)
    types = {name: told.get(name, kind if kind == "stim" else "misc") for name, kind in known}
    held.set_channel_types(types, on_unit_change="ignore", verbose="error")
    if gone := [name for name in held.ch_names if name in plan.left_out]:
        if len(gone) == len(held.ch_names):
            raise BadDataset("every channel is bad.", where=where, code="no-sensors")
        held.drop_channels(gone)


def step_of(rate: float, plan: EpochPlan, where: str) -> int:
    """Every how many samples are kept."""
    if plan.rate is None:
        return 1
    step = rate / plan.rate
    if step < 1 or abs(step - round(step)) > SLACK * step:
        near = [rate / k for k in (int(step), int(step) + 1) if k > 0]
        raise BadDataset(
            f"{plan.rate:g} samples a second do not divide the recording's {rate:g}.",
            where=where,
            mend=f"Ask for {' or '.join(f'{r:g}' for r in near)}.",
            code="rate-does-not-divide",
        )
    return round(step)


def events_of(
    raw: Any, plan: EpochPlan, where: str, told: Events | None = None
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """Events (mne's three columns) and codes by label, from a table where there is one; stimulus channels are dropped."""
    import mne

    with reading(where):
        stim = [c for c, t in zip(raw.ch_names, raw.get_channel_types(), strict=True) if t == "stim"]
        if told is not None:
            check_events(told, float(raw.n_times / raw.info["sfreq"]), "recording", where)
            meaning = {label: code for code, label in enumerate(dict.fromkeys(told.label), 1)}
            samples = np.round(told.onset * float(raw.info["sfreq"])).astype(np.int64) + raw.first_samp
            codes = np.array([meaning[label] for label in told.label], np.int64)
            events = np.column_stack([samples, np.zeros_like(samples), codes])
        elif plan.events is not None and stim:
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
    if plan.labels is not None and not set(plan.labels) & set(meaning):
        raise BadDataset(
            f"none of the events {sorted(meaning)[:6]!r} is one of {list(plan.labels)!r}.",
            where=where,
            mend="epochs.labels names those that are trials.",
            code="no-events",
        )
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


def standard_montage(name: str) -> Any:
    """A montage that mne brings.

    Raises
    ------
    BadDataset
        There is none of that name (``no-positions``).
    """
    import mne  # slow import, only for these formats

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of montages that mne is about to rename
            return mne.channels.make_standard_montage(name)
    except ValueError:
        raise BadDataset(
            f"there is no montage {name!r}.",
            where="epochs.montage",
            mend="`mne.channels.get_builtin_montages()` lists them.",
            code="no-positions",
        ) from None


def places_of(info: Any) -> Floats:
    """Metres; a place at the origin is no place."""
    found = np.array([channel["loc"][:3] for channel in info["chs"]], np.float64)
    found[~np.isfinite(found).all(axis=1) | (np.abs(found).max(axis=1) == 0)] = np.nan
    return found
