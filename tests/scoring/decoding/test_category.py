"""Category decoding against scikit-learn's own cross-validation, planted truth and chance."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.neighbors import NearestCentroid
from sklearn.svm import LinearSVC

from gyral.decoding import Labels, accuracy, auc, balanced_accuracy, decode
from gyral.errors import BadArrays, UnknownName

SKLEARN = {
    "lda": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "svc": LinearSVC(C=0.01),
    "centroid": NearestCentroid(),
}


def planted(distance, *, runs=8, classes=4, units=30, each=3, seed=0):
    """Samples whose class means lie ``distance`` noise standard deviations apart in every pair."""
    rng = np.random.default_rng(seed)
    y, groups = np.tile(np.repeat(np.arange(classes), each), runs), np.repeat(np.arange(runs), classes * each)
    x = rng.standard_normal((len(y), units))
    x[:, :classes] += distance / np.sqrt(2) * np.eye(classes)[y]
    return x, np.array(list("abcdefgh"))[y], groups


@pytest.mark.parametrize("classifier", SKLEARN)
@pytest.mark.parametrize("units", [30, 200])
def test_decoding_equals_scikit_learns_cross_validation(classifier, units):
    x, y, groups = planted(3.0, units=units)
    found = decode(x, y, groups, classifier=classifier, permutations=0)
    expected = cross_val_predict(SKLEARN[classifier], x, y, groups=groups, cv=LeaveOneGroupOut())
    assert [found.labels.classes[k] for k in found.found] == expected.tolist()
    assert found.accuracy.value == pytest.approx((expected == y).mean())
    assert found.balanced_accuracy.value == pytest.approx(balanced_accuracy_score(y, expected))
    i, j = 1, 3
    rows = np.isin(y, ["b", "d"])
    pair = cross_val_predict(SKLEARN[classifier], x[rows], y[rows], groups=groups[rows], cv=LeaveOneGroupOut())
    assert found.pair_accuracy[i, j] == pytest.approx((pair == y[rows]).mean())
    assert found.pair_accuracy[j, i] == found.pair_accuracy[i, j]
    assert np.isnan(np.diagonal(found.pair_accuracy)).all()


def test_pairs_reach_what_two_shifted_normals_allow():
    """Bayes' accuracy between means d apart is Phi(d / 2), and the area Phi(d / sqrt 2)."""
    x, y, groups = planted(2.0, runs=60, classes=3, units=3)
    found = decode(x, y, groups, permutations=0)
    assert found.pairwise_accuracy.value == pytest.approx(0.841, abs=0.02)
    assert found.pairwise_auc.value == pytest.approx(0.921, abs=0.02)
    assert found.confusion.sum(axis=1) == pytest.approx(1.0)


def test_noise_is_at_chance_and_signal_is_not():
    reached = []
    for seed in range(12):
        x, y, groups = planted(0.0, runs=4, each=2, seed=seed)
        found = decode(x, y, groups, classifier="centroid", permutations=30, seed=seed)
        reached.append((found.accuracy.p, found.accuracy.value, found.pairwise_accuracy.p))
    p, value, pairs = np.array(reached).T
    assert value.mean() == pytest.approx(0.25, abs=0.06)
    assert (p < 0.05).sum() <= 3
    assert (pairs < 0.05).sum() <= 3
    x, y, groups = planted(3.0, runs=5)
    found = decode(x, y, groups, classifier="centroid", permutations=60)
    assert found.accuracy.p == pytest.approx(1 / 61)
    assert found.accuracy.interval.low > found.accuracy.chance == 0.25
    assert (found.pair_p[~np.eye(4, dtype=bool)] == pytest.approx(1 / 61)) or found.pair_p[0, 1] <= 0.05


def test_labels_are_permuted_inside_runs_only():
    """Responses that say only which run it was say nothing of labels, though labels differ between runs."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 8)
    y = np.where(rng.random(80) < np.where(groups % 2, 0.75, 0.25), "a", "b")
    for g in range(10):  # two of each in every run
        y[groups == g] = np.where(np.arange(8) < (6 if g % 2 else 2), "a", "b")
    x = (groups % 2)[:, None] + 0.01 * rng.standard_normal((80, 5))
    found = decode(x, y, groups, permutations=50)
    assert found.accuracy.value > 0.7
    assert found.accuracy.p > 0.2


def test_accuracies_equal_scikit_learns():
    rng = np.random.default_rng(0)
    y = np.array([0] * 30 + [1] * 10)
    scores = rng.standard_normal((40, 3, 2)).round(1)  # with ties
    found = auc(y, scores)
    assert found[2, 1] == pytest.approx(roc_auc_score(y, scores[:, 2, 1]))
    guess = (scores > 0).astype(int)
    assert balanced_accuracy(y, guess)[1, 0] == pytest.approx(balanced_accuracy_score(y, guess[:, 1, 0]))
    assert accuracy(y, guess)[1, 0] == pytest.approx((guess[:, 1, 0] == y).mean())
    assert np.isnan(auc(np.zeros(40, int), scores)).all()


def test_unbalanced_classes_have_the_chance_of_the_commonest():
    x, y, groups = planted(0.0, runs=6, classes=2)
    y[::2] = "a"
    found = decode(x, y, groups, classifier="centroid", permutations=0)
    assert found.accuracy.chance == pytest.approx((y == "a").mean())
    assert found.balanced_accuracy.chance == 0.5
    assert np.isnan(found.accuracy.p)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"labels": ["a"] * 24}, "one-class"),
        ({"labels": ["a"] * 23 + ["b"]}, "class-too-small"),
        ({"labels": ["a"] * 21 + ["b"] * 3}, "class-missing"),
        ({"labels": ["a"] * 12 + ["b"] * 11 + [None]}, "labels-missing"),
        ({"labels": ["a"] * 12 + ["b"] * 11 + [float("nan")]}, "labels-missing"),
        ({"labels": [["a", "b"]] * 24}, "labels-shape"),
        ({"groups": None}, "no-groups"),
        ({"groups": ["one"] * 24}, "too-few-groups"),
        ({"x": np.full((24, 3), np.nan)}, "responses-finite"),
    ],
)
def test_what_cannot_be_decoded_is_refused(change, code):
    rng = np.random.default_rng(0)
    given = {
        "x": rng.standard_normal((24, 3)),
        "labels": ["a", "b"] * 12,
        "groups": np.repeat(np.arange(8), 3),
    } | change
    with pytest.raises(BadArrays) as caught:
        decode(given["x"], given["labels"], given["groups"])
    assert caught.value.code == code
    assert str(caught.value)


def test_an_unknown_classifier_names_the_nearest():
    x, y, groups = planted(1.0)
    with pytest.raises(UnknownName, match="'svc'"):
        decode(x, y, groups, classifier="svm")


def test_labels_keep_order_of_appearance_and_numbers():
    assert Labels.of(np.array([2.0, 1.0, 2.0])).classes == ("2", "1")
