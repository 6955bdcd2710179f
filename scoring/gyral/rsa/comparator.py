"""Comparator: how alike two RDMs are, on all stimuli and under redraws of them.

A redraw gives each stimulus a count m_i; the pair (i, j) then counts m_i m_j times, which is what copying the stimuli would
give with the pairs of a stimulus with itself dropped, without the copies.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.registry import Registry
from gyral.rsa.ceiling import bounds_of_gram
from gyral.rsa.vector import check_vectors, samples_of

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Counts = NDArray[np.number[Any]]
Mask = NDArray[np.bool_]

# All take condensed RDMs; higher is more alike, 1 is equal up to what the comparator disregards.
COMPARATORS = Registry(
    "comparator",
    {
        "pearson": "gyral.rsa.comparator:PEARSON",
        "cosine": "gyral.rsa.comparator:COSINE",
        "spearman": "gyral.rsa.rank:SPEARMAN",
        "kendall": "gyral.rsa.concordance:KENDALL",
        "whitened-cosine": "gyral.rsa.whitened:WHITENED_COSINE",
        "whitened-pearson": "gyral.rsa.whitened:WHITENED_PEARSON",
        "trsa-0-100": "gyral.rsa.topology:RANKED",
        "trsa-20-80": "gyral.rsa.topology:GEOTOPOLOGICAL",
        "trsa-40-60": "gyral.rsa.topology:TOPOLOGICAL",
        "trsa-0-30": "gyral.rsa.topology:LOCAL",
    },
    {
        "pearson": "Pearson correlation",
        "cosine": "cosine of the angle",
        "spearman": "Spearman's rho-a (ties broken at random, on average)",
        "kendall": "Kendall's tau-a",
        "whitened-cosine": "cosine after whitening by the covariance of distance estimates",
        "whitened-pearson": "correlation after whitening by the covariance of distance estimates",
        "trsa-0-100": "Pearson correlation of ranks",
        "trsa-20-80": "geo-topological transform between the quantiles .2 and .8",
        "trsa-40-60": "geo-topological transform between the quantiles .4 and .6: near or far",
        "trsa-0-30": "geo-topological transform below the quantile .3: local geometry",
    },
)


class Comparator(Protocol):
    """What RDMs are compared by."""

    def similarity(self, measured: Array, predicted: Array) -> Floats:
        """Each measured RDM with each predicted one: measured x pairs, predicted x pairs -> measured x predicted."""
        ...

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """The same under each redraw: draws x measured x predicted; NaN where fewer than three stimuli were drawn.

        Parameters
        ----------
        counts : array, draws x samples
        mask : bool array, pairs, optional
            Pairs that count at all.
        """
        ...

    def bounds(self, measured: Array, counts: Counts | None = None) -> Floats:
        """Lower and upper bound of the mean similarity that any model can reach: 2, or draws x 2.

        Parameters
        ----------
        measured : array, subjects x pairs
        counts : array, draws x subjects, optional
            Redraws of subjects.
        """
        ...


class Product:
    """A comparator that is the inner product of RDMs mapped to unit vectors."""

    def embedded(self, vectors: Array) -> Floats:
        """RDMs as unit vectors: RDMs x dimensions; zeros where there is nothing to compare."""
        raise NotImplementedError

    def similarity(self, measured: Array, predicted: Array) -> Floats:
        """Each measured RDM with each predicted one."""
        a, b = paired(measured, predicted)
        return np.asarray(self.embedded(a) @ self.embedded(b).T)

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """The same under each redraw."""
        raise NotImplementedError

    def redrawn_gram(
        self, vectors: Array, columns: slice, counts: Counts, mask: Mask | None = None
    ) -> tuple[Floats, Floats]:
        """Similarities of RDMs with some of themselves, and of each with itself, which ties make less than 1.

        Parameters
        ----------
        vectors : array, RDMs x pairs
        columns : slice
            Of these RDMs.
        counts : array, draws x samples
        mask : bool array, pairs, optional

        Returns
        -------
        (array, draws x RDMs x columns; array, draws x RDMs)
        """
        own = [self.redrawn(v[None], v[None], counts, mask)[:, :, 0] for v in vectors]
        return self.redrawn(vectors, vectors[columns], counts, mask), np.concatenate(own, axis=1)

    def bounds(self, measured: Array, counts: Counts | None = None) -> Floats:
        """Bounds from the Gram matrix of the subjects' RDMs alone."""
        z = self.embedded(check_vectors(measured, "measured"))
        return bounds_of_gram(z @ z.T, counts)


@dataclass(frozen=True)
class Correlation(Product):
    """Pearson correlation (``centred``), or cosine."""

    centred: bool

    def embedded(self, vectors: Array) -> Floats:
        """Centred and scaled."""
        return unit(vectors - vectors.mean(axis=1, keepdims=True) if self.centred else vectors)

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """From sums of products under the weights m_i m_j."""
        a, b = paired(measured, predicted)
        # Centring on all pairs first keeps the weighted moments far from rounding.
        a, b = (self.embedded(x) for x in (a, b))
        sums = PairSums(counts, a.shape[1], mask)
        total = sums.total
        aa, bb = sums.of(a * a), sums.of(b * b)
        ab = np.stack([sums.of(row * b) for row in a], axis=1)  # draws x measured x predicted
        if self.centred:
            ma, mb = sums.of(a) / total, sums.of(b) / total
            ab = ab - total[:, :, None] * ma[:, :, None] * mb[:, None, :]
            aa, bb = aa - total * ma**2, bb - total * mb**2
        return cosine_of(ab, aa, bb)


class PairSums:
    """Sums over pairs under each redraw, as quadratic forms ``m' A m`` of the upper triangle A.

    Parameters
    ----------
    counts : array, draws x samples
    pairs : int
    mask : bool array, pairs, optional
        Pairs that count.
    """

    def __init__(self, counts: Counts, pairs: int, mask: Mask | None = None) -> None:
        self.counts = checked_counts(counts, pairs)
        samples = self.counts.shape[1]
        places = np.flatnonzero(np.triu(np.ones((samples, samples), bool), 1))
        self.mask = slice(None) if mask is None else np.flatnonzero(mask)
        self.places, self.upper = places[self.mask], np.zeros(samples * samples)
        self.few = (self.counts > 0).sum(axis=1) < 3
        self.total = self.of(np.ones((1, pairs)))

    def of(self, vectors: Array) -> Floats:
        """RDMs x pairs -> draws x RDMs; NaN where fewer than three stimuli were drawn."""
        out = np.empty((len(self.counts), len(vectors)))
        for k, vector in enumerate(vectors):
            self.upper[self.places] = vector[self.mask]
            products = self.counts @ self.upper.reshape(2 * (self.counts.shape[1],))
            out[:, k] = np.einsum("dn,dn->d", products, self.counts)
        out[self.few] = np.nan
        return out


def cosine_of(ab: Floats, aa: Floats, bb: Floats) -> Floats:
    """``ab / sqrt(aa bb)``, draws x measured x predicted; 0 where one side is nothing but rounding."""
    square = aa[:, :, None] * bb[:, None, :]
    flat = square <= 1e-24
    return np.asarray(np.where(flat, 0.0, ab / np.sqrt(np.where(flat, 1.0, square))))


def unit(vectors: Array) -> Floats:
    """Rows scaled to length 1; zero rows stay."""
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    # What centring leaves of a constant RDM is rounding.
    flat = norm <= 1e-12 * np.sqrt(vectors.shape[1])
    return np.asarray(np.where(flat, 0.0, vectors / np.where(flat, 1.0, norm)))


def paired(measured: Array, predicted: Array) -> tuple[Floats, Floats]:
    """Both as float64 with equal numbers of pairs.

    Raises
    ------
    BadArrays
        They have different pairs (``rdm-shape``), or either is no set of RDMs.
    """
    a, b = check_vectors(measured, "measured"), check_vectors(predicted, "predicted")
    if a.shape[1] != b.shape[1]:
        raise BadArrays(
            f"RDMs of {b.shape[1]} pairs cannot be compared with {a.shape[1]}.",
            where="predicted",
            code="rdm-shape",
        )
    return a, b


def checked_counts(counts: Counts, pairs: int) -> Floats:
    """Counts as float64.

    Raises
    ------
    BadArrays
        Not draws x samples of the RDMs.
    """
    samples = samples_of(pairs)
    if counts.ndim != 2 or counts.shape[1] != samples:
        raise BadArrays(f"shape {counts.shape} is not draws x {samples} stimuli.", where="counts", code="shape")
    return np.asarray(counts, np.float64)


PEARSON = Correlation(centred=True)
COSINE = Correlation(centred=False)
