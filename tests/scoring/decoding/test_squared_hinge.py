"""The solver of linear support vector machines against scikit-learn's, run to its end, and against its own gradient."""

import warnings

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from gyral.datasets.split import contiguous
from gyral.decoding._squared_hinge import _weights, hinge_decisions

CASES = {
    "plain": (200, 20, 2, 1.0, 1.0),
    "four classes": (200, 20, 4, 1.0, 1.0),
    "noise": (400, 60, 2, 3.0, 0.0),
    "as many columns as samples": (100, 100, 2, 10.0, 3.0),
    "well apart": (90, 10, 3, 5.0, 6.0),
    "tesla": (200, 20, 2, 1e-13, 1.0),
    "one column": (150, 1, 2, 1.0, 0.5),
}


def planted(samples, columns, classes, scale, distance):
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, samples)
    x = rng.standard_normal((samples, columns)) + distance * (y[:, None] == np.arange(columns) % classes)
    return scale * (x + 2.0), y


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_decisions_are_those_of_scikit_learn_at_its_minimum(case, strength):
    x, y = planted(*CASES[case])
    classes, folds = int(y.max()) + 1, contiguous(len(x), 4).folds
    found = hinge_decisions(x, y, classes, folds, strength)
    for fold in folds:
        svc = LinearSVC(C=strength, tol=1e-11, max_iter=1_000_000, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it would go on
            expected = svc.fit(x[fold.train], y[fold.train]).decision_function(x[fold.test])
        np.testing.assert_allclose(found[fold.test], expected, atol=1e-5 * np.abs(expected).max())


def test_gradient_is_nought_where_liblinear_gives_up():
    x, y = planted(300, 30, 2, 1e3, 1.0)
    given = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    signs = np.where(y == 1, 1.0, -1.0)

    def gradient(w):
        slack = np.maximum(0, 1 - signs * (given @ w))
        return w - 0.02 * given.T @ (signs * slack)

    w = _weights(given, signs, given.T @ given, 0.01)
    assert np.linalg.norm(gradient(w)) < 1e-6 * np.linalg.norm(gradient(np.zeros(31)))


def test_rows_that_are_never_held_out_have_no_decision_and_gaps_are_not_trained_on():
    x, y = planted(120, 8, 2, 1.0, 1.0)
    folds = contiguous(120, 4, gap=5).folds
    found = hinge_decisions(x, y, 2, folds[:3], 0.01)
    assert np.isnan(found[folds[3].test]).all() and np.isfinite(found[:90]).all()
    changed = x.copy()
    changed[folds[0].test[-1] + 1] += 100  # in the gap of the first fold
    again = hinge_decisions(changed, y, 2, folds[:1], 0.01)
    np.testing.assert_allclose(again[folds[0].test], found[folds[0].test], rtol=1e-6)
