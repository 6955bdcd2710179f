"""Vector: an RDM as the upper triangle of its matrix, row by row, and the checks it has to pass."""

import math
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Scalar = TypeVar("Scalar", bound=np.generic)


def condensed(square: NDArray[Scalar]) -> NDArray[Scalar]:
    """Upper triangle (without the diagonal) of the last two axes: ... x samples x samples -> ... x pairs."""
    samples = square.shape[-1]
    upper = np.triu(np.ones((samples, samples), bool), 1)
    return square[..., upper]


def squared(vectors: NDArray[Scalar]) -> NDArray[Scalar]:
    """The inverse of `condensed`, with a zero diagonal: ... x pairs -> ... x samples x samples."""
    samples = samples_of(vectors.shape[-1])
    upper = np.zeros((*vectors.shape[:-1], samples, samples), vectors.dtype)
    upper[..., np.triu(np.ones((samples, samples), bool), 1)] = vectors
    return np.asarray(np.add(upper, upper.swapaxes(-1, -2)))


def samples_of(pairs: int) -> int:
    """How many stimuli have this many pairs.

    Raises
    ------
    BadArrays
        No number of stimuli has (``rdm-shape``).

    Examples
    --------
    >>> samples_of(6)
    4
    """
    samples = (1 + math.isqrt(1 + 8 * pairs)) // 2
    if samples * (samples - 1) // 2 != pairs:
        raise BadArrays(
            f"{pairs} dissimilarities are no upper triangle.",
            where="rdm",
            mend="n stimuli have n (n - 1) / 2 pairs.",
            code="rdm-shape",
        )
    return samples


def check_rdm(square: Array, where: str) -> None:
    """Refuse what is no RDM.

    Raises
    ------
    BadArrays
        Not square (``rdm-shape``), not symmetric (``rdm-symmetric``), or with NaN or infinite entries
        (``rdm-finite``).
    """
    if square.ndim < 2 or square.shape[-1] != square.shape[-2]:
        raise BadArrays(f"shape {square.shape} is not square.", where=where, code="rdm-shape")
    if not np.isfinite(condensed(square)).all():
        raise BadArrays("the RDM has NaN or infinite entries.", where=where, code="rdm-finite")
    if not np.allclose(square, np.swapaxes(square, -1, -2), atol=1e-5):
        raise BadArrays("the RDM is not symmetric.", where=where, code="rdm-symmetric")


def check_vectors(vectors: Array, where: str) -> NDArray[np.float64]:
    """The same vectors as float64, RDMs x pairs.

    Raises
    ------
    BadArrays
        Not RDMs x pairs, or with NaN or infinite entries.
    """
    out = np.asarray(vectors, np.float64)
    if out.ndim != 2 or not out.shape[1]:
        raise BadArrays(f"shape {out.shape} is not RDMs x pairs.", where=where, code="rdm-shape")
    if not np.isfinite(out).all():
        which = int(np.flatnonzero(~np.isfinite(out).all(axis=1))[0])
        raise BadArrays(f"RDM {which} has NaN or infinite entries.", where=where, code="rdm-finite")
    return out
