"""Rank: comparators that see only the order of dissimilarities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.rsa.comparator import Comparator, Counts, Mask, Product, paired
from gyral.rsa.copies import Copies, Fields, Ranking, Running, redraws
from gyral.rsa.vector import check_vectors

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


def centred_ranks(values: Array) -> Floats:
    """Average ranks along the last axis, centred and scaled so that a product of two sums to rho-a.

    Ties get their mean rank, but the scale is that of untied ranks: rho-a, the expected Spearman
    correlation under random tie-breaking (Schuett et al. 2023, doi 10.7554/eLife.82566).
    """
    count = values.shape[-1]
    return np.asarray(middled_ranks(values) / np.sqrt((count**3 - count) / 12))


def middled_ranks(values: Array) -> Floats:
    """Average ranks along the last axis less the middle one; halves, so that sums of them are exact."""
    flat = values.reshape(-1, values.shape[-1])
    doubled = np.stack([Ranking(v).doubled for v in flat])
    return np.asarray(((doubled - values.shape[-1]) / 2).reshape(values.shape))


class Ranked(Product):
    """A comparator of ranks, which are made anew among the pairs of each redraw."""

    def marks(self, ranking: Ranking, sums: Fields, copies: Copies) -> Floats:
        """What an RDM's ranks are placed by under each redraw: marks x fields; ``sums`` run along its order."""
        return np.empty((0, sums.shape[1]))

    def place(self, doubled: Floats, weights: Floats, total: float, marks: Floats) -> tuple[Floats, Floats]:
        """Make doubled ranks what is correlated, in place; mean and length under the weights, infinite where they are flat.

        Parameters
        ----------
        doubled : array, RDMs x pairs
            `gyral.rsa.copies.Ranking`.
        weights : array, pairs
        total : float
            Of the weights.
        marks : array, RDMs x marks
        """
        raise NotImplementedError

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """The same under each redraw."""
        a, b = paired(measured, predicted)
        out = np.full((len(counts), len(a), len(b)), np.nan)
        for drawn in self._drawn(np.concatenate([a, b]), counts, mask):
            out[drawn.draw] = drawn.gram(slice(len(a)), slice(len(a), None))
        return out

    def redrawn_gram(
        self, vectors: Array, columns: slice, counts: Counts, mask: Mask | None = None
    ) -> tuple[Floats, Floats]:
        """Each RDM is ranked once."""
        values = check_vectors(vectors, "rdms")
        gram = np.full((len(counts), len(values), len(values[columns])), np.nan)
        own = np.full((len(counts), len(values)), np.nan)
        for drawn in self._drawn(values, counts, mask):
            gram[drawn.draw], own[drawn.draw] = drawn.gram(slice(None), columns), drawn.squares()
        return gram, own

    def _drawn(self, values: Floats, counts: Counts, mask: Mask | None) -> "Iterator[Drawn]":
        """Each redraw, to be used before the next."""
        among = values if mask is None else values[:, mask]
        rankings = [Ranking(v) for v in among]
        x: Floats | None = None
        for copies in redraws(counts, values.shape[1], mask, rdms=len(among)):
            if x is None:
                room, x = Running(*copies.words.shape), np.empty((copies.weights.shape[1], *among.shape))
            marks = []
            for k, ranking in enumerate(rankings):
                sums = ranking.doubled_among(copies, room, x[:, k])
                marks.append(self.marks(ranking, sums, copies))
            placed_by = np.stack(marks)
            for j, draw in enumerate(copies.draws):
                weights, total = copies.weights[:, j].astype(np.float64), float(copies.totals[j])
                yield Drawn(draw, x[j], weights, total, *self.place(x[j], weights, total, placed_by[:, :, j]))


@dataclass(frozen=True, eq=False)
class Drawn:
    """RDMs under one redraw.

    Parameters
    ----------
    draw : int
    values : array, RDMs x pairs
    weights : array, pairs
    total : float
        Of the weights.
    means, lengths : array, RDMs
        Mean, and length less the mean.
    """

    draw: int
    values: Floats
    weights: Floats
    total: float
    means: Floats
    lengths: Floats

    def gram(self, rows: slice, columns: slice) -> Floats:
        """Inner products of unit vectors."""
        products = self.values[rows] @ (self.values[columns] * self.weights).T
        products -= np.outer(self.total * self.means[rows], self.means[columns])
        return np.asarray(products / np.outer(self.lengths[rows], self.lengths[columns]))

    def squares(self) -> Floats:
        """Of each with itself."""
        return np.asarray(
            (weighted_squares(self.values, self.weights) - self.total * self.means**2) / self.lengths**2
        )


def weighted_squares(values: Floats, weights: Floats) -> Floats:
    """Weighted sum of squares of each row."""
    return np.array([(row * row) @ weights for row in values])


@dataclass(frozen=True)
class Spearman(Ranked):
    """rho-a."""

    def embedded(self, vectors: Array) -> Floats:
        """Scaled ranks, shorter than 1 where there are ties."""
        return centred_ranks(vectors)

    def place(self, doubled: Floats, weights: Floats, total: float, marks: Floats) -> tuple[Floats, Floats]:
        """As long as untied ranks of all copies would be."""
        return np.full(len(doubled), total), np.full(len(doubled), np.sqrt((total**3 - total) / 3))

    def bounds(self, measured: Array, counts: Counts | None = None) -> Floats:
        """Against mean ranks, ranked again: of all orders that one resembles the subjects most."""
        return rank_bounds(self, measured, counts)


def rank_bounds(comparator: Comparator, measured: Array, counts: Counts | None) -> Floats:
    """Bounds from mean ranks of the others and of all (`gyral.rsa.ceiling`): 2, or draws x 2."""
    vectors = check_vectors(measured, "measured")
    ranks = middled_ranks(vectors)  # exact, so that equal sums stay ties
    weights = np.ones((1, len(vectors))) if counts is None else np.asarray(counts, np.float64)
    found: dict[bytes, Floats] = {}
    out = np.full((len(weights), 2), np.nan)
    for d, m in enumerate(weights):
        there = np.flatnonzero(m > 0)
        key = m.tobytes()
        if len(there) > 1 and key not in found:
            total = m @ ranks
            rest = total - m[there, None] * ranks[there]
            lower = [comparator.similarity(vectors[[s]], rest[[k]])[0, 0] for k, s in enumerate(there)]
            upper = comparator.similarity(vectors[there], total[None])
            found[key] = np.array([np.mean(lower), upper.mean()])
        if len(there) > 1:
            out[d] = found[key]
    return np.asarray(out[0] if counts is None else out)


SPEARMAN = Spearman()
