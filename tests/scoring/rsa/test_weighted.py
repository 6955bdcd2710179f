"""Reweighting: planted weights come back, only training stimuli are used, negative weights never."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gyral.datasets.split import contiguous
from gyral.errors import BadArrays
from gyral.rsa.comparator import COSINE, PEARSON
from gyral.rsa.rdm import rdm
from gyral.rsa.weighted import fit_weights, score_weighted

SAMPLES = 40


@pytest.fixture
def parts() -> np.ndarray:
    x = np.random.default_rng(0).standard_normal((SAMPLES, 5))
    return np.stack([rdm(x[:, [k]], "squared-euclidean") for k in range(5)])


@pytest.mark.parametrize("measure", ["cosine", "pearson"])
def test_planted_weights_come_back(parts, measure) -> None:
    planted = np.array([3.0, 0.0, 1.0, 0.5, 0.0])
    subjects = np.stack([planted @ parts, 7 * planted @ parts])
    np.testing.assert_allclose(fit_weights(subjects, parts, measure), planted / np.linalg.norm(planted), atol=1e-8)


def test_weights_are_those_of_the_greatest_mean_cosine(parts) -> None:
    # Found by going uphill; rsatoolbox's regression ends at an absolute threshold that rounding may keep it from for ever.
    rng = np.random.default_rng(1)
    subjects = np.abs(rng.random((3, 5)) @ parts + rng.standard_normal((3, parts.shape[1])))
    target = (subjects / np.linalg.norm(subjects, axis=1, keepdims=True)).mean(axis=0)
    scaled = parts / np.linalg.norm(parts, axis=1, keepdims=True)

    def loss(weights):
        mixed = weights @ scaled
        return -(target @ mixed) / np.linalg.norm(mixed)

    best = minimize(loss, np.ones(5), bounds=[(0, None)] * 5, tol=1e-15).x / np.linalg.norm(parts, axis=1)
    np.testing.assert_allclose(fit_weights(subjects, parts), best / np.linalg.norm(best), atol=1e-4)


def test_weights_are_never_negative_and_zero_where_nothing_fits(parts) -> None:
    opposed = parts[:1].max() - parts[:1]
    assert (fit_weights(opposed, parts, "pearson") >= 0).all()
    assert fit_weights(opposed, parts[:1], "pearson").tolist() == [0.0]


def test_reweighting_beats_equal_weights_where_parts_matter_unequally(parts) -> None:
    rng = np.random.default_rng(2)
    clean = np.array([4.0, 0.0, 0.0, 1.0, 0.0]) @ parts
    subjects = clean + 0.5 * clean.std() * rng.standard_normal((4, parts.shape[1]))
    found = score_weighted(subjects, parts, contiguous(SAMPLES, 5), PEARSON, measure="pearson")
    assert found.weights.shape == (5, 5)
    assert (found.values > found.equal + 0.1).all()


def test_held_out_stimuli_do_not_touch_the_weights(parts) -> None:
    split = contiguous(SAMPLES, 5)
    subjects = parts[:2] + parts[2]
    spoilt = subjects.copy()
    first, second = np.triu_indices(SAMPLES, 1)
    touched = np.isin(first, split.folds[0].test) | np.isin(second, split.folds[0].test)
    spoilt[:, touched] = np.random.default_rng(3).random((2, touched.sum()))
    both = [score_weighted(s, parts, split, COSINE).weights[0] for s in (subjects, spoilt)]
    np.testing.assert_array_equal(*both)


def test_wrong_split_is_told(parts) -> None:
    with pytest.raises(BadArrays, match="of 40 stimuli"):
        score_weighted(parts, parts, contiguous(50, 5), COSINE)
