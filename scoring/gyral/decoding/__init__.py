"""Decoding: what was shown, from responses; categories by scikit-learn's classifiers, and fast shrinkage LDA over time.

>>> import numpy as np
>>> from gyral.decoding import Labels, cross_decisions, auc, over_folds, folds_of
>>> runs, y = np.repeat([0, 1, 2, 3], 10), np.tile([0, 1], 20)
>>> x = np.random.default_rng(0).standard_normal((40, 5, 3)) + y[:, None, None]
>>> folds = folds_of(runs)
>>> decisions = cross_decisions(x, Labels.of(y), folds)
>>> bool((over_folds(auc, y, decisions, [f.test for f in folds]) > 0.8).all())
True
"""

from gyral.decoding.accuracy import accuracy, auc, balanced_accuracy, named, over_folds
from gyral.decoding.category import Decoded, decode
from gyral.decoding.labels import Labels, folds_of
from gyral.decoding.lda import SlicedLda, cross_decisions

__all__ = [
    "Decoded",
    "Labels",
    "SlicedLda",
    "accuracy",
    "auc",
    "balanced_accuracy",
    "cross_decisions",
    "decode",
    "folds_of",
    "named",
    "over_folds",
]
