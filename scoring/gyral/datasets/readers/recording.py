"""Recording: one subject's measurements as they come out of files, a row a trial (or a sample in time)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    width : int
        Units that a row has while it is read, where some are left out behind; 0: those of the table.
    notes : tuple of str
        What was decided while files were opened.
    """

    subject: str
    shown: pd.DataFrame
    units: pd.DataFrame
    parts: tuple[Part, ...]
    regions: tuple[FoundRegion, ...] = ()
    width: int = 0
    notes: tuple[str, ...] = ()

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
            width=self.width or len(self.units),
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
        moments = Moments()
        for block in part.blocks(most):
            moments.add(np.asarray(block, np.float64))
        for block in part.blocks(most):
            yield moments.standardise(np.asarray(block, np.float64))

    return replace(part, blocks=blocks)


def standardised_by(parts: tuple[Part, ...], labels: Sequence[str]) -> tuple[Part, ...]:
    """As `standardised`, over the rows of each label (a session) wherever they stand.

    Parameters
    ----------
    parts : tuple of Part
    labels : sequence of str
        One a row of all parts. Rows without one ("") are left as they are.
    """
    starts = np.cumsum([0, *(p.rows for p in parts)])
    names = np.asarray(labels, np.str_)
    found: dict[str, Moments] = {}

    def rows_of(most: int) -> Iterator[tuple[int, Array]]:
        for start, part in zip(starts[:-1].tolist(), parts, strict=True):
            at = start
            for block in part.blocks(most):
                yield at, np.asarray(block, np.float64)
                at += len(block)

    def moments(most: int) -> dict[str, Moments]:
        if not found:
            for at, block in rows_of(most):
                own = names[at : at + len(block)]
                for name in dict.fromkeys(own.tolist()):
                    found.setdefault(name, Moments()).add(block[own == name])
        return found

    def standardise(part: Part, start: int) -> Part:
        def blocks(most: int) -> Iterator[Array]:
            known, at = moments(most), start
            for block in part.blocks(most):
                own, out = names[at : at + len(block)], np.array(block, np.float64)
                for name in dict.fromkeys(own.tolist()):
                    if name:
                        out[own == name] = known[name].standardise(out[own == name])
                at += len(block)
                yield out

        return replace(part, blocks=blocks)

    return tuple(standardise(p, s) for p, s in zip(parts, starts[:-1].tolist(), strict=True))


class Moments:
    """Mean and spread of each unit over rows that come block by block (Chan, Golub & LeVeque 1983)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: Any = 0.0
        self.squares: Any = 0.0
        self.largest: Any = 0.0

    def add(self, block: NDArray[np.float64]) -> None:
        """Take in rows x units."""
        middle, rows = block.mean(axis=0), len(block)
        total = self.count + rows
        self.squares = self.squares + ((block - middle) ** 2).sum(axis=0)
        self.squares = self.squares + (middle - self.mean) ** 2 * (self.count * rows / total)
        self.mean = self.mean + (middle - self.mean) * (rows / total)
        self.largest = np.maximum(self.largest, np.abs(block).max(axis=0))
        self.count = total

    def standardise(self, block: NDArray[np.float64]) -> Array:
        """Rows x units with mean 0 and spread 1; a constant unit is 0."""
        spread = np.sqrt(np.asarray(self.squares) / max(self.count, 1))
        flat = spread <= 1e-9 * np.asarray(self.largest)
        return np.where(flat, 0.0, (block - self.mean) / np.where(flat, 1.0, spread))


def signal_columns(recording: Recording, signals: Mapping[str, tuple[str, ...]]) -> dict[str, Array]:
    """Columns of the trials table as arrays, samples x columns."""
    from gyral.datasets.readers.files import numbers  # here: files knows tables, not recordings

    where = f"trials of subject {recording.subject!r}"
    return {n: np.column_stack([numbers(recording.shown, c, where) for c in own]) for n, own in signals.items()}
