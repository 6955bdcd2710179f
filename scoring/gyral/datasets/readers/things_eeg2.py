"""THINGS-EEG2 as it is published: a dictionary a partition and subject, images x repetitions x channels x times."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.files import find_file, find_files, read_table, texts
from gyral.datasets.readers.mne_files import SLACK, standard_montage
from gyral.datasets.readers.pickled import array_in, load_dictionary, texts_in
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.readers.sensors import require_epochs, sensor_units
from gyral.datasets.source import EpochsSource, ResponsesSource
from gyral.errors import BadDataset

_DATA, _CHANNELS, _TIMES = "preprocessed_eeg_data", "ch_names", "times"


@dataclass(frozen=True)
class _Header:
    """Shape of one file, its channels, and which of its times are wanted."""

    path: Path
    images: int
    repetitions: int
    channels: tuple[str, ...]
    times: tuple[float, ...]
    chosen: tuple[int, ...]


def open_things_eeg2(
    source: ResponsesSource, epochs: EpochsSource | None, folder: Path, subject: str, *, named: bool
) -> Recording:
    """Rows are images by repetition, file after file; ``responses.trials`` names the image of each condition, in order.

    A file is a pickle: it is read whole, and read again when its numbers are wanted (see `gyral.datasets.readers.pickled`).

    Raises
    ------
    BadDataset
        No such dictionary (``pickle-refused``, ``not-a-dictionary``, ``missing-key``), shapes that do not fit (``array``),
        channels or times that differ between files (``sensors-differ``, ``time-axes-differ``), a rate that does not divide,
        or conditions more or fewer than the table says (``trial-count``).
    """
    epochs = require_epochs(epochs)
    _require_used(epochs)
    heads = [_header(path, epochs) for path in find_files(folder, source.files, subject)]
    first = heads[0]
    for other in heads[1:]:
        _require_alike(first, other)
    names = _conditions(source, heads, folder, subject) if named else [""] * sum(h.images for h in heads)
    repeated = np.repeat(names, np.repeat([h.repetitions for h in heads], [h.images for h in heads]))
    places = None if epochs.montage is None else _places(epochs.montage, first)
    return Recording(
        subject=subject,
        shown=pd.DataFrame({"stimulus": repeated.astype(str).tolist()}),
        units=sensor_units(first.channels, first.times, "eeg", places, source, folder, subject),
        parts=tuple(_part(h, first.channels) for h in heads),
    )


def _require_used(epochs: EpochsSource) -> None:
    """Refuse fields of ``[epochs]`` that mean nothing for trials that are cut and cleaned already."""
    for name in ("picks", "events", "labels", "baseline", "low", "high", "most", "overlap"):
        if getattr(epochs, name) not in ("none", EpochsSource.model_fields[name].get_default()):
            raise BadDataset(
                f"reader 'things-eeg2' does not look at epochs.{name}.",
                where=f"epochs.{name}",
                mend="Delete the line; the files hold trials that are cut already.",
                code="source",
            )


def _header(path: Path, epochs: EpochsSource) -> _Header:
    found = load_dictionary(path)
    data = array_in(found, _DATA, path, 4)
    channels, times = texts_in(found, _CHANNELS, path), array_in(found, _TIMES, path, 1).astype(np.float64)
    if data.shape[2:] != (len(channels), len(times)) or not data.size:
        raise BadDataset(
            f"{_DATA!r} has shape {data.shape!r}; images x repetitions x {len(channels)} channels x {len(times)} times "
            "are expected.",
            where=str(path),
            code="array",
        )
    if len(set(channels)) != len(channels) or (np.diff(times) <= 0).any():
        raise BadDataset(
            "channels must be named once each, and times must ascend.", where=str(path), code="time-axes-differ"
        )
    if times[0] > epochs.start + SLACK or times[-1] < epochs.stop - SLACK:
        raise BadDataset(
            f"its times reach from {times[0]:g} to {times[-1]:g} s, not from {epochs.start:g} to {epochs.stop:g}.",
            where=str(path),
            code="time-axes-differ",
        )
    _require_rate(times, epochs, path)
    chosen = np.flatnonzero((times >= epochs.start - SLACK) & (times <= epochs.stop + SLACK))
    return _Header(
        path, data.shape[0], data.shape[1], tuple(channels), tuple(times[chosen].tolist()), tuple(chosen.tolist())
    )


def _require_rate(times: NDArray[np.float64], epochs: EpochsSource, path: Path) -> None:
    """Refuse another rate than the file's: nothing is filtered here, so nothing may be thinned out."""
    rate = 1 / float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    if epochs.rate is not None and abs(rate - epochs.rate) > 1e-3 * rate:
        raise BadDataset(
            f"{epochs.rate:g} samples a second; the file has {rate:.4g}, and these epochs are not filtered again.",
            where=str(path),
            mend="Leave epochs.rate out, or resample when you preprocess.",
            code="rate-does-not-divide",
        )


def _require_alike(first: _Header, other: _Header) -> None:
    if set(first.channels) != set(other.channels):
        apart = sorted(set(first.channels) ^ set(other.channels))
        raise BadDataset(
            f"{len(apart)} channels stand in only one of it and {first.path.name}: {', '.join(apart[:4])}.",
            where=str(other.path),
            code="sensors-differ",
        )
    if len(first.times) != len(other.times) or np.abs(np.subtract(first.times, other.times)).max() > SLACK:
        raise BadDataset(
            f"its {len(other.times)} times are not the {len(first.times)} of {first.path.name}.",
            where=str(other.path),
            code="time-axes-differ",
        )


def _conditions(source: ResponsesSource, heads: list[_Header], folder: Path, subject: str) -> list[str]:
    total = sum(h.images for h in heads)
    if source.trials is None:
        raise BadDataset(
            "no table names the images.",
            where="responses.trials",
            mend="`gyral data init` writes one from image_metadata.npy, a row an image condition.",
            code="trial-count",
        )
    path = find_file(folder, source.trials, subject)
    names = texts(read_table(path), source.stimulus, path)
    if len(names) != total:
        raise BadDataset(
            f"{len(names)} image conditions in the table, {total} in the files of subject {subject!r}.",
            where=str(path),
            code="trial-count",
        )
    return names


def _part(head: _Header, channels: tuple[str, ...]) -> Part:
    order = [head.channels.index(c) for c in channels]

    def blocks(most: int) -> Iterator[Array]:
        data = array_in(load_dictionary(head.path), _DATA, head.path, 4)
        rows = data.reshape(-1, *data.shape[2:])
        for start in range(0, len(rows), most):
            block = rows[start : start + most][:, order][:, :, list(head.chosen)]
            yield block.reshape(len(block), -1)

    return Part(head.images * head.repetitions, blocks, str(head.path))


def _places(montage: str, head: _Header) -> NDArray[np.float64]:
    """Metres of a standard montage of mne; NaN of channels it does not have."""
    held = {name.lower(): place for name, place in standard_montage(montage).get_positions()["ch_pos"].items()}
    return np.array([held.get(c.lower(), np.full(3, np.nan)) for c in head.channels], np.float64)
