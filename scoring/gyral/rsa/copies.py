"""Copies: how often each pair counts in redraws of stimuli, several redraws side by side in one machine word.

Ranks among redrawn pairs are running counts along the order of the original dissimilarities, so that one sort serves all
redraws. Counts are whole and small: as fields of 16 or 32 bits, four or two of them are looked up and added at once, and no sum
carries into the next, because fields hold twice what all pairs of a redraw count.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.comparator import Counts, Mask, PairSums, checked_counts

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Fields = NDArray[np.unsignedinteger[Any]]
Words = NDArray[np.uint64]

# Words a pair, and bytes that ranks unpacked from them may take, else one word: more words make looking up cheaper, and
# adding dearer.
_WORDS, _MEMORY = 2, 1 << 28


@dataclass(frozen=True, eq=False)
class Copies:
    """Some redraws.

    Parameters
    ----------
    draws : list of int
        Which; fewer than there are fields, of which the last may stand empty.
    weights : array of 16, 32 or 64 bits, pairs x fields
    totals : array, fields
        Pairs that count, copies included.
    """

    draws: list[int]
    weights: Fields
    totals: Floats

    @property
    def words(self) -> Words:
        """The weights: pairs x words."""
        return self.weights.view(np.uint64)

    def fields(self, words: Words) -> Fields:
        """Words of sums of the weights as sums: ... x words -> ... x fields."""
        return words.view(self.weights.dtype)


def redraws(counts: Counts, pairs: int, mask: Mask | None = None, *, rdms: int = 1) -> Iterator[Copies]:
    """Copies of the pairs (of those in the mask) under all redraws of three stimuli and two pairs or more.

    Parameters
    ----------
    counts : array, draws x samples
    pairs : int
        Before the mask.
    mask : bool array, pairs, optional
    rdms : int
        That are unpacked at once.

    Raises
    ------
    BadArrays
        Counts do not fit the pairs, or are not whole.
    """
    drawn = checked_counts(counts, pairs)
    if (drawn != np.rint(drawn)).any() or (drawn < 0).any():
        raise BadArrays("ranks need whole counts of 0 or more.", where="counts")
    totals = PairSums(drawn, pairs, mask).total[:, 0]
    which = np.flatnonzero(totals > 1)
    first, second = np.triu_indices(drawn.shape[1], 1)
    if mask is not None:
        first, second = first[mask], second[mask]
    kind = _kind(2 * totals[which].max(initial=0))
    a_word = 8 // np.dtype(kind).itemsize
    fields = a_word * (_WORDS if 8 * rdms * len(first) * a_word * _WORDS <= _MEMORY else 1)
    for start in range(0, len(which), fields):
        draws = which[start : start + fields]
        stimuli = np.zeros((drawn.shape[1], fields), kind)
        stimuli[:, : len(draws)] = drawn[draws].T
        weights = stimuli.take(first, axis=0, mode="clip")
        weights *= stimuli.take(second, axis=0, mode="clip")
        yield Copies(draws.tolist(), weights, np.append(totals[draws], np.zeros(fields - len(draws))))


def _kind(most: float) -> type[np.unsignedinteger[Any]]:
    """Narrowest field that holds so much."""
    kinds: tuple[type[np.unsignedinteger[Any]], ...] = (np.uint16, np.uint32, np.uint64)
    return next(k for k in kinds if most <= np.iinfo(k).max)


class Running:
    """Running sums along any order, in memory that is taken once: fresh pages cost more than the sums.

    Parameters
    ----------
    pairs, words : int
    """

    def __init__(self, pairs: int, words: int) -> None:
        self.ordered: Words = np.empty((pairs, words), np.uint64)
        self.found: Words = np.empty((pairs, words), np.uint64)
        self.sums: Words = np.zeros((pairs + 1, words), np.uint64)

    def along(self, words: Words, order: Ints | None = None) -> Words:
        """Sums over the first 0, 1 .. n entries (of the order), until the next are asked for: (n + 1) x words."""
        sums = self.sums[: len(words) + 1]
        if order is not None:
            words = words.take(order, axis=0, mode="clip", out=self.ordered)
        np.cumsum(words, axis=0, out=sums[1:])
        return sums


class Ranking:
    """One RDM sorted once: its ranks, and those among any copies of its entries.

    Ranks are doubled: of each entry, the copies below it and those up to it and its ties, added. Less the number of all
    copies they are twice the mean rank less the middle one.

    Parameters
    ----------
    values : array, pairs
    """

    def __init__(self, values: Array) -> None:
        self.order: Ints = np.argsort(values)
        ordered, pairs = values[self.order], len(values)
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, pairs)
        self.place: Ints = np.empty(pairs, np.intp)
        self.place[self.order] = np.arange(pairs)
        # Where its ties begin and end: None where there are none.
        self.ties: tuple[Ints, Ints] | None = None
        if len(ends) < pairs:
            group = np.searchsorted(ends, self.place, side="right")
            self.ties = np.append(0, ends)[group], ends[group]

    @property
    def doubled(self) -> Ints:
        """With each entry once."""
        return 2 * self.place + 1 if self.ties is None else self.ties[0] + self.ties[1]

    def doubled_among(self, copies: Copies, room: Running, out: Floats) -> Fields:
        """Among copies, into ``out``, fields x pairs; the running counts along the order are returned."""
        sums = room.along(copies.words, self.order)
        if self.ties is None:
            np.add(sums[1:], sums[:-1], out=room.ordered)
            room.ordered.take(self.place, axis=0, mode="clip", out=room.found)
        else:
            sums.take(self.ties[0], axis=0, mode="clip", out=room.ordered)
            sums.take(self.ties[1], axis=0, mode="clip", out=room.found)
            room.found += room.ordered
        np.copyto(out, copies.fields(room.found).T)
        return copies.fields(sums)

    def doubled_at(self, places: Floats, sums: Fields | None = None) -> Floats:
        """Doubled ranks of the copies at whole places from 0 on, in order.

        Parameters
        ----------
        places : array, k x fields
        sums : array, (pairs + 1) x fields, optional
            Running counts along the order; by default each entry counts once (places: k x 1).
        """
        last = len(self.order) - 1
        at = places.astype(np.intp) if sums is None else np.minimum(_first_above(sums, places), last)
        first, end = (at, at + 1) if self.ties is None else (side[self.order[at]] for side in self.ties)
        if sums is None:
            return np.asarray(first + end, np.float64)
        field = np.arange(sums.shape[1])
        return np.asarray(sums[first, field].astype(np.float64) + sums[end, field])


def _first_above(sums: Fields, places: Floats) -> Ints:
    """Which entry's running count is the first above each place, by bisection: k x fields; too many where none is."""
    last, fields = len(sums) - 1, sums.shape[1]
    flat, field = sums.ravel(), np.arange(fields)
    found = np.zeros(places.shape, np.intp)
    for bit in reversed(range(last.bit_length())):
        further = np.minimum(found + (1 << bit), last)
        found = np.where(flat.take(further * fields + field) <= places, further, found)
    return found
