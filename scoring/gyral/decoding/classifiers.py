"""Classifiers: out-of-fold decisions as scikit-learn's estimators give them, by name; features are never scaled or selected here.

==============  ====================================================================================================
``lda``         linear discriminant analysis, Ledoit-Wolf shrinkage of each class (`gyral.decoding.lda`)
``svc``         ``LinearSVC(C=0.01)``: squared hinge, one class against the others
``logistic``    ``LogisticRegression(C=0.01)``: multinomial
``centroid``    nearest class mean, Euclidean
==============  ====================================================================================================

All but ``lda`` see responses through inner products only; where units outnumber samples they are first rotated into as many
columns as there are samples, which changes no inner product.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold
from gyral.decoding._squared_hinge import hinge_decisions
from gyral.decoding.labels import Labels
from gyral.decoding.lda import cross_decisions
from gyral.registry import Registry

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
# Decisions, samples (x classes with more than two), of responses (samples x units) that `prepare` made.
Decide = Callable[[Floats, Labels, Sequence[Fold]], Floats]

STRENGTH = 0.01  # scikit-learn's C

CLASSIFIERS = Registry(
    "classifier",
    {
        "lda": "gyral.decoding.classifiers:lda",
        "svc": "gyral.decoding.classifiers:svc",
        "logistic": "gyral.decoding.classifiers:logistic",
        "centroid": "gyral.decoding.classifiers:centroid",
    },
    {
        "lda": "linear discriminant analysis with Ledoit-Wolf shrinkage",
        "svc": "linear support vector machine, C = .01",
        "logistic": "multinomial logistic regression, C = .01",
        "centroid": "nearest class mean",
    },
)


def prepare(x: Array, classifier: str) -> Floats:
    """Responses as a classifier takes them: float64, rotated where that is exact and saves work."""
    values = np.ascontiguousarray(x, np.float64)
    if classifier in ("svc", "logistic", "centroid") and values.shape[1] > len(values):
        triangle: Any = np.linalg.qr(values.T, mode="r")  # an array, whatever its annotation says
        return np.ascontiguousarray(triangle.T)
    return values


def lda(x: Floats, labels: Labels, folds: Sequence[Fold]) -> Floats:
    """Scores of shrinkage LDA."""
    found: Floats = cross_decisions(x[:, :, None], labels, folds)[:, 0]
    return found


def svc(x: Floats, labels: Labels, folds: Sequence[Fold]) -> Floats:
    """Signed distances of ``LinearSVC(C=0.01)``, by Newton steps for all folds at once."""
    return hinge_decisions(x, labels.codes, len(labels.classes), folds, STRENGTH)


def logistic(x: Floats, labels: Labels, folds: Sequence[Fold]) -> Floats:
    """Log odds of ``LogisticRegression(C=0.01)``."""
    from sklearn.linear_model import LogisticRegression  # slow import, only when decoding

    return _each(lambda: LogisticRegression(C=STRENGTH, max_iter=1000), x, labels, folds)


def centroid(x: Floats, labels: Labels, folds: Sequence[Fold]) -> Floats:
    """How much nearer each class mean is than the origin (half the squared distance); second less first of two."""
    out = np.full((len(x), len(labels.classes)), np.nan)
    for fold in folds:
        codes = labels.codes[fold.train]
        means = np.stack([x[fold.train][codes == k].mean(axis=0) for k in range(out.shape[1])])
        out[fold.test] = x[fold.test] @ means.T - 0.5 * (means**2).sum(axis=1)
    return out[:, 1] - out[:, 0] if out.shape[1] == 2 else out


def _each(make: Callable[[], Any], x: Floats, labels: Labels, folds: Sequence[Fold]) -> Floats:
    classes = len(labels.classes)
    out = np.full((len(x),) if classes == 2 else (len(x), classes), np.nan)
    for fold in folds:
        out[fold.test] = make().fit(x[fold.train], labels.codes[fold.train]).decision_function(x[fold.test])
    return out
