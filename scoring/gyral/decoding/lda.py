"""Linear discriminant analysis with shrinkage, of many slices (times, searchlights) and folds at once.

Per slice and training set, with classes c of n_c samples, means m_c, priors pi_c = n_c / n and covariances S_c (divided by n_c)::

    Sigma = sum_c pi_c [(1 - l_c) S_c + l_c T_c],   score_c(x) = x' Sigma^-1 m_c - m_c' Sigma^-1 m_c / 2 + log pi_c

which is scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr" | "eigen", shrinkage=...)``: a number l shrinks towards
T_c = trace(S_c) / p; ``"auto"`` is Ledoit and Wolf's l_c (2004, J. Multivariate Analysis 88, 365-411) of each
class in units of its own standard deviations, so that T_c is the diagonal of S_c.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.decoding._discriminants import Shrinkage, discriminants, slices
from gyral.decoding.labels import Labels, check_folds, check_samples
from gyral.errors import BadArrays
from gyral.progress import Progress, silent

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


class SlicedLda:
    """Shrinkage LDA fitted separately to each time of samples x units x times.

    Parameters
    ----------
    shrinkage : float or "auto"
        Share of the target in the covariance, in [0, 1]; "auto": Ledoit-Wolf of each class.

    Attributes
    ----------
    classes_ : tuple of str
    coef_ : array, times x classes (1 where there are two) x units
    intercept_ : array, times x classes

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((40, 3, 5)), np.repeat([0, 1], 20)
    >>> SlicedLda().fit(x, y).decision_function(x).shape
    (40, 5)
    """

    def __init__(self, shrinkage: Shrinkage = "auto") -> None:
        self.shrinkage = shrinkage

    def fit(self, x: Array, y: Sequence[Any] | NDArray[Any]) -> Self:
        """Fit every time.

        Raises
        ------
        BadArrays
            NaN, one class, a class with one sample, or a covariance without an inverse.
        """
        labels = Labels.of(y)
        check_samples(x, labels, ndim=(3,))
        counts = np.bincount(labels.codes)
        if counts.min() < 2:
            name = labels.classes[int(counts.argmin())]
            raise BadArrays(f"class {name!r} has one sample, and no spread.", where="y", code="class-too-small")
        every = Fold(np.arange(len(x), dtype=np.int64), np.empty(0, np.int64))
        found = discriminants(x, labels, (every,), self.shrinkage)
        self.classes_ = labels.classes
        self.coef_, self.intercept_ = found.coef[:, 0], found.intercept[:, 0]
        return self

    def decision_function(self, x: Array) -> Floats:
        """Scores at the time of training: samples x times, or samples x times x classes with more than two."""
        found = np.einsum("sut,tcu->stc", x, self.coef_, optimize=True) + self.intercept_
        return np.asarray(found[..., 0] if found.shape[-1] == 1 else found)

    def generalize(self, x: Array) -> Floats:
        """Scores of each training time at each test time: samples x training x test times (x classes)."""
        found = np.einsum("sut,acu->satc", x, self.coef_, optimize=True) + self.intercept_[:, None]
        return np.asarray(found[..., 0] if found.shape[-1] == 1 else found)


def cross_decisions(
    x: Array,
    labels: Labels,
    folds: Sequence[Fold],
    shrinkage: Shrinkage = "auto",
    *,
    generalize: bool = False,
    progress: Progress = silent,
) -> Floats:
    """Out-of-fold scores of shrinkage LDA at every time.

    Parameters
    ----------
    x : array, samples x units x times
    labels : Labels
    folds : sequence of Fold
        Training and held-out rows; each row held out at most once.
    shrinkage : float or "auto"
    generalize : bool
        Also score every time by what was learned at every other.
    progress : Progress

    Returns
    -------
    float64 array, samples x times, or samples x training times x test times where ``generalize``
        With a last axis of classes where there are more than two; NaN in rows that no fold holds out.

    Raises
    ------
    BadArrays
        As `gyral.decoding.labels.check_folds`; NaN; a covariance without an inverse.
    """
    check_samples(x, labels, ndim=(3,))
    check_folds(labels, folds)
    found = discriminants(x, labels, folds, shrinkage, progress=progress)
    times, outputs = x.shape[2], found.coef.shape[2]
    out = np.full((len(x), *([times] * (2 if generalize else 1)), outputs), np.nan)
    for t, one in slices(x):
        for f, fold in enumerate(folds):
            rows = one[fold.test]
            if generalize:
                scores = rows @ found.coef[:, f].reshape(-1, one.shape[1]).T
                out[fold.test, :, t] = scores.reshape(len(rows), times, outputs) + found.intercept[:, f]
            else:
                out[fold.test, t] = rows @ found.coef[t, f].T + found.intercept[t, f]
    return out[..., 0] if outputs == 1 else out
