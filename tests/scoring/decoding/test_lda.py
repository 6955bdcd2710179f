"""Fast shrinkage LDA against scikit-learn's."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from gyral.datasets.split import Fold, contiguous
from gyral.decoding import Labels, SlicedLda, cross_decisions
from gyral.errors import BadArrays


def made(samples, units, times, classes, *, constant=False, scale=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(samples) % classes)
    x = rng.standard_normal((samples, units, times)) * rng.uniform(0.1, 5, (units, 1))
    x += 3 * rng.standard_normal((units, 1)) + 0.5 * rng.standard_normal((classes, units, times))[y]
    if constant:
        x[:, 0] = 2.5
    return x * scale, y


def reference(x, y, folds, solver, shrinkage):
    out = {}
    for t in range(x.shape[2]):
        for fold in folds:
            model = LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage).fit(
                x[fold.train, :, t], y[fold.train]
            )
            for u in range(x.shape[2]):
                out[t, u, tuple(fold.test)] = model.decision_function(x[fold.test, :, u])
    return out


@pytest.mark.parametrize(
    ("shape", "shrinkage", "solver", "options"),
    [
        ((120, 15, 3, 2), "auto", "lsqr", {}),
        ((120, 15, 3, 4), "auto", "eigen", {}),
        ((120, 15, 2, 3), 0.3, "lsqr", {}),
        ((120, 15, 2, 3), 0.3, "eigen", {}),
        ((120, 15, 2, 2), 0.0, "lsqr", {}),
        ((60, 90, 2, 4), "auto", "lsqr", {}),  # more units than samples
        ((60, 90, 2, 2), 0.2, "lsqr", {}),
        ((60, 50, 2, 4), "auto", "lsqr", {}),  # fewer units than training samples, more than of a class
        ((120, 15, 2, 3), "auto", "lsqr", {"constant": True}),
        ((60, 90, 2, 3), "auto", "lsqr", {"constant": True}),
        ((120, 15, 2, 3), "auto", "lsqr", {"scale": 1e-13}),  # tesla
        ((80, 1, 2, 2), "auto", "lsqr", {}),
    ],
)
def test_decisions_equal_those_of_scikit_learn(shape, shrinkage, solver, options):
    x, y = made(*shape, **options)
    folds = contiguous(len(y), 4).folds
    labels = Labels(y, tuple("abcd"[: shape[3]]))
    found = cross_decisions(x, labels, folds, shrinkage)
    both = cross_decisions(x, labels, folds, shrinkage, generalize=True)
    for (t, u, rows), expected in reference(x, y, folds, solver, shrinkage).items():
        bound = 1e-6 * max(1.0, np.abs(expected).max())
        assert np.abs(both[np.array(rows), t, u] - expected).max() < bound
        if t == u:
            assert np.abs(found[np.array(rows), t] - expected).max() < bound


def test_folds_with_gaps_and_few_training_rows_equal_scikit_learn():
    x, y = made(90, 12, 2, 3)
    rows = np.arange(90)
    folds = (Fold(rows[40:90], rows[:30]), Fold(rows[5:25], rows[30:90]))
    found = cross_decisions(x, Labels(y, tuple("abc")), folds, "auto")
    for (t, u, test), expected in reference(x, y, folds, "lsqr", "auto").items():
        if t == u:
            np.testing.assert_allclose(found[np.array(test), t], expected, atol=1e-8)


def test_sliced_estimator_equals_scikit_learn_at_every_pair_of_times():
    x, y = made(100, 8, 3, 2)
    model = SlicedLda(0.1).fit(x, y)
    plain = [LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1).fit(x[:, :, t], y) for t in range(3)]
    names = list(dict.fromkeys(str(v) for v in y))
    sign = 1 if model.classes_ == ("0", "1") else -1
    assert list(model.classes_) == names
    np.testing.assert_allclose(
        sign * model.decision_function(x),
        np.stack([m.decision_function(x[:, :, t]) for t, m in enumerate(plain)], 1),
    )
    both = model.generalize(x)
    assert both.shape == (100, 3, 3)
    np.testing.assert_allclose(sign * both[:, 2, 0], plain[2].decision_function(x[:, :, 0]))


def test_float32_and_large_offsets_change_no_decision_of_two_classes():
    x, y = made(120, 10, 2, 2)
    folds, labels = contiguous(120, 4).folds, Labels(y, ("a", "b"))
    plain = cross_decisions(x, labels, folds)
    np.testing.assert_allclose(cross_decisions(x + 1e5, labels, folds), plain, atol=1e-6)
    np.testing.assert_allclose(cross_decisions(x.astype(np.float32), labels, folds), plain, atol=1e-4)


@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (lambda x, y: x.__setitem__((3, 2, 1), np.nan), "responses-finite", "1 of 6 units"),
        (lambda x, y: y.__setitem__(slice(None), 0), "class-too-small", "'b' has 0 sample"),
        (lambda x, y: y.__setitem__(slice(0, 15), 0), "class-missing", "fold"),
    ],
)
def test_what_cannot_be_decoded_is_refused(spoil, code, word):
    x, y = made(20, 6, 2, 2)
    y = np.arange(20) % 2
    spoil(x, y)
    folds = (Fold(np.arange(15), np.arange(15, 20)), Fold(np.arange(15, 20), np.arange(15)))
    with pytest.raises(BadArrays, match=word) as caught:
        cross_decisions(x, Labels(y, ("a", "b")), folds)
    assert caught.value.code == code


def test_a_covariance_without_inverse_and_a_wrong_shrinkage_are_refused():
    x, y = made(20, 30, 1, 2)
    labels, folds = Labels(y, ("a", "b")), contiguous(20, 2).folds
    with pytest.raises(BadArrays, match="no inverse") as caught:
        cross_decisions(x, labels, folds, 0.0)
    assert caught.value.code == "singular-covariance"
    with pytest.raises(BadArrays, match="neither 'auto'"):
        cross_decisions(x, labels, folds, 1.5)
