"""Concordance: Kendall's tau-a, from counts along two fixed orders.

With the pairs in the order of the first RDM, two of them are discordant where the second RDM has them the other way round.
As in a merge sort, halves of blocks of 2, 4, 8 .. pairs are compared, each in the order of the second: what stands before
a pair of the later half are the pairs of the earlier half that lie above it. These orders stay under redraws, and counts run
along them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.rsa.comparator import Counts, Mask, paired
from gyral.rsa.copies import Copies, Running, Words, redraws
from gyral.rsa.rank import rank_bounds

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Halves:
    """All blocks of one size: their earlier halves one after the other, then their later halves.

    Parameters
    ----------
    order : int array, pairs
        From the order of the size before to this one; within a half from the highest of the second RDM down.
    later : int
        Where later halves begin.
    start, before : int array, one a later pair
        Earlier pairs up to its block, and up to the pair itself.
    """

    order: Ints
    later: int
    start: Ints
    before: Ints


class Concordance:
    """Two RDMs sorted once; concordant less discordant pairs of pairs follow for any copies.

    Parameters
    ----------
    first, second : array, pairs
    """

    def __init__(self, first: Array, second: Array) -> None:
        # Pairs that tie in the first stand in the order of the second: none of them is discordant.
        self.order: Ints = np.lexsort((second, first))
        a, b = first[self.order], second[self.order]
        self.ends = _ends(a[1:] != a[:-1])
        self.both_ends = _ends((a[1:] != a[:-1]) | (b[1:] != b[:-1]))
        # Of pairs that tie in the second, later ones stand first: no earlier one is counted as above them.
        place = np.arange(len(a))
        self.falling: Ints = np.lexsort((-place, -b))
        ordered = b[self.falling]
        self.second_ends = _ends(ordered[1:] != ordered[:-1])
        self.halves = list(_halves(self.falling))

    def of(self, copies: Copies) -> Floats:
        """tau-a of all copies: fields; 0 where there are none."""
        words, room = copies.words.take(self.order, axis=0), Running(*copies.words.shape)
        tied = self._tied(copies, words, room)
        above = np.zeros_like(words)
        for part in self.halves:
            words, above = (x.take(part.order, axis=0, mode="clip") for x in (words, above))
            sums = room.along(words[: part.later])
            above[part.later :] += sums.take(part.before, axis=0, mode="clip")
            above[part.later :] -= sums.take(part.start, axis=0, mode="clip")
        discordant = np.einsum("pd,pd->d", *(copies.fields(x).astype(np.float64) for x in (words, above)))
        all_pairs = np.maximum(copies.totals**2 - copies.totals, 1) / 2
        return np.asarray(((copies.totals**2 - tied) / 2 - 2 * discordant) / all_pairs)

    def _tied(self, copies: Copies, words: Words, room: Running) -> Floats:
        """Twice the pairs of copies that tie in either, and all copies: fields."""
        tied = self._squares(copies, room.along(words, self.falling), self.second_ends)
        sums = room.along(words)
        return np.asarray(
            tied + self._squares(copies, sums, self.ends) - self._squares(copies, sums, self.both_ends)
        )

    @staticmethod
    def _squares(copies: Copies, sums: Words, ends: Ints) -> Floats:
        """Squared numbers of copies that tie, added up: fields."""
        tied = np.diff(copies.fields(sums)[ends].astype(np.float64), axis=0, prepend=0.0)
        return np.asarray(np.einsum("gd,gd->d", tied, tied))


def _ends(new: NDArray[np.bool_]) -> Ints:
    """Where groups end, as numbers of entries; ``new``: each entry but the first differs from the one before."""
    return np.append(np.flatnonzero(new) + 1, len(new) + 1)


def _halves(falling: Ints) -> Iterator[Halves]:
    """From one block down to blocks of two."""
    place, current = np.arange(len(falling)), falling
    for bit in reversed(range((len(falling) - 1).bit_length())):
        half = 1 << bit
        late = (current >> bit) & 1 == 1
        earlier, later = current[~late], current[late]
        both = np.concatenate([earlier, later])
        yield Halves(place[both], len(earlier), later // (2 * half) * half, np.cumsum(~late)[late])
        place = np.empty_like(place)
        place[both] = np.arange(len(both))
        current = np.empty_like(current)
        for part, shift in ((earlier, 0), (later, half)):
            number = np.arange(len(part))
            current[number // half * 2 * half + number % half + shift] = part


@dataclass(frozen=True)
class Kendall:
    """tau-a: concordant less discordant pairs of pairs, over all of them."""

    def similarity(self, measured: Array, predicted: Array) -> Floats:
        """Each measured RDM with each predicted one."""
        a, b = paired(measured, predicted)
        return np.array([[_tau(x, y) for y in b] for x in a])

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """The same under each redraw."""
        a, b = paired(measured, predicted)
        out = np.full((len(counts), len(a), len(b)), np.nan)
        among = slice(None) if mask is None else mask
        for s, x in enumerate(a[:, among]):
            for m, y in enumerate(b[:, among]):
                pair = Concordance(x, y)
                for copies in redraws(counts, a.shape[1], mask):
                    out[copies.draws, s, m] = pair.of(copies)[: len(copies.draws)]
        return out

    def bounds(self, measured: Array, counts: Counts | None = None) -> Floats:
        """Against mean ranks, which need not be the very best order for tau."""
        return rank_bounds(self, measured, counts)


def _tau(a: Floats, b: Floats) -> float:
    """By a sort in C, which pays where orders are used once."""
    from scipy.stats import kendalltau  # slow import, and `gyral list` never comes here

    pairs = len(a) * (len(a) - 1) / 2
    untied = [pairs - (n * (n - 1) / 2).sum() for n in (np.unique(x, return_counts=True)[1] for x in (a, b))]
    if min(untied) <= 0:
        return 0.0
    return float(kendalltau(a, b).statistic * np.sqrt(untied[0] * untied[1]) / pairs)


KENDALL = Kendall()
