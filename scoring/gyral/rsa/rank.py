"""Rank: comparators that see only the order of dissimilarities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.rsa.comparator import Counts, Mask, Product, checked_counts, paired
from gyral.rsa.vector import check_vectors

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


class Ranking:
    """One RDM sorted once; its ranks under any weights of its entries follow by a running sum.

    Parameters
    ----------
    values : array, pairs
    """

    def __init__(self, values: Array) -> None:
        self.order: Ints = np.argsort(values)
        ordered = values[self.order]
        last = np.append(ordered[1:] != ordered[:-1], True)
        self.ends: Ints | None = None if last.all() else np.flatnonzero(last)
        if self.ends is not None:
            self.sizes = np.diff(self.ends, prepend=-1)

    def weighted(self, weights: Floats) -> tuple[Floats, Floats]:
        """Mean rank of each entry among all copies, less the middle one, and the copies up to it; both in sorted order.

        Parameters
        ----------
        weights : array, pairs
            Copies of each entry.
        """
        w = weights[self.order]
        upto = np.cumsum(w)
        total = upto[-1]
        if self.ends is not None:
            tops = upto[self.ends]
            w, upto = (np.repeat(x, self.sizes) for x in (np.diff(tops, prepend=0.0), tops))
        return upto - (w + total) / 2, upto

    def in_place(self, ordered: Floats) -> Floats:
        """From sorted order back to the order of pairs."""
        out = np.empty_like(ordered)
        out[self.order] = ordered
        return out


def redrawn_pairs(
    measured: Array, predicted: Array, counts: Counts, mask: Mask | None
) -> tuple[Floats, Floats, Iterator[tuple[int, Floats]]]:
    """Both sides on the pairs that count, and number and weights of each redraw of three stimuli or more."""
    a, b = paired(measured, predicted)
    drawn = checked_counts(counts, a.shape[1])
    first, second = np.triu_indices(drawn.shape[1], 1)
    if mask is not None:
        a, b, first, second = a[:, mask], b[:, mask], first[mask], second[mask]

    def weights() -> Iterator[tuple[int, Floats]]:
        for d, m in enumerate(drawn):
            w = m[first] * m[second]
            if (m > 0).sum() > 2 and w.sum() > 1:
                yield d, w

    return a, b, weights()


def centred_ranks(values: Array) -> Floats:
    """Average ranks along the last axis, centred and scaled so that a product of two sums to rho-a.

    Ties get their mean rank, but the scale is that of untied ranks: rho-a, the expected Spearman
    correlation under random tie-breaking (Schuett et al. 2023, doi 10.7554/eLife.82566).
    """
    count = values.shape[-1]
    return np.asarray(middled_ranks(values) / np.sqrt((count**3 - count) / 12))


def middled_ranks(values: Array) -> Floats:
    """Average ranks along the last axis less the middle one; halves, so that sums of them are exact."""
    flat, ones = values.reshape(-1, values.shape[-1]), np.ones(values.shape[-1])
    ranks = np.stack([r.in_place(r.weighted(ones)[0]) for r in map(Ranking, flat)])
    return np.asarray(ranks.reshape(values.shape))


@dataclass(frozen=True)
class Spearman(Product):
    """rho-a."""

    def embedded(self, vectors: Array) -> Floats:
        """Scaled ranks, shorter than 1 where there are ties."""
        return centred_ranks(vectors)

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """With ranks among the pairs of each redraw."""
        a, b, drawn = redrawn_pairs(measured, predicted, counts, mask)
        rankings = [Ranking(x) for x in (*a, *b)]
        ranks = np.empty((len(rankings), a.shape[1]))
        out = np.full((len(counts), len(a), len(b)), np.nan)
        for d, w in drawn:
            for k, ranking in enumerate(rankings):
                ranks[k, ranking.order] = ranking.weighted(w)[0]
            total = w.sum()
            out[d] = (ranks[: len(a)] * w) @ ranks[len(a) :].T * (12 / (total**3 - total))
        return out

    def bounds(self, measured: Array, counts: Counts | None = None) -> Floats:
        """Against mean ranks, ranked again: of all orders that one resembles the subjects most."""
        return rank_bounds(self, measured, counts)


@dataclass(frozen=True)
class Kendall:
    """tau-a: concordant less discordant pairs of pairs, over all of them. Slow beyond some 500 stimuli."""

    def similarity(self, measured: Array, predicted: Array) -> Floats:
        """Each measured RDM with each predicted one."""
        a, b = paired(measured, predicted)
        return np.array([[_tau(x, y) for y in b] for x in a])

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """From copies of the pairs."""
        a, b, drawn = redrawn_pairs(measured, predicted, counts, mask)
        out = np.full((len(counts), len(a), len(b)), np.nan)
        for d, w in drawn:
            copies = np.repeat(np.arange(len(w)), w.astype(np.intp))
            out[d] = self.similarity(a[:, copies], b[:, copies])
        return out

    def bounds(self, measured: Array, counts: Counts | None = None) -> Floats:
        """Against mean ranks, which need not be the very best order for tau."""
        return rank_bounds(self, measured, counts)


def rank_bounds(comparator: Spearman | Kendall, measured: Array, counts: Counts | None) -> Floats:
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


def _tau(a: Floats, b: Floats) -> float:
    from scipy.stats import kendalltau  # slow import, and `gyral list` never comes here

    pairs = len(a) * (len(a) - 1) / 2
    untied = [pairs - (n * (n - 1) / 2).sum() for n in (np.unique(x, return_counts=True)[1] for x in (a, b))]
    if min(untied) <= 0:
        return 0.0
    return float(kendalltau(a, b).statistic * np.sqrt(untied[0] * untied[1]) / pairs)


SPEARMAN = Spearman()
KENDALL = Kendall()
