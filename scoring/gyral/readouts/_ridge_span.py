"""Span: a few penalties that all others are combinations of; Centre: the middle of a training set."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import qr, solve_triangular

from gyral.readouts._ridge_arrays import Host, Matrix
from gyral.readouts.readout import Rows

# Relative size of what combinations of predictions may leave out: of all units, and of those near a tie.
COARSE, FINE = 1e-4, 1e-5


@dataclass(frozen=True, eq=False)
class Span:
    """Penalties of which all others are combinations.

    Parameters
    ----------
    nodes : array
        The spanning penalties, those that tell most first: a finer span begins with a coarser one.
    weights : array, nodes x penalties
        Row ``m`` holds what each penalty takes of node ``m``.
    error : array, penalties
        Relative size of what this leaves out.
    """

    nodes: Host
    weights: Host
    error: Host


def span(values: Host, penalties: Host, tolerance: float) -> Span:
    """Fewest penalties whose shrinkage gives that of all others to a relative tolerance."""
    if not len(values):
        return Span(penalties[:1], np.zeros((1, len(penalties))), np.zeros(len(penalties)))
    # Scaled by s, as rotated design and responses each carry a root of it, and each penalty by its largest.
    shrink = values[:, None] / (values[:, None] + penalties)
    size = shrink.max(axis=0)
    r, order = qr(shrink / size, mode="r", pivoting=True)
    r = r[: len(penalties)]
    diagonal = np.abs(np.diag(r))
    rank = int((diagonal > tolerance * diagonal[0]).sum())
    weights = np.empty((rank, len(penalties)))
    weights[:, order] = solve_triangular(r[:rank, :rank], r[:rank])
    chosen, error = order[:rank], np.empty(len(penalties))
    error[order] = np.linalg.norm(r[rank:], axis=0) / np.linalg.norm(r, axis=0)
    return Span(penalties[chosen], weights * size / size[chosen, None], error)


@dataclass(frozen=True, eq=False)
class Centre:
    """Middle of one training set.

    Parameters
    ----------
    train : int array
        Rows of the design.
    dual : bool
        True where it is seen by samples.
    mean : Matrix
        Mean row of the training features (primal), or mean of each column of the training kernel (dual).
    overall : float
        Mean of the training kernel (dual).
    """

    train: Rows
    dual: bool
    mean: Matrix
    overall: float = 0.0
