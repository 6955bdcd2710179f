"""One recording cut into trials by mne: raw files at their events, epochs and averages as they are cut."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.events import Events
from gyral.datasets.readers.mne_files import (
    SLACK,
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
class Cut:
    """All trials of a file in order.

    Parameters
    ----------
    labels : array, trials
    onsets : array, trials
        Seconds after the recording's first sample; NaN of averages.
    times : tuple of float
        Seconds after the event.
    sensors : tuple of str
    places : array, sensors x 3
        Metres; NaN where unknown.
    numbers : int array, trials
        Place among the file's epochs, or among the events that are trials.
    blocks : callable
        ``blocks(most)`` yields trials x sensors x times in mne's SI units.
    total : int
        What ``numbers`` counts.
    table : DataFrame or None
        mne's metadata, a row a trial.
    cut_off : int
        Events too near to an end.
    close : callable
        To be called when no more blocks are wanted.
    """

    labels: NDArray[np.str_]
    onsets: Floats
    times: tuple[float, ...]
    sensors: tuple[str, ...]
    places: Floats
    numbers: NDArray[np.int64]
    blocks: Callable[[int], Iterator[Floats]]
    total: int
    table: pd.DataFrame | None = None
    cut_off: int = 0
    close: Callable[[], None] = lambda: None


def cut_recording(path: Path, plan: EpochPlan, events: Events | None) -> Cut:
    """Trials of a file; ``events`` of a table stand for those of a raw file.

    Raises
    ------
    BadDataset
        As `gyral.datasets.readers.mne_epochs.read_epochs`.
    """
    where = str(path)
    with reading(where):
        kind, held = open_recording(path)
    if kind != "raw" and not len(held):
        raise BadDataset(f"there are no {kind} in it.", where=where, code="no-events")
    if kind == "averages":
        return _of_averages(held, plan, where)
    try:
        return (_of_raw if kind == "raw" else _of_epochs)(held, plan, where, events)
    except BaseException:
        close_epochs(held)
        raise


def _prepared(held: Any, plan: EpochPlan, where: str) -> int:
    """Keep the wanted sensors and place them; every how many samples are kept."""
    with reading(where):
        pick_sensors(held, plan, where)
        if plan.montage is not None:
            held.set_montage(plan.montage, match_case=False, verbose="error")
        return step_of(float(held.info["sfreq"]), plan, where)


def _of_raw(held: Any, plan: EpochPlan, where: str, told: Events | None) -> Cut:
    import mne  # slow import, only for these formats

    with reading(where):
        held.load_data(verbose="error")
    step = _prepared(held, plan, where)
    events, meaning = events_of(held, plan, where, told)
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
        if step > 1:
            epochs.decimate(step, verbose="error")
    values = epochs.get_data(copy=False)
    return Cut(
        labels=_labels(epochs),
        onsets=(epochs.events[:, 0] - held.first_samp) / (float(epochs.info["sfreq"]) * step),
        times=_times(epochs),
        sensors=tuple(epochs.ch_names),
        places=places_of(epochs.info),
        numbers=np.asarray(epochs.selection, np.int64),
        blocks=lambda most: (values[i : i + most] for i in range(0, len(values), most)),
        total=len(events),
        cut_off=len(events) - len(epochs),
    )


def _of_epochs(held: Any, plan: EpochPlan, where: str, told: Events | None) -> Cut:
    """Trials as the file has them; FIF ones stay on the disk until they are asked for."""
    _require_uncut(plan, where)
    if told is not None:
        raise BadDataset(
            "the file holds epochs, which know their events; a table of events goes with raw recordings.",
            where=where,
            mend="Name what was shown on each epoch by responses.trials, and leave responses.events out.",
            code="unlabeled-events",
        )

    def some(start: int, stop: int) -> Any:
        with reading(where):
            part = held[start:stop].load_data()
            step = _prepared(part, plan, where)
            return _decimated(_cut_shorter(part, plan, where), step)

    first = some(0, 1)

    def blocks(most: int) -> Iterator[Floats]:
        for start in range(0, len(held), most):
            yield some(start, start + most).get_data(copy=False)

    return Cut(
        labels=_labels(held),
        onsets=held.events[:, 0] / float(held.info["sfreq"]),
        times=_times(first),
        sensors=tuple(first.ch_names),
        places=places_of(first.info),
        numbers=np.arange(len(held)),
        blocks=blocks,
        total=len(held),
        close=lambda: close_epochs(held),
        table=held.metadata,
    )


def _require_uncut(plan: EpochPlan, where: str) -> None:
    """Refuse what is of recordings: names of codes, and a filter, which at the ends of short trials would make what nobody recorded."""
    if plan.events:
        raise BadDataset(
            f"epochs.events names codes of a stimulus channel ({sorted(plan.events)[:3]!r}), and the file holds trials that were cut by names of its own.",
            where=where,
            mend="Delete epochs.events; epochs.labels chooses among the file's own names, responses.trials names what was shown.",
            code="unlabeled-events",
        )
    for name, edge in zip(("low", "high"), plan.band, strict=True):
        if edge is not None:
            raise BadDataset(
                f"epochs.{name} = {edge:g} filters before cutting, and the file holds trials that are cut already.",
                where=where,
                mend=f"Delete epochs.{name}; filter the recording before you cut it.",
                code="source",
            )


def close_epochs(epochs: Any) -> None:
    """Close the files of epochs that are not in memory; mne leaves that to chance."""
    for held in getattr(epochs, "_raw", None) or ():
        held.fid.close()


def _labels(epochs: Any) -> NDArray[np.str_]:
    codes = {code: label for label, code in epochs.event_id.items()}
    return np.array([codes[int(c)] for c in epochs.events[:, 2]], np.str_)


def _times(cut: Any) -> tuple[float, ...]:
    return tuple(np.round(cut.times, 9).tolist())


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


def _decimated(cut: Any, step: int) -> Any:
    """Every ``step``-th sample, after a filter where the recording was not already filtered as low."""
    if step == 1:
        return cut
    third = float(cut.info["sfreq"]) / step / 3
    if not cut.info["lowpass"] <= third + SLACK:
        cut.filter(None, third, verbose="error")
    return cut.decimate(step, verbose="error")


def _of_averages(evokeds: Sequence[Any], plan: EpochPlan, where: str) -> Cut:
    """Averages as trials of their own, one a condition."""
    _require_uncut(plan, where)
    found, labels = [], []
    for evoked in evokeds:
        step = _prepared(evoked, plan, where)
        with reading(where):
            cut = _decimated(_cut_shorter(evoked, plan, where), step)
        found.append(cut.data)
        labels.append(str(evoked.comment))
    values = np.stack(found)
    return Cut(
        labels=np.array(labels, np.str_),
        onsets=np.full(len(labels), np.nan),
        times=_times(cut),
        sensors=tuple(cut.ch_names),
        places=places_of(cut.info),
        numbers=np.arange(len(labels)),
        blocks=lambda most: (values[i : i + most] for i in range(0, len(values), most)),
        total=len(labels),
    )
