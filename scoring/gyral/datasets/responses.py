"""Responses: what was measured, and RDMs where only dissimilarities were published."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset

# Nuisances that Gyral computes from stimuli or their times (`gyral.controls`); what was measured has other names.
STIMULUS_BANDS = frozenset(
    (
        *("luminance", "contrast", "spatial-frequency", "edges", "colour"),
        *("length", "frequency", "position", "static-vectors", "word-rate"),
        *("duration", "envelope", "rate", "spectrum"),
    )
)
Kind = Literal["fMRI", "MEG", "EEG", "ECoG", "spikes", "behaviour", "simulated"]
Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses of all subjects, units side by side.

    Parameters
    ----------
    kind : str
        Recording technique.
    physical_unit : str
        Unit of the numbers ("z", "spikes / 100 ms", "a.u.").
    values : dict of subject to array, samples x units of that subject
        Mean over repeats where there are repeats; may be memory-mapped.
    repeats : dict of subject to array, samples x repeats x units
        Single presentations, NaN where one is missing; empty where none were published.
    nuisances : dict of band to dict of subject to array, samples x columns
        What else was going on in each subject while it was recorded and no stimulus knows of (motion of the head, heart beat), mean over
        repeats; every band has all subjects. They stand among the nuisances of a score (`gyral.controls`).
    """

    kind: Kind
    physical_unit: str
    values: Mapping[str, Array]
    repeats: Mapping[str, Array]
    nuisances: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subject names in pack order."""
        return tuple(self.values)

    @property
    def n_units(self) -> int:
        """Units over all subjects."""
        return sum(v.shape[1] for v in self.values.values())

    def stacked(self) -> Array:
        """All subjects' units side by side, samples x units, float32; unit order is that of the unit table."""
        return np.concatenate([np.asarray(v, np.float32) for v in self.values.values()], axis=1)

    def stacked_repeats(self) -> Array | None:
        """Single presentations, samples x repeats x units over all subjects, or None.

        Subjects with fewer repeats are padded with NaN.
        """
        if set(self.repeats) != set(self.values):
            return None
        most = max(r.shape[1] for r in self.repeats.values())
        padded = []
        for subject in self.values:
            single = np.asarray(self.repeats[subject], np.float32)
            gap = most - single.shape[1]
            padded.append(np.pad(single, ((0, 0), (0, gap), (0, 0)), constant_values=np.nan))
        return np.concatenate(padded, axis=2)


def require_band_names(bands: Iterable[str], signals: Iterable[str], where: str) -> None:
    """Refuse names of measured nuisances that something else has: scores tell bands apart by name.

    Raises
    ------
    BadDataset
        ``band-name``: a band of stimuli or a signal of the timeline is called so, or two differ by case alone.
    """
    taken = {name.casefold(): name for name in (*STIMULUS_BANDS, *signals)}
    for name in bands:
        if (other := taken.get(name.casefold())) is not None:
            raise BadDataset(
                f"the band {name!r} is called as another, {other!r}.",
                where=f"{where}.{name}",
                mend="Give it a name of its own, such as 'motion'.",
                code="band-name",
            )
        taken[name.casefold()] = name


@dataclass(frozen=True, eq=False)
class RegionRdms:
    """Published dissimilarities of one region.

    Parameters
    ----------
    region : str
        Name of the region.
    kind : str
        Recording technique.
    values : array, subjects x sessions x samples x samples
        Symmetric, zero diagonal.
    subjects : tuple of str
        Names of the first axis.
    """

    region: str
    kind: Kind
    values: Array
    subjects: tuple[str, ...]

    def pooled(self) -> NDArray[np.float64]:
        """Mean over sessions, upper triangles row by row: subjects x pairs."""
        upper = np.triu_indices(self.values.shape[-1], 1)
        return np.asarray(
            np.mean([np.asarray(s, np.float64)[..., *upper] for s in self.values.swapaxes(0, 1)], axis=0)
        )


def filled(table: Array) -> Array:
    """Responses as features, samples x units, float32: a missing sample says nothing and gets the unit's mean."""
    there = np.isfinite(table)
    if there.all():
        return np.asarray(table, np.float32)
    mean = np.where(there, table, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, table, mean).astype(np.float32)
