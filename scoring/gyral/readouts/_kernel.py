"""Products, solves and kernels in float64 of the readouts that never form weights.

Banded ridge and the linear smoothers predict by ``C (W + a)^-1`` from a centred kernel (or Gram) ``W`` and its
cross part ``C``: how these are centred and solved stands here once.
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.linalg import blas, get_lapack_funcs
from torch import Tensor


def sum_of(kernels: Tensor | Sequence[Tensor], factors: Sequence[float]) -> Tensor:
    """Weighted sum of kernels; those without weight are not read."""
    out = torch.zeros_like(kernels[0])
    for kernel, factor in zip(kernels, factors, strict=True):
        if factor:
            out.add_(kernel, alpha=factor)
    return out


def product(a: Tensor, b: Tensor) -> Tensor:
    """``a b'``. On the CPU through numpy, whose BLAS is up to 1.6 times as fast as torch's there."""
    if a.device.type == "cpu":
        return torch.from_numpy(a.numpy() @ b.numpy().T)
    return a @ b.T


def residual(a: Tensor, b: Tensor, target: Tensor) -> Tensor:
    """``a b' - target`` in float32, in place of ``target``."""
    if a.device.type != "cpu" or not a.shape[1]:
        return target.addmm_(a, b.T, beta=-1)
    # BLAS reads columns first: the transpose of the product, into the transpose of the target.
    blas.sgemm(1.0, b.numpy().T, a.numpy().T, beta=-1.0, c=target.numpy().T, trans_a=1, overwrite_c=1)
    return target


def right_solve(within: Tensor, cross: Tensor, penalty: float) -> Tensor:
    """``cross (within + penalty)^-1`` for symmetric positive semidefinite ``within``."""
    if not len(within):
        return cross
    if within.device.type != "cpu":
        shifted = within + penalty * torch.eye(len(within), dtype=within.dtype, device=within.device)
        return torch.cholesky_solve(cross.T, torch.linalg.cholesky(shifted)).T
    matrix = within.numpy().copy()
    matrix.flat[:: len(matrix) + 1] += penalty
    factorise, solve = get_lapack_funcs(("potrf", "potrs"), (matrix,))
    # The transpose of a symmetric matrix is itself, in the order LAPACK reads without a copy.
    factor, failed = factorise(matrix.T, lower=1, overwrite_a=1, clean=0)
    if failed:
        raise np.linalg.LinAlgError("the kernel is not positive definite")
    return torch.from_numpy(solve(factor, cross.numpy().T, lower=1)[0].T)


def centre_within(within: Tensor) -> Tensor:
    column = within.mean(dim=0)
    return within - column - column[:, None] + column.mean()


def centre_cross(within: Tensor, cross: Tensor) -> Tensor:
    column = within.mean(dim=0)
    return cross - cross.mean(dim=1, keepdim=True) - column + column.mean()


def kernel_of(a: Tensor, b: Tensor) -> Tensor:
    """``a b'`` in float64."""
    left = a.double()
    return product(left, left if a is b else b.double())


def gram_of(x: Tensor) -> Tensor:
    """``x'x`` in float64."""
    columns = x.double().T
    return product(columns, columns)


def largest(matrix: Tensor) -> float:
    """Largest eigenvalue within a factor of about 2: only for choosing a precision."""
    # No vector of ones: a centred kernel has it as its null space.
    v = torch.cos(torch.arange(len(matrix), dtype=matrix.dtype, device=matrix.device))
    size = 0.0
    for _ in range(6):
        v = matrix @ v
        size = float(v.norm())
        if not size:
            return float(matrix.diagonal().abs().sum())
        v = v / size
    return 2 * size
