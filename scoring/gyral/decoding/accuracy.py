"""Accuracy of decisions: share right, mean share right a class, and area under the ROC curve; over any further axes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


def named(decisions: Array, classes: int) -> Rows:
    """The class that decisions name: samples x ... (x classes with more than two) -> samples x ...; -1 where NaN."""
    if classes == 2:
        return np.where(np.isfinite(decisions), (decisions > 0).astype(np.int64), -1)
    known: NDArray[np.bool_] = np.asarray(np.isfinite(decisions).all(axis=-1))
    return np.where(known, np.nan_to_num(decisions).argmax(axis=-1), -1)


def accuracy(codes: Rows, found: Rows) -> Floats:
    """Share of samples named right, in [0, 1]; chance is the share of the commonest class, 1 / classes if balanced.

    Parameters
    ----------
    codes : int array, samples
    found : int array, samples x ...
    """
    return np.asarray((found == _along(codes, found)).mean(axis=0))


def balanced_accuracy(codes: Rows, found: Rows) -> Floats:
    """Mean over classes of the share named right, in [0, 1]; chance is 1 / classes whatever their sizes.

    Classes that no sample has do not count.

    >>> y = np.array([0, 0, 0, 1])
    >>> float(accuracy(y, np.zeros(4, int))), float(balanced_accuracy(y, np.zeros(4, int)))
    (0.75, 0.5)
    """
    return np.asarray(np.mean([(found[codes == k] == k).mean(axis=0) for k in np.unique(codes)], axis=0))


def auc(codes: Rows, decisions: Array) -> Floats:
    """Probability that a sample of class 1 is scored above one of class 0, ties half; in [0, 1], chance .5.

    Parameters
    ----------
    codes : int array, samples
        0 or 1.
    decisions : array, samples x ...

    Raises
    ------
    BadArrays
        More than two classes.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).item()
    0.75
    """
    if len(codes) and not 0 <= codes.min() <= codes.max() <= 1:
        raise BadArrays(f"the area under the curve is of two classes, not {codes.max() + 1}.", where="codes")
    second = int(codes.sum())
    first = len(codes) - second
    shape = decisions.shape[1:]
    if not first or not second:
        return np.full(shape, np.nan)
    columns = np.ascontiguousarray(decisions.reshape(len(codes), -1).T)
    order = np.argsort(columns, axis=1)
    ranks = (codes[order] * np.arange(1, len(codes) + 1)).sum(axis=1).astype(np.float64)
    ordered = np.take_along_axis(columns, order, axis=1)
    for column in np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1)):
        from scipy.stats import rankdata  # slow import, and ties are rare

        ranks[column] = rankdata(columns[column])[codes == 1].sum()
    found = (ranks - second * (second + 1) / 2) / (first * second)
    return np.where(np.isfinite(columns).all(axis=1), found, np.nan).reshape(shape)


def over_folds(
    score: Callable[[Rows, Any], Floats], codes: Rows, values: NDArray[Any], tests: Sequence[Rows]
) -> Floats:
    """A score in each fold's held-out rows, mean over folds weighted by rows; folds where it is undefined left out.

    Decisions of two folds come from two classifiers, and are never ranked together.
    """
    found = np.stack([score(codes[rows], values[rows]) for rows in tests])
    weight = np.array([len(rows) for rows in tests], float).reshape(-1, *[1] * (found.ndim - 1))
    weight = np.where(np.isfinite(found), weight, 0.0)
    total = weight.sum(axis=0)
    summed = (weight * np.nan_to_num(found)).sum(axis=0)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


def _along(codes: Rows, found: NDArray[Any]) -> Rows:
    return codes.reshape(-1, *[1] * (found.ndim - 1))
