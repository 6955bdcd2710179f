"""Rank: intervals of ranks, groups of models that cannot be told apart, and Borda points over boards."""

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.scores.difference import Comparison

Floats = NDArray[np.float64]


def rank_intervals(comparison: Comparison) -> list[tuple[int, int] | None]:
    """``[1 + number significantly better, N - number significantly worse]`` of each model; None without a score.

    With probability ``comparison.level`` every interval of the board holds all ranks the model shares with its
    equals. N counts models that have a score.
    """
    there = np.isfinite(comparison.values)
    count = int(there.sum())
    above, below = comparison.better.sum(axis=0), comparison.better.sum(axis=1)
    return [(1 + int(a), count - int(b)) if t else None for a, b, t in zip(above, below, there, strict=True)]


def tie_groups(comparison: Comparison) -> list[tuple[int, ...]]:
    """Largest sets of models of which no two can be told apart, best first; each a bracket beside the table.

    A model may stand in several. Insert and absorb (Piepho 2004, Journal of Computational and Graphical Statistics
    13, 456-466): one group of all is split at each pair that differs, and groups inside others are dropped.

    Returns
    -------
    list of tuple of int
        Numbers of models, best first in each.
    """
    there = np.flatnonzero(np.isfinite(comparison.values))
    order = [int(i) for i in there[np.argsort(-comparison.values[there], kind="stable")]]
    place = {model: k for k, model in enumerate(order)}
    groups = {frozenset(order)} if order else set()
    for i, j in np.argwhere(comparison.better):
        split = {g for g in groups if i in g and j in g}
        groups -= split
        for part in [g - {m} for g in split for m in (int(i), int(j))]:
            if not any(part <= g for g in groups):
                groups = {g for g in groups if not g <= part} | {part}
    ranked = [tuple(sorted(g, key=place.__getitem__)) for g in groups]
    return sorted(ranked, key=lambda g: [place[m] for m in g])


def letters(comparison: Comparison) -> list[str | None]:
    """Compact letter display: models that share a letter cannot be told apart; None without a score.

    Letters run a, b .. z, then aa, ab ..; where any has two, those of a model are parted by spaces.
    """
    groups = tie_groups(comparison)
    names = [_name(k) for k in range(len(groups))]
    between = " " if any(len(n) > 1 for n in names) else ""
    shown: list[str | None] = []
    for model, value in enumerate(comparison.values):
        own = [n for n, g in zip(names, groups, strict=True) if model in g]
        shown.append(between.join(own) if np.isfinite(value) else None)
    return shown


@dataclass(frozen=True)
class Borda:
    """Share of other models left behind, mean over boards; 1 is best everywhere, ties count one half.

    Parameters
    ----------
    points : tuple of float
        One a model.
    """

    points: tuple[float, ...]


@dataclass(frozen=True)
class Coverage:
    """What stands where Borda points cannot: not every model was scored on every board.

    Parameters
    ----------
    share : tuple of float
        Part of the boards on which each model has a score.
    missing : tuple of (int, int)
        Model and board of each missing score.
    """

    share: tuple[float, ...]
    missing: tuple[tuple[int, int], ...]


def borda(values: NDArray[np.floating[Any]] | Sequence[Sequence[float]]) -> Borda | Coverage:
    """Borda points over boards where every model has a score on every board, else how far they are covered.

    Parameters
    ----------
    values : array, models x boards
        NaN where a model has no score: missing is missing, not zero and not last.
    """
    table = np.asarray(values, np.float64)
    known = np.isfinite(table)
    if not known.all():
        holes = tuple((int(m), int(b)) for m, b in np.argwhere(~known))
        return Coverage(tuple(float(s) for s in known.mean(axis=1)), holes)
    above = table[:, None] - table[None, :]
    beaten = (above > 0).sum(axis=1) + ((above == 0).sum(axis=1) - 1) / 2
    points = beaten.mean(axis=1) / max(len(table) - 1, 1)
    return Borda(tuple(float(p) for p in points))


def _name(k: int) -> str:
    base = len(ascii_lowercase)
    return ascii_lowercase[k] if k < base else _name(k // base - 1) + ascii_lowercase[k % base]
