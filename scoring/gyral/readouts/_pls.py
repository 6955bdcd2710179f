"""Partial least squares in a space of samples or features, whichever is smaller.

Notation (training rows, centred): responses ``Y`` (n x units), a design ``L`` (n x r) whose Gram ``L L'`` is
that of the features, and ``B = L' Y Y' L`` (r x r). A component's weights ``a`` are the leading eigenvector of
``B``; its scores are ``t = L a``. Deflating features and responses by ``t`` is a change of rank two of ``B``:

    l = L' t / t't,  b = B a,  B <- B - l b' - b l' + (a'b) l l'

so neither features nor responses are deflated or read again, and a step of the power iteration costs ``r^2``
whatever the number of features and units. Rotating the features by an isometry changes neither the iterates
nor their distances, so scikit-learn's iteration can be stopped where scikit-learn stops it.

References
----------
Wegelin (2000), "A survey of partial least squares (PLS) methods", algorithm of section 4.1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.linalg import blas, lapack
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from gyral.readouts.readout import Array

# Start of a component's iteration: a response residual (n values) given the scores so far, None when all are 0.
Start = Callable[[Array], Array | None]

# Scores shorter than this share of the first are rounding: the features are used up.
_USED_UP = 1e-10
# The same of the product of features and response residuals.
_NOTHING = 1e-14


@dataclass(frozen=True, eq=False)
class Components:
    """Components of one fit.

    Parameters
    ----------
    rotations : array, r x components
        Scores of any sample are its centred row of the design times these.
    scores : array, samples x components
        Training scores; orthogonal.
    converged : bool
        False where a component reached the greatest number of iterations.
    """

    rotations: Array
    scores: Array
    converged: bool

    def loadings(self, responses: Array) -> Array:
        """Responses' loadings, components x units (``responses``: training samples x units)."""
        return np.asarray((self.scores.T @ responses) / (self.scores**2).sum(axis=0)[:, None])


def components(
    design: Array, cross: Array, start: Start, count: int, *, single: bool, exact: bool, max_iter: int, tol: float
) -> Components:
    """The first components.

    Parameters
    ----------
    design : array, samples x r
        Centred training rows, float64.
    cross : array, r x r
        ``B`` of the module's text.
    start : callable
        First vector of the power iteration.
    count : int
        Components asked; fewer come back where features or responses are used up.
    single : bool
        One unit only: the start is the leading eigenvector.
    exact : bool
        Leading eigenvectors to rounding; else power iterations, stopped at a squared change of the weights
        below ``tol`` or after ``max_iter``.
    """
    left = np.asfortranarray(cross)
    weights: list[Array] = []
    loadings: list[Array] = []
    scores: list[Array] = []
    units = np.empty((len(design), 0))
    extent = np.linalg.norm(design)
    converged = True
    for _ in range(min(count, *design.shape)):
        residual = start(units)
        if residual is None:
            break
        first = design.T @ residual
        if np.linalg.norm(first) <= _NOTHING * extent * np.linalg.norm(residual):
            break
        if single:
            a = first / np.linalg.norm(first)
        elif exact:
            a = _leading(left, first)
        else:
            a, settled = _power(left, first, max_iter, tol)
            converged &= settled
        t = design @ a
        t -= units @ (units.T @ t)
        size = float(t @ t)
        if not size or (scores and size < _USED_UP**2 * float(scores[0] @ scores[0])):
            break
        loading = design.T @ t / size
        b = blas.dsymv(1.0, left, a, lower=1)
        blas.dsyr2(-1.0, loading, b - (a @ b / 2) * loading, lower=1, a=left, overwrite_a=1)
        weights.append(a)
        loadings.append(loading)
        scores.append(t)
        units = np.column_stack([units, t / np.sqrt(size)])
    if not scores:
        return Components(np.zeros((design.shape[1], 0)), units, converged)
    w, p = np.column_stack(weights), np.column_stack(loadings)
    return Components(w @ linalg.pinv(p.T @ w), np.column_stack(scores), converged)


def half(gram: Array) -> tuple[Array, Array]:
    """Factor of a positive semidefinite Gram: ``L`` with ``L L' = gram``, and ``D`` with ``gram D = L``.

    With ``k`` the kernel of a new sample with the training rows, ``k D`` is its row of the design.
    """
    factor, pivots, rank, _ = lapack.dpstrf(np.asfortranarray(gram), lower=1)
    order = pivots - 1
    lower = np.tril(factor)[:, :rank]
    design, dual = np.zeros((len(gram), rank)), np.zeros((len(gram), rank))
    design[order] = lower
    # Of gram = L L' only the rows of the pivots are needed to solve for D.
    dual[order[:rank]] = linalg.solve_triangular(lower[:rank], np.eye(rank), lower=True, check_finite=False).T
    return design, dual


def _power(cross: Array, first: Array, max_iter: int, tol: float) -> tuple[Array, bool]:
    old = first / np.linalg.norm(first)
    for _ in range(max_iter - 1):
        new = blas.dsymv(1.0, cross, old, lower=1)
        new /= np.linalg.norm(new)
        change = new - old
        old = new
        if change @ change < tol:
            return old, True
    return old, False


def _leading(cross: Array, first: Array) -> Array:
    if len(cross) > 2:
        full = np.tril(cross) + np.tril(cross, -1).T
        try:
            return np.asarray(eigsh(full, k=1, which="LA", v0=first, tol=0)[1][:, 0])
        except ArpackNoConvergence:
            # Two leading directions are equal to rounding: any in their plane is as good.
            pass
    return np.asarray(linalg.eigh(cross, lower=True)[1][:, -1])
