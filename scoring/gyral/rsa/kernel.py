r"""Kernel: centred kernel alignment (CKA) between representations, without its bias, and alignment of a kernel to labels.

Plain CKA of two unrelated representations rises with the number of features over that of stimuli (.09, .50, .91, .98 for 10,
100, 1000, 5000 features at 100 stimuli). Here the unbiased estimator of HSIC (Song et al. 2012, JMLR 13, 1393-1434) takes
its place: zero on average for unrelated ones, so that it can come out negative.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


def linear_kernel(features: Array) -> Floats:
    """Inner products between stimuli: samples x features -> samples x samples."""
    x = _checked(features)
    return np.asarray(x @ x.T)


def rbf_kernel(features: Array, width: float = 1.0) -> Floats:
    """``exp(-d^2 / (2 (width m)^2))`` with m the median distance between different stimuli."""
    x = _checked(features)
    gram = x @ x.T
    own = np.diag(gram)
    square = np.maximum(own[:, None] + own[None, :] - 2 * gram, 0.0)
    median = np.median(square[np.triu_indices(len(x), 1)])
    if not (median > 0 and width > 0):
        raise BadArrays("half of the stimuli are equal; there is no width.", where="features", code="constant")
    return np.asarray(np.exp(-square / (2 * width**2 * median)))


def hsic(first: Array, second: Array) -> float:
    """Unbiased Hilbert-Schmidt independence criterion of two kernels, samples x samples; zero on average if unrelated.

    Raises
    ------
    BadArrays
        Not square, of different sizes, or of fewer than four stimuli.
    """
    k, m = (np.array(x, np.float64) for x in (first, second))
    count = len(k)
    if k.ndim != 2 or k.shape != (count, count) or m.shape != k.shape or count < 4:
        raise BadArrays(
            f"shapes {k.shape} and {m.shape} are no two kernels of four stimuli or more.",
            where="kernels",
            code="shape",
        )
    np.fill_diagonal(k, 0.0)
    np.fill_diagonal(m, 0.0)
    rows, columns = k.sum(axis=0), m.sum(axis=0)
    total = (
        (k * m).sum()
        + rows.sum() * columns.sum() / ((count - 1) * (count - 2))
        - 2 * (rows @ columns) / (count - 2)
    )
    return float(total / (count * (count - 3)))


def kernel_cka(first: Array, second: Array) -> float:
    """Debiased CKA of two kernels: at most 1 (equal up to scale), 0 on average if unrelated; NaN if one is nothing but bias.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal((20, 5))
    >>> round(kernel_cka(linear_kernel(x), linear_kernel(3 * x)), 6)
    1.0
    """
    own = hsic(first, first), hsic(second, second)
    if min(own) <= 0:
        return float("nan")
    return hsic(first, second) / float(np.sqrt(own[0] * own[1]))


def linear_cka(first: Array, second: Array) -> float:
    """Debiased linear CKA of two representations of the same stimuli.

    Parameters
    ----------
    first, second : array, samples x features
        Features may differ in number.

    Raises
    ------
    BadArrays
        Other stimuli, fewer than four, or NaN.
    """
    return kernel_cka(linear_kernel(first), linear_kernel(second))


def alignment(kernel: Array, labels: Array) -> float:
    """Alignment of a kernel with the one of labels, both doubly centred: in [-1, 1].

    ``<K, T> / |K| |T|`` with T the inner products of the labels, samples or samples x labels. This is the plain, biased
    form, in which labels are few and exact.
    """
    target = np.asarray(labels, np.float64)
    target = target[:, None] if target.ndim == 1 else target
    k, t = (_doubly_centred(x) for x in (np.asarray(kernel, np.float64), linear_kernel(target)))
    if k.shape != t.shape:
        raise BadArrays(f"{len(t)} labels for {len(k)} stimuli.", where="labels", code="shape")
    size = np.linalg.norm(k) * np.linalg.norm(t)
    return float((k * t).sum() / size) if size > 0 else float("nan")


def _doubly_centred(kernel: Floats) -> Floats:
    means = kernel.mean(axis=0)
    return np.asarray(kernel - means - means[:, None] + means.mean())


def _checked(features: Array) -> Floats:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise BadArrays(f"features of shape {x.shape} are not samples x features without NaN.", where="features")
    return x
