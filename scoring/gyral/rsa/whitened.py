"""Whitened: cosine and correlation of RDMs, each pair weighed by how certain its distance is.

Distance estimates that share a stimulus have errors in common. Whitening by their covariance V (Diedrichsen et al. 2021,
doi 10.51628/001c.27664) is the same as comparing the second moment matrices of the patterns::

    d' V^-1 e  is proportional to  trace(S^-1 G_d S^-1 G_e)

with S the covariance of the contrasts between pattern estimates; for unrelated stimuli that is the inner product of
doubly centred matrices, and linear CKA.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.comparator import Counts, Mask, PairSums, Product, cosine_of, paired, unit
from gyral.rsa.vector import squared

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Whitened(Product):
    """Whitened cosine, or whitened correlation (``centred``: the mean distance is taken away first).

    Parameters
    ----------
    centred : bool
    covariance : array, samples x samples, optional
        Covariance between the pattern estimates of the stimuli; default: unrelated, equal variance.
    """

    centred: bool
    covariance: Array | None = None

    def embedded(self, vectors: Array) -> Floats:
        """Second moment matrices, whitened, as unit vectors."""
        d = squared(vectors - vectors.mean(axis=1, keepdims=True) if self.centred else vectors)
        if self.covariance is not None:
            d = self._decorrelated(d)
        else:
            means = d.mean(axis=2)
            d = d - means[:, :, None] - means[:, None, :] + means.mean(axis=1)[:, None, None]
        return unit(d.reshape(len(d), -1))

    def redrawn(self, measured: Array, predicted: Array, counts: Counts, mask: Mask | None = None) -> Floats:
        """With pairs of a stimulus' copies missing; the centring that leaves no row sums has a closed form.

        Raises
        ------
        BadArrays
            For some of the pairs only, or with a covariance.
        """
        if mask is not None or self.covariance is not None:
            raise BadArrays(
                "redraws of whitened comparators need all pairs and unrelated stimuli.", where="comparator"
            )
        a, b = paired(measured, predicted)
        sums = PairSums(counts, a.shape[1])
        aa, bb = (self._square(x, sums) for x in (a, b))
        ab = np.stack([self._products(row, b, sums) for row in a], axis=1)
        return cosine_of(ab, aa, bb)

    def _square(self, vectors: Floats, sums: PairSums) -> Floats:
        return np.concatenate([self._products(v, v[None], sums) for v in vectors], axis=1)

    def _products(self, vector: Floats, others: Floats, sums: PairSums) -> Floats:
        """Inner product of one RDM's second moments with others': draws x others."""
        m, total = sums.counts, sums.total
        drawn = m.sum(axis=1, keepdims=True)
        raw = sums.of(vector * others)
        shift, shifts = np.zeros_like(total), np.zeros_like(raw)
        if self.centred:
            shift, shifts = sums.of(vector[None]) / total, sums.of(others) / total
            raw = raw - total * shift * shifts
        rows = m @ squared(vector) - shift * (drawn - m)
        out = 2 * raw
        for k, other in enumerate(others):
            sides = m @ squared(other) - shifts[:, [k]] * (drawn - m)
            out[:, k] -= (m * rows * self._centring(sides, m, drawn)).sum(axis=1)
        return out

    @staticmethod
    def _centring(rows: Floats, m: Floats, drawn: Floats) -> Floats:
        """u with ``(N / 2 + 1 - m_i) u_i + sum_j m_j u_j / 2 = row sum_i``: the rows of what is left sum to zero."""
        scale = drawn / 2 + 1 - m
        whole = (m * rows / scale).sum(axis=1, keepdims=True) / (1 + (m / scale).sum(axis=1, keepdims=True) / 2)
        return np.asarray((rows - whole / 2) / scale)

    def _decorrelated(self, d: Floats) -> Floats:
        samples = d.shape[1]
        if self.covariance is None or self.covariance.shape != (samples, samples):
            raise BadArrays(f"the covariance does not fit {samples} stimuli.", where="covariance", code="shape")
        contrast = np.concatenate([-np.ones((samples - 1, 1)), np.eye(samples - 1)], axis=1)
        root = np.linalg.cholesky(contrast @ self.covariance @ contrast.T)
        half = np.linalg.solve(root, contrast @ d @ contrast.T)
        return np.asarray(np.linalg.solve(root, half.swapaxes(1, 2)))


WHITENED_COSINE = Whitened(centred=False)
WHITENED_PEARSON = Whitened(centred=True)
