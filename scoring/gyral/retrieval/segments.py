"""Segments: windows of M/EEG, the item each was measured with, and where the sensors are."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.time_axis import sensor_times, unit_grid
from gyral.errors import BadDataset

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Segments:
    """Windows of all subjects.

    Parameters
    ----------
    windows : array, windows x sensors x times
        float32, any physical unit.
    subjects : int array, one a window
        From 0.
    items : int array, one a window
        Row of the targets: the same item measured with several subjects, or several times, is one candidate.
    places : array, sensors x 2
        Sensors seen from above, scaled to [0, 1]; NaN where nobody knows.

    Raises
    ------
    BadDataset
        Shapes do not fit, or windows hold what is no number (``segments``).
    """

    windows: Floats
    subjects: Ints
    items: Ints
    places: Floats

    def __post_init__(self) -> None:
        shape = self.windows.shape
        fits = len(shape) == 3 and len(self.subjects) == len(self.items) == shape[0]
        if not fits or self.places.shape != (shape[1], 2):
            raise BadDataset(
                f"windows {shape!r}, subjects {self.subjects.shape!r}, items {self.items.shape!r} and places "
                f"{self.places.shape!r} do not fit: windows x sensors x times, two of one a window, sensors x 2.",
                where="segments",
                code="segments",
            )
        bad = np.flatnonzero(~np.isfinite(self.windows).all(axis=(1, 2)))
        if len(bad):
            raise BadDataset(
                f"window {int(bad[0])} holds NaN or infinite values.", where="segments", code="segments"
            )

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def n_subjects(self) -> int:
        """Number of subjects."""
        return int(self.subjects.max()) + 1

    def of_items(self, items: Ints) -> "Segments":
        """The windows of some items, in order."""
        kept = np.flatnonzero(np.isin(self.items, items))
        return replace(self, windows=self.windows[kept], subjects=self.subjects[kept], items=self.items[kept])


def from_above(places: Floats) -> Floats:
    """Places in the head (sensors x 3, z up) unrolled onto a disc in [0, 1] x [0, 1]; NaN stays.

    A sensor keeps its direction and its angle from the top (azimuthal equidistant), so that those at the rim do not
    fall upon one another.
    """
    known = np.isfinite(places).all(axis=1)
    out = np.full((len(places), 2), np.nan)
    if known.any():
        centred = places[known] - places[known].mean(axis=0)
        flat = np.linalg.norm(centred[:, :2], axis=1)
        angle = np.arctan2(flat, centred[:, 2])
        out[known] = centred[:, :2] * (angle / np.maximum(flat, 1e-12))[:, None]
        low, high = out[known].min(axis=0), out[known].max(axis=0)
        out[known] = (out[known] - low) / np.maximum(high - low, 1e-12)
    return out


def segments_of(dataset: Dataset) -> Segments:
    """Segments of an M/EEG dataset: one window for each stimulus and subject, means over repeats.

    Parameters
    ----------
    dataset : Dataset
        With a time axis; its unit table has ``sensor`` and ``time`` and, where known, ``x``, ``y``, ``z``.

    Raises
    ------
    BadDataset
        No responses over sensors and times (``no-time-axis``), or subjects with different sensors
        (``sensors-differ``).
    """
    if dataset.time is None or dataset.responses is None:
        raise BadDataset(
            "retrieval needs responses of sensors over time, and there are none.",
            where=f"dataset {dataset.name!r}",
            mend="Take a dataset of MEG or EEG, such as sim-meg or sim-eeg.",
            code="no-time-axis",
        )
    windows, subjects = [], []
    names: tuple[str, ...] = ()
    places: Floats = np.empty((0, 2))
    for code, subject in enumerate(dataset.responses.subjects):
        own, sensors = sensor_times(dataset, subject)
        if code == 0:
            names, places = sensors, _places(dataset, subject)
        elif sensors != names:
            raise BadDataset(
                f"subject {subject!r} has other sensors than the first; all must share them.",
                where=f"dataset {dataset.name!r}",
                code="sensors-differ",
            )
        windows.append(np.asarray(own, np.float32))
        subjects.append(np.full(len(own), code, np.int64))
    items = np.tile(_identities(dataset.stimuli), len(windows))
    return Segments(np.concatenate(windows), np.concatenate(subjects), items, places)


def _places(dataset: Dataset, subject: str) -> Floats:
    grid, _ = unit_grid(dataset, subject)
    own = dataset.units[dataset.units["subject"].astype(str) == subject]
    if not {"x", "y", "z"} <= set(own):
        return np.full((len(grid), 2), np.nan)
    return from_above(own[["x", "y", "z"]].to_numpy(np.float64)[grid[:, 0]])


def _identities(stimuli: StimulusSet) -> Ints:
    """Row of each stimulus, or of the first that is the same."""
    first: dict[str, int] = {}
    shown = stimuli.hashes if stimuli.contexts is None else zip(stimuli.hashes, stimuli.contexts, strict=True)
    return np.array([first.setdefault(repr(h), row) for row, h in enumerate(shown)], np.int64)
