"""Recording: one subject's measurements as they come out of files, a row a trial (or a sample in time)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
# Called with the most rows at a time; yields consecutive rows x units.
Blocks = Callable[[int], Iterator[Array]]


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that stand in one file (a run, a session).

    Parameters
    ----------
    rows : int
    blocks : callable
        ``blocks(most)`` yields the rows in order, at most ``most`` at a time, rows x units.
    name : str
        The file, for messages.
    """

    rows: int
    blocks: Blocks
    name: str


@dataclass(frozen=True, eq=False)
class FoundRegion:
    """Units of one subject in a region, as columns of its recording."""

    name: str
    path: tuple[str, ...]
    title: str
    units: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Recording:
    """What was measured of one subject.

    Parameters
    ----------
    subject : str
    shown : DataFrame
        A row for each row of the parts, one part after the other: ``stimulus`` and, where events are the stimuli,
        ``label`` and ``group``; of samples in time also ``story`` and columns of signals.
    units : DataFrame
        A row a unit, ``unit`` first.
    parts : tuple of Part
    regions : tuple of FoundRegion
    """

    subject: str
    shown: pd.DataFrame
    units: pd.DataFrame
    parts: tuple[Part, ...]
    regions: tuple[FoundRegion, ...] = ()

    def kept(self, units: NDArray[np.int64]) -> "Recording":
        """The recording of some units only."""
        place = np.full(len(self.units), -1, np.int64)
        place[units] = np.arange(len(units))

        def cut(part: Part) -> Part:
            return replace(part, blocks=lambda most: (b[:, units] for b in part.blocks(most)))

        regions = tuple(
            replace(r, units=place[r.units][place[r.units] >= 0].astype(np.int64)) for r in self.regions
        )
        return replace(
            self,
            units=self.units.iloc[units].reset_index(drop=True),
            parts=tuple(cut(p) for p in self.parts),
            regions=regions,
        )


def finite_units(recording: Recording, most: int) -> NDArray[np.bool_]:
    """True for units that are finite in every row; reads everything once."""
    fine = np.ones(len(recording.units), np.bool_)
    for part in recording.parts:
        for block in part.blocks(most):
            fine &= np.isfinite(block).all(axis=0)
    return fine


def divided(part: Part, by: float) -> Part:
    """The part with every number divided."""
    return replace(part, blocks=lambda most: (np.asarray(b, np.float64) / by for b in part.blocks(most)))


def standardised(part: Part) -> Part:
    """The part with each unit's mean out and its standard deviation one over the rows; a constant unit is 0.

    The file is read twice: means and spreads first, block by block (Chan, Golub & LeVeque 1983,
    doi:10.1080/00031305.1983.10483115).
    """

    def blocks(most: int) -> Iterator[Array]:
        count, mean, squares, largest = 0, 0.0, 0.0, 0.0
        for block in part.blocks(most):
            own = np.asarray(block, np.float64)
            middle, rows = own.mean(axis=0), len(own)
            squares = squares + ((own - middle) ** 2).sum(axis=0)
            squares = squares + (middle - mean) ** 2 * (count * rows / (count + rows))
            mean = mean + (middle - mean) * (rows / (count + rows))
            largest = np.maximum(largest, np.abs(own).max(axis=0))
            count += rows
        spread = np.sqrt(np.asarray(squares) / max(count, 1))
        flat = spread <= 1e-9 * np.asarray(largest)
        scale = np.where(flat, 1.0, spread)
        for block in part.blocks(most):
            yield np.where(flat, 0.0, (np.asarray(block, np.float64) - mean) / scale)

    return replace(part, blocks=blocks)


def signal_columns(recording: Recording, signals: Mapping[str, tuple[str, ...]]) -> dict[str, Array]:
    """Columns of the trials table as arrays, samples x columns."""
    from gyral.datasets.readers.files import numbers  # here: files knows tables, not recordings

    where = f"trials of subject {recording.subject!r}"
    return {n: np.column_stack([numbers(recording.shown, c, where) for c in own]) for n, own in signals.items()}
