"""Electrodes inside the head (BIDS-iEEG): types and status of channels, places and anatomy of electrodes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.entities import require_paired
from gyral.datasets.readers.files import column, find_file, find_files, numbers, read_table, rows_named, texts
from gyral.datasets.source import ResponsesSource
from gyral.errors import BadDataset

# Types of BIDS and what mne calls them; all others are neither responses nor events.
_TYPES = {"ECOG": "ecog", "SEEG": "seeg", "EEG": "eeg", "TRIG": "stim"}
_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
_NOTHING = {"", "n/a"}


@dataclass(frozen=True)
class Channels:
    """What ``channels.tsv`` says of one recording.

    Parameters
    ----------
    types : dict of name to str
        mne's type of each channel.
    bad : frozenset of str
    """

    types: dict[str, str]
    bad: frozenset[str]


def read_channels(
    source: ResponsesSource, folder: Path, subject: str, recordings: Sequence[Path]
) -> list[Channels | None]:
    """Types and status of the channels of each of a subject's recordings; a channel that is bad in one is bad in all.

    Raises
    ------
    BadDataset
        More or fewer tables than recordings (``trial-count``), a table of another run (``entities``), or a channel that stands
        in one twice (``table``).
    UnknownName
        A column is missing.
    """
    if source.channels is None:
        return [None] * len(recordings)
    paths = find_files(folder, source.channels, subject)
    if len(paths) != len(recordings):
        raise BadDataset(
            f"{len(paths)} tables of channels for {len(recordings)} recordings of subject {subject!r}.",
            where=str(folder),
            mend="Every recording needs its own table; they are matched in order of their names.",
            code="trial-count",
        )
    types, bad = list[dict[str, str]](), set[str]()
    for recording, path in zip(recordings, paths, strict=True):
        require_paired(recording, path, "table of channels")
        table = read_table(path)
        names, kinds = texts(table, "name", path), texts(table, "type", path)
        if len(set(names)) != len(names):
            twice = next(n for n in names if names.count(n) > 1)
            raise BadDataset(f"channel {twice!r} stands in it twice.", where=str(path), code="table")
        types.append({n: _TYPES.get(k.strip().upper(), "misc") for n, k in zip(names, kinds, strict=True)})
        if "status" in table:
            status = texts(table, "status", path)
            bad |= {n for n, s in zip(names, status, strict=True) if s.strip().lower() == "bad"}
    return [Channels(own, frozenset(bad & set(own))) for own in types]


def read_electrodes(
    source: ResponsesSource, folder: Path, subject: str, sensors: Sequence[str]
) -> tuple[NDArray[np.float64], pd.DataFrame]:
    """Places (m; NaN where unknown) and further columns of the electrodes that were recorded, in the order of ``sensors``.

    Raises
    ------
    BadDataset
        A recorded electrode has no row, or two (``unit-count``); or nobody says what x, y and z are in (``coordinates``).
    """
    path = find_file(folder, source.electrodes or "", subject)
    own = rows_named(
        read_table(path),
        "name",
        sensors,
        path,
        called="electrodes",
        mend="Names are those of the recording; channels that are no electrodes have another type (or status bad) in channels.tsv.",
    )
    places = np.full((len(sensors), 3), np.nan)
    if {"x", "y", "z"} <= set(own):
        places = np.column_stack([numbers(own, axis, path) for axis in "xyz"])
        if np.isfinite(places).any():
            places = places * _metres(path)
    kept = {str(c): _named(own, str(c), path) for c in own if c not in {"name", "x", "y", "z"}}
    return places, pd.DataFrame(kept)


def coordsystem_of(electrodes: Path) -> Path:
    """The file that says what an ``electrodes.tsv`` is in."""
    return electrodes.with_name(electrodes.name.replace("_electrodes.tsv", "_coordsystem.json"))


def _metres(electrodes: Path) -> float:
    """Metres of one unit of x, y and z."""
    path = coordsystem_of(electrodes)
    told = None
    if path.is_file() and path != electrodes:
        try:
            told = json.loads(path.read_text("utf-8")).get("iEEGCoordinateUnits")
        except (ValueError, AttributeError) as error:
            raise BadDataset(f"not a BIDS sidecar: {error}.", where=str(path), code="coordinates") from None
    if told not in _METRES:
        raise BadDataset(
            f"x, y and z are in {told!r}." if told else f"no {path.name} says what x, y and z are in.",
            where=str(electrodes),
            mend='"iEEGCoordinateUnits": "mm" (or "m", "cm") in it; or n/a in place of the numbers.',
            code="coordinates",
        )
    return _METRES[str(told)]


def _named(table: pd.DataFrame, name: str, path: Path) -> NDArray[np.generic]:
    """A column; where it holds names, nothing is called by BIDS' n/a."""
    values = column(table, name, path)
    if values.dtype.kind in "OUS":
        return np.array(["" if str(v).strip() in _NOTHING else str(v) for v in values])
    return np.asarray(values)
