"""Ridge for many units with a penalty each, through one decomposition per fold.

``min_W ||Y - X W||^2 + sum_v a_v ||W_v||^2`` on centred data. With ``n`` samples and ``p`` features the
eigenvectors are those of ``X X'`` (dual, n <= p) or ``X' X`` (primal); either way held-out predictions are
``A diag(1 / (s + a)) B`` with a rotated design ``A`` (held-out x k) and rotated responses ``B`` (k x units),
so every penalty and every unit share one decomposition. Products are float32, decompositions float64.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

# Products for all penalties of one block of units stay below this many elements.
_BLOCK = 1 << 24
# Decompositions below this size run on one thread.
_SMALL = 1500


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Eigenvalues and rotation of one training set's centred Gram.

    Parameters
    ----------
    values : Tensor, k
        Eigenvalues, float64, not negative.
    vectors : Tensor, n x k (dual) or p x k (primal)
    dual : bool
    """

    values: Tensor
    vectors: Tensor
    dual: bool


@contextmanager
def few_threads(size: int) -> Iterator[None]:
    """One thread for small problems: LAPACK's threads wait for each other longer than they work
    (eigenvectors of 410 x 410 on two busy cores: .02 s with one, over 1 s with two)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if size < _SMALL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def decompose(gram: Tensor, dual: bool) -> Decomposition:
    """Eigendecomposition of a centred Gram (float64 inside)."""
    values, vectors = torch.linalg.eigh(gram.double())
    # Directions below rounding of the largest carry noise that a small penalty would blow up.
    keep = values > values[-1].clamp_min(0) * 1e-10
    return Decomposition(values[keep], vectors[:, keep], dual)


def centre_kernel(train: Tensor, cross: Tensor) -> tuple[Tensor, Tensor]:
    """Centre a training kernel (n x n) and a held-out-by-training kernel by the training mean."""
    column = train.mean(dim=0, keepdim=True)
    overall = train.mean()
    return train - column - column.T + overall, cross - cross.mean(dim=1, keepdim=True) - column + overall


def rotate(
    kernel: Tensor | None, design: Tensor | None, train: Tensor, test: Tensor, responses: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Rotated design ``A``, eigenvalues ``s`` and rotated centred responses ``B`` of one fold.

    Parameters
    ----------
    kernel : Tensor, samples x samples, or None
        Dual form; float64.
    design : Tensor, samples x features, or None
        Primal form.
    train, test : int Tensor
        Rows of either.
    responses : Tensor, samples x units
        No NaN.
    """
    y = responses[train]
    y = y - y.mean(dim=0, keepdim=True)
    if kernel is not None:
        gram, cross = centre_kernel(kernel[train][:, train], kernel[test][:, train])
        found = decompose(gram, dual=True)
        a = (cross @ found.vectors).to(y.dtype)
        b = found.vectors.T.to(y.dtype) @ y
        return a, found.values.to(y.dtype), b
    assert design is not None  # noqa: S101 - one of the two is always given
    x = design[train]
    mean = x.mean(dim=0, keepdim=True)
    x = x - mean
    found = decompose(x.T @ x, dual=False)
    vectors = found.vectors.to(y.dtype)
    return (design[test] - mean) @ vectors, found.values.to(y.dtype), vectors.T @ (x.T @ y)


def held_out_errors(
    a: Tensor, s: Tensor, b: Tensor, responses: Tensor, baseline: Tensor, penalties: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Squared errors of each penalty and unit, and of the training mean, over held-out rows.

    Returns
    -------
    errors : Tensor, penalties x units
    total : Tensor, units
    """
    target = responses - baseline
    total = (target * target).sum(dim=0)
    errors = torch.empty((len(penalties), responses.shape[1]), dtype=torch.float64, device=responses.device)
    held, rank = a.shape
    together = max(1, min(len(penalties), _BLOCK // max(1, held * rank)))
    block = max(1, _BLOCK // max(1, held * together))
    grid = torch.tensor(penalties, dtype=s.dtype, device=s.device)
    for first in range(0, len(penalties), together):
        some = grid[first : first + together]
        # One product for several penalties: many small ones would spend their time starting threads.
        shrunk = (a[None] / (s + some[:, None])[:, None, :]).reshape(len(some) * held, rank)
        for start in range(0, responses.shape[1], block):
            part = slice(start, start + block)
            miss = target[None, :, part] - (shrunk @ b[:, part]).reshape(len(some), held, -1)
            errors[first : first + together, part] = (miss * miss).sum(dim=1).double()
    return errors, total.double()


def predict_chosen(a: Tensor, s: Tensor, b: Tensor, baseline: Tensor, chosen: Tensor) -> Tensor:
    """Held-out predictions with one penalty per unit: samples x units."""
    return a @ (b / (s[:, None] + chosen[None, :])) + baseline
