"""Reductions: fitted on training rows, through scikit-learn, named in the record."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.errors import UserError
from gyral.features.features import Features
from gyral.readouts.reduced import Reduced, evening_rotation, reduced
from gyral.readouts.ridge import GapRidge, Ridge

TRAIN, TEST = np.arange(120), np.arange(120, 160)
INNER = contiguous(120, 5).folds


@pytest.fixture
def problem():
    """Responses that live in five strong directions of 400 columns."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((160, 5))
    x = (latent @ rng.standard_normal((5, 400)) + 0.1 * rng.standard_normal((160, 400))).astype(np.float32)
    return x, (latent @ rng.standard_normal((5, 6))).astype(np.float32)


@pytest.mark.parametrize("spec", ["pca:10", "srp:100"])
def test_reduction_keeps_what_is_in_few_directions(problem, spec: str) -> None:
    x, y = problem
    readout = reduced(Ridge(), spec)
    fitted = readout.fit(Features("a", x), y, TRAIN, INNER)
    predicted = fitted.predict(Features("a", x), TEST)
    assert np.corrcoef(predicted.ravel(), y[TEST].ravel())[0, 1] > 0.97
    assert readout.name == f"ridge+{spec.replace(':', '')}"


@pytest.mark.parametrize("spec", ["pca:10", "srp:100"])
def test_reduction_reads_training_rows_only(problem, spec: str) -> None:
    x, y = problem
    spoiled = x.copy()
    spoiled[TEST] = np.nan
    before = reduced(Ridge(), spec).fit(Features("a", x), y, TRAIN, INNER, seed=1)
    after = reduced(Ridge(), spec).fit(Features("a", spoiled), y, TRAIN, INNER, seed=1)
    np.testing.assert_array_equal(before.predict(Features("a", x), TEST), after.predict(Features("a", x), TEST))


def test_all_components_predict_as_ridge_on_all_columns_does() -> None:
    # Weak components carry as much of the responses as strong ones: stretched to one size they would swamp the rest.
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 140)) @ np.diag(np.linspace(1, 0.02, 140)) @ rng.standard_normal((140, 140))
    x = (x * rng.uniform(0.1, 10, 140) + rng.uniform(-5, 5, 140)).astype(np.float32)
    strong = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:5]
    y = ((x - x.mean(axis=0)) @ strong.T).astype(np.float32)
    y = (y / y.std(axis=0) + rng.standard_normal(y.shape)).astype(np.float32)
    train, test = np.arange(150), np.arange(150, 300)
    inner = contiguous(150, 5).folds

    def held_out(readout: Ridge | Reduced) -> np.ndarray:
        features = Features("a", x)
        return readout.fit(features, y, train, inner).predict(features, test)

    whole, components = held_out(Ridge()), held_out(reduced(Ridge(), "pca:139"))
    for a, b, measured in zip(whole.T, components.T, y[test].T, strict=True):
        assert np.corrcoef(a, b)[0, 1] > 0.98
        assert abs(np.corrcoef(a, measured)[0, 1] - np.corrcoef(b, measured)[0, 1]) < 0.03


@pytest.mark.parametrize(
    "variances", [[4.0, 1.0, 1.0], [1.0], [2.0, 2.0], [1e6, 1e-6, 3.0, 0.0, 2.0], list(range(60))]
)
def test_rotation_leaves_every_column_the_same_variance(variances: list[float]) -> None:
    turned = evening_rotation(np.array(variances))
    np.testing.assert_allclose(turned.T @ turned, np.eye(len(variances)), atol=1e-12)
    np.testing.assert_allclose(
        np.diag(turned.T @ np.diag(variances) @ turned), np.mean(variances), rtol=1e-9, atol=1e-9
    )


def test_columns_that_do_not_vary_in_training_count_nothing(problem) -> None:
    x, y = problem
    constant = np.concatenate([x, np.full((160, 30), 7.0, np.float32)], axis=1)
    constant[TEST, 400:] = 1e6
    found = [
        reduced(Ridge(), "pca:10").fit(Features("a", z), y, TRAIN, INNER).predict(Features("a", z), TEST)
        for z in (x, constant)
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)


def test_narrow_layers_stay_as_they_are(problem) -> None:
    x, y = problem
    narrow = Features("a", x[:, :8])
    a = reduced(Ridge(), "pca:50").fit(narrow, y, TRAIN, INNER).predict(narrow, TEST)
    np.testing.assert_array_equal(a, Ridge().fit(narrow, y, TRAIN, INNER).predict(narrow, TEST))


@pytest.mark.parametrize("spec", ["pca", "pca:", "pca:0", "tsne:5", "srp:x"])
def test_what_is_no_reduction_is_refused(spec: str) -> None:
    with pytest.raises(UserError, match="pca:WIDTH or srp:WIDTH"):
        reduced(Ridge(), spec)


def test_families_with_positions_are_refused() -> None:
    with pytest.raises(UserError, match="readout 'gap' reads positions"):
        reduced(GapRidge(), "pca:5")
