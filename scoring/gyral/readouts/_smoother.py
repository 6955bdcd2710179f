"""Linear smoothers: held-out predictions are a matrix ``H`` times the training responses.

A family whose penalty is fixed fits every unit with the same matrix, held-out x training samples, so that no
weights (features x units) need be computed: with ``m`` held-out and ``n`` training samples, ``m n`` products a
unit remain. All matrices are float64. Rows of ``H`` sum to 1: it carries the intercept.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from scipy import linalg

from gyral.readouts._kernel import centre_cross, centre_within, right_solve
from gyral.readouts.readout import Array, Rows

# Singular values below this share of the largest are zero, as in scikit-learn's LinearRegression.
_RANK = 1e-6

# Columns of a wide layer that are held in float64 at once.
_COLUMNS = 4096


class Smoother(Protocol):
    """A design that was seen in training, and how it smooths."""

    def within(self, train: Rows, held: Rows) -> Array:
        """``H`` from some training rows to others: held x train."""
        ...

    def ahead(self, new: Array, train: Rows) -> Array:
        """``H`` from training rows to new samples (samples x features): new x train."""
        ...


@dataclass(frozen=True, eq=False)
class DualRidge:
    """Ridge with one penalty where features outnumber samples: through the Gram matrix of the samples."""

    design: Array
    mean: Array
    gram: Array
    penalty: float

    def within(self, train: Rows, held: Rows) -> Array:
        """See `Smoother`."""
        return self._hat(self.gram[np.ix_(train, train)], self.gram[np.ix_(held, train)])

    def ahead(self, new: Array, train: Rows) -> Array:
        """See `Smoother`."""
        cross = gram(new, self.design, self.mean)
        return self._hat(self.gram[np.ix_(train, train)], cross[:, train])

    def _hat(self, within: Array, cross: Array) -> Array:
        kernel, ahead = torch.from_numpy(within), torch.from_numpy(cross)
        solved = right_solve(centre_within(kernel), centre_cross(kernel, ahead), self.penalty)
        return _with_mean(solved.numpy())


@dataclass(frozen=True, eq=False)
class PrimalRidge:
    """Ridge with one penalty where samples outnumber features."""

    design: Array
    mean: Array
    penalty: float

    def within(self, train: Rows, held: Rows) -> Array:
        """See `Smoother`."""
        return self._hat(self.design[train], self.design[held])

    def ahead(self, new: Array, train: Rows) -> Array:
        """See `Smoother`."""
        return self._hat(self.design[train], new - self.mean)

    def _hat(self, x: Array, new: Array) -> Array:
        mean = x.mean(axis=0)
        x, new = x - mean, new - mean
        return _with_mean(
            right_solve(torch.from_numpy(x.T @ x), torch.from_numpy(new), self.penalty).numpy() @ x.T
        )


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """Least squares of minimum norm.

    Parameters
    ----------
    design : array, samples x min(samples, features)
        Training samples; of a layer with more features than samples, their coordinates in ``basis``.
    basis : array, features x samples, or None
        Orthonormal columns that span the training samples: the solution of minimum norm lies in their span.
    """

    design: Array
    mean: Array
    basis: Array | None

    def within(self, train: Rows, held: Rows) -> Array:
        """See `Smoother`."""
        return self._hat(self.design[train], self.design[held])

    def ahead(self, new: Array, train: Rows) -> Array:
        """See `Smoother`."""
        new = new - self.mean
        return self._hat(self.design[train], new if self.basis is None else new @ self.basis)

    def _hat(self, x: Array, new: Array) -> Array:
        mean = x.mean(axis=0)
        u, s, vt = linalg.svd(x - mean, full_matrices=False, check_finite=False)
        kept = s > _RANK * s.max(initial=0.0)
        return _with_mean((((new - mean) @ vt[kept].T) / s[kept]) @ u[:, kept].T)


def ridge_smoother(x: Array, penalty: float) -> Smoother:
    """Ridge with a fixed penalty, dual or primal by shape (``x``: samples x features, float32)."""
    mean = x.mean(axis=0, dtype=np.float64)
    if len(x) < x.shape[1]:
        return DualRidge(x, mean, gram(x, x, mean), penalty)
    return PrimalRidge(x - mean, mean, penalty)


def least_squares_smoother(x: Array) -> LeastSquares:
    """Least squares of minimum norm (``x``: samples x features, float32)."""
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x - mean
    if len(x) >= x.shape[1]:
        return LeastSquares(centred, mean, None)
    basis, r = linalg.qr(centred.T, mode="economic", overwrite_a=True, check_finite=False)
    return LeastSquares(np.ascontiguousarray(r.T), mean, basis)


def gram(left: Array, right: Array, mean: Array) -> Array:
    """``(left - mean) (right - mean)'`` in float64, a block of columns at a time."""
    out = np.zeros((len(left), len(right)))
    for first in range(0, left.shape[1], _COLUMNS):
        part = slice(first, first + _COLUMNS)
        a = left[:, part] - mean[part]
        # numpy multiplies an array with its own transpose in half the time.
        out += a @ a.T if left is right else a @ (right[:, part] - mean[part]).T
    return out


def _with_mean(hat: Array) -> Array:
    return np.asarray(hat + (1 - hat.sum(axis=1, keepdims=True)) / hat.shape[1])
