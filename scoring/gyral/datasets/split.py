"""Split: outer folds (train, held-out) and the inner folds inside training rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset
from gyral.hashing import hash_json

Rows = NDArray[np.int64]


class Fold(NamedTuple):
    """Row numbers of one fold."""

    train: Rows
    test: Rows


@dataclass(frozen=True, eq=False)
class Split:
    """A list of outer folds; each row is held out at most once.

    Parameters
    ----------
    name : str
        How it was made ("contiguous-5", "grouped-5").
    folds : tuple of Fold
        Training and held-out rows.
    groups : int array, one a row, optional
        Group of each row; inner folds keep groups whole. None: inner folds are contiguous.
    ordered : bool
        True where rows are in the order of measurement, so that neighbours resemble each other.
    audit : bool
        True for splits that may show damage (a shuffle of ordered rows) but may not score a board.
    gap : int
        Rows on either side of a held-out block that are left out of training, in inner folds too.
    """

    name: str
    folds: tuple[Fold, ...]
    groups: Rows | None = None
    ordered: bool = True
    audit: bool = False
    gap: int = 0

    def __post_init__(self) -> None:
        held: set[int] = set()
        for fold in self.folds:
            test = set(fold.test.tolist())
            if test & held:
                raise BadDataset(
                    "a stimulus is held out more than once.",
                    where=f"split {self.name!r}",
                )
            if test & set(fold.train.tolist()):
                raise BadDataset(
                    "a stimulus is in training and held out.",
                    where=f"split {self.name!r}",
                )
            if self.groups is not None:
                shared = np.intersect1d(self.groups[fold.train], self.groups[fold.test])
                if shared.size:
                    raise BadDataset(
                        f"group {shared[0]} stands on both sides of a fold.",
                        where=f"split {self.name!r}",
                    )
            held |= test

    @cached_property
    def content_hash(self) -> str:
        """Hex sha256 of all row numbers."""
        return hash_json([[f.train.tolist(), f.test.tolist()] for f in self.folds])

    @property
    def held_out(self) -> Rows:
        """All held-out rows, fold after fold."""
        return np.concatenate([f.test for f in self.folds])

    def inner(self, fold: Fold, count: int = 5) -> tuple[Fold, ...]:
        """Folds inside the training rows of one outer fold, for choosing penalties and layers.

        Row numbers are positions *within* ``fold.train`` (0 .. len(train) - 1). Groups stay whole, unless
        training holds a single group, whose rows are then cut in order.
        """
        train = fold.train
        if self.groups is not None:
            within = self.groups[train]
            distinct = len(np.unique(within))
            if distinct >= 2:
                return grouped(within, min(count, distinct)).folds
        count = min(count, len(train))
        # Where a gap would leave hardly anything, the outer one must do.
        gap = self.gap if len(train) >= count * (2 * self.gap + 2) else 0
        return contiguous(len(train), count, gap=gap).folds


def contiguous(samples: int, folds: int = 5, *, gap: int = 0) -> Split:
    """Consecutive blocks of rows in shipped order, sizes differing by at most one.

    Parameters
    ----------
    samples, folds : int
    gap : int
        Rows on either side of a held-out block that are left out of training, so that what spills over from one
        sample to the next (haemodynamics, windows) cannot be copied across the border. 0 for independent samples.

    Raises
    ------
    BadDataset
        Fewer samples than folds, or a gap that leaves nothing to train on (``too-few-samples``).
    """
    _enough(samples, folds, "samples")
    blocks = np.array_split(np.arange(samples, dtype=np.int64), folds)
    if not gap:
        return Split(f"contiguous-{folds}", _complements(blocks, samples), ordered=True)
    if gap < 0:
        raise BadDataset(f"a gap of {gap} rows; 0 or more is expected.", where="split: gap")
    found = tuple(Fold(_beyond(fold, gap), fold.test) for fold in _complements(blocks, samples))
    if min(len(fold.train) for fold in found) < 2:
        raise BadDataset(
            f"a gap of {gap} rows leaves fewer than two of {samples} to train on.",
            where="split: gap",
            code="too-few-samples",
        )
    return Split(f"contiguous-{folds}-gap-{gap}", found, ordered=True, gap=gap)


def grouped(groups: Sequence[Any] | NDArray[Any], folds: int = 5) -> Split:
    """Whole groups held out; consecutive groups go together, balanced by the number of rows.

    Raises
    ------
    BadDataset
        Fewer groups than folds (``too-few-samples``).
    """
    names, codes = _in_order(np.asarray(groups))
    _enough(len(names), folds, "groups")
    counts = np.bincount(codes)
    # Cut where the running row count passes each fold's share, at least one group a fold.
    centre = np.cumsum(counts) - counts / 2
    fold_of = np.minimum((centre * folds / counts.sum()).astype(int), folds - 1)
    if len(np.unique(fold_of)) < folds:
        fold_of = (np.arange(len(names)) * folds) // len(names)
    blocks = [np.flatnonzero(fold_of[codes] == k).astype(np.int64) for k in range(folds)]
    return Split(f"grouped-{folds}", _complements(blocks, len(codes)), groups=codes, ordered=True)


def leave_one_group_out(groups: Sequence[Any] | NDArray[Any]) -> Split:
    """One fold a group."""
    names, codes = _in_order(np.asarray(groups))
    _enough(len(names), 2, "groups")
    blocks = [np.flatnonzero(codes == k).astype(np.int64) for k in range(len(names))]
    return Split(
        "leave-one-group-out",
        _complements(blocks, len(codes)),
        groups=codes,
        ordered=True,
    )


def shuffled(
    samples: int,
    folds: int = 5,
    *,
    seed: int = 0,
    ordered: bool = True,
    audit: bool = False,
) -> Split:
    """Random folds. Of ordered rows this is possible only for an audit, never for a board.

    Raises
    ------
    BadDataset
        ``ordered`` without ``audit`` (``shuffled-split``): neighbours leak, an order-only baseline scores.
    """
    if ordered and not audit:
        raise BadDataset(
            "a shuffled split of ordered data lets neighbouring samples leak into training.",
            where="split",
            mend="Use contiguous or grouped folds; audit=True builds it to show the damage.",
            code="shuffled-split",
        )
    _enough(samples, folds, "samples")
    order = np.random.default_rng(seed).permutation(samples).astype(np.int64)
    blocks = [np.sort(b) for b in np.array_split(order, folds)]
    return Split(f"shuffled-{folds}", _complements(blocks, samples), ordered=ordered, audit=audit)


SplitKind = Literal["contiguous", "grouped", "leave-one-group-out"]


def _complements(blocks: Sequence[Rows], samples: int) -> tuple[Fold, ...]:
    every = np.arange(samples, dtype=np.int64)
    return tuple(Fold(np.setdiff1d(every, block), block) for block in blocks)


def _beyond(fold: Fold, gap: int) -> Rows:
    """Training rows further than ``gap`` from the held-out block."""
    far = (fold.train < fold.test[0] - gap) | (fold.train > fold.test[-1] + gap)
    return np.asarray(fold.train[far], np.int64)


def _in_order(groups: NDArray[Any]) -> tuple[NDArray[Any], Rows]:
    names, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return names[order], rank[codes].astype(np.int64)


def _enough(count: int, folds: int, noun: str) -> None:
    if folds < 2:
        raise BadDataset(
            f"{folds} folds cannot hold anything out; at least 2 are needed.",
            where="split",
        )
    if count < folds:
        raise BadDataset(
            f"{count} {noun} cannot be held out in {folds} folds.",
            where="split",
            mend=f"Use at most {count} folds, or more {noun}." if count > 1 else f"At least 2 {noun} are needed.",
            code="too-few-samples",
        )
