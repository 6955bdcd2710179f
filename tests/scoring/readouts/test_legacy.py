"""Legacy rows against scikit-learn on the same splits."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.linear_model import Ridge as Reference

from gyral.datasets.split import contiguous
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.features import Features
from gyral.readouts.legacy import FixedRidge, Ols
from gyral.readouts.pls import Pls, PlsExact
from gyral.readouts.readout import FittedReadout, Readout

TRAIN, TEST = np.arange(120), np.arange(120, 160)
INNER = contiguous(120, 5).folds
LEGACY = (Ols, FixedRidge, Pls, PlsExact)


def problem(features: int, units: int = 9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of very different scales with an offset, and noisy responses with another."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((160, features)) * rng.uniform(0.1, 5, features) + 3
    y = x @ rng.standard_normal((features, units)) / np.sqrt(features) + rng.standard_normal((160, units)) + 40
    return x.astype(np.float32), y.astype(np.float32)


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference, as a share of the predictions' standard deviation."""
    return float(np.abs(found - expected).max() / expected.std())


def reference(model, x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return model.fit(x[train].astype(float), y[train].astype(float)).predict(x[test].astype(float))


@pytest.mark.parametrize("features", [1, 30, 119, 120, 300])
@pytest.mark.parametrize("penalty", [1.0, 0.01, 1e4])
def test_fixed_ridge_equals_scikit_learn(features: int, penalty: float) -> None:
    x, y = problem(features)
    y -= 40  # float32 keeps 4e-6 of a value near 40
    found = FixedRidge(penalty).fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    assert apart(found, reference(Reference(penalty), x, y, TRAIN, TEST)) < 1e-6


@pytest.mark.parametrize("features", [1, 30, 100])
def test_ols_equals_scikit_learn_where_samples_outnumber_features(features: int) -> None:
    x, y = problem(features)
    fitted = Ols().fit(Features("a", x), y, TRAIN, INNER)
    assert apart(fitted.predict(Features("a", x), TEST), reference(LinearRegression(), x, y, TRAIN, TEST)) < 2e-6
    assert fitted.warnings == ()


@pytest.mark.parametrize("features", [130, 400])
def test_ols_with_more_features_than_samples_is_of_minimum_norm_and_says_so(features: int) -> None:
    x, y = problem(features)
    fitted = Ols().fit(Features("a", x), y, TRAIN, INNER)
    mean, offset = x[TRAIN].mean(0, dtype=float), y[TRAIN].mean(0, dtype=float)
    weights = np.linalg.lstsq(x[TRAIN] - mean, y[TRAIN] - offset, rcond=1e-6)[0]
    assert apart(fitted.predict(Features("a", x), TEST), (x[TEST] - mean) @ weights + offset) < 2e-6
    assert any("minimum norm" in text for text in fitted.warnings)
    np.testing.assert_allclose(fitted.predict(Features("a", x), TRAIN), y[TRAIN], rtol=1e-5)


def test_ols_shares_weight_among_equal_columns() -> None:
    x, y = problem(20)
    twice = np.concatenate([x, x], axis=1)
    once = Ols().fit(Features("a", x), y, TRAIN, INNER).predict(Features("a", x), TEST)
    both = Ols().fit(Features("a", twice), y, TRAIN, INNER).predict(Features("a", twice), TEST)
    assert apart(both, once) < 2e-6


@pytest.mark.parametrize(("family", "model"), [(FixedRidge, Reference(1.0)), (Ols, LinearRegression())])
@pytest.mark.parametrize("features", [30, 300])
def test_inner_r2_is_that_of_fits_on_inner_training_rows(family: type, model, features: int) -> None:
    x, y = problem(features)
    errors, total = np.zeros(9), np.zeros(9)
    for fold in INNER:
        predicted = reference(model, x, y, fold.train, fold.test)
        errors += ((y[fold.test] - predicted) ** 2).sum(0)
        total += ((y[fold.test] - y[fold.train].mean(0)) ** 2).sum(0)
    fitted = family().fit(Features("a", x), y, TRAIN, INNER)
    np.testing.assert_allclose(fitted.inner_r2, 1 - errors / total, atol=2e-5)


@pytest.mark.parametrize(("family", "model"), [(FixedRidge, Reference(1.0)), (Ols, LinearRegression())])
@pytest.mark.parametrize("features", [20, 300])
def test_missing_responses_are_left_out_for_that_unit_alone(family: type, model, features: int) -> None:
    x, y = problem(features)
    holes = y.copy()
    holes[[3, 50, 51], 2] = np.nan
    holes[70:, 5] = np.nan
    found = family().fit(Features("a", x), holes, TRAIN, INNER).predict(Features("a", x), TEST)
    for unit in range(9):
        present = TRAIN[np.isfinite(holes[TRAIN, unit])]
        assert apart(found[:, unit], reference(model, x, y[:, unit], present, TEST)) < 1e-5
    assert np.isfinite(family().fit(Features("a", x), holes, TRAIN, INNER).inner_r2).all()


@pytest.mark.parametrize("family", LEGACY)
def test_legacy_rows_obey_the_protocol_and_read_training_rows_only(family: type) -> None:
    x, y = problem(60)
    assert isinstance(family(), Readout)
    before = family().fit(Features("a", x), y, TRAIN, INNER)
    assert isinstance(before, FittedReadout)
    spoiled_x, spoiled_y = x.copy(), y.copy()
    spoiled_x[TEST], spoiled_y[TEST] = np.nan, np.nan
    after = family().fit(Features("a", spoiled_x), spoiled_y, TRAIN, INNER)
    found = after.predict(Features("a", x), TEST)
    np.testing.assert_array_equal(before.predict(Features("a", x), TEST), found)
    np.testing.assert_array_equal(before.inner_r2, after.inner_r2)
    assert found.dtype == np.float32


@pytest.mark.parametrize("family", LEGACY)
def test_a_unit_constant_in_training_has_no_prediction(family: type) -> None:
    x, y = problem(40)
    y[:120, 0] = 7.3
    fitted = family().fit(Features("a", x), y, TRAIN, INNER)
    assert np.isnan(fitted.inner_r2[0])
    assert np.isnan(fitted.predict(Features("a", x), TEST)[:, 0]).all()
    assert np.isfinite(fitted.inner_r2[1:]).all()
    assert np.isfinite(fitted.predict(Features("a", x), TEST)[:, 1:]).all()


@pytest.mark.parametrize("family", LEGACY)
def test_a_large_offset_costs_no_precision(family: type) -> None:
    x, y = problem(40)
    y = (y - 40).astype(np.float64)
    near = family().fit(Features("a", x), y, TRAIN, INNER)
    far = family().fit(Features("a", x), y + 1e4, TRAIN, INNER)
    np.testing.assert_allclose(far.inner_r2, near.inner_r2, atol=1e-5)
    np.testing.assert_allclose(
        far.predict(Features("a", x), TEST) - 1e4, near.predict(Features("a", x), TEST), atol=2e-3
    )


@pytest.mark.parametrize("family", LEGACY)
def test_legacy_rows_name_what_is_wrong(family: type) -> None:
    x, y = problem(40)
    with pytest.raises(UserError, match=f"'{family.name}' runs on the CPU only, not on 'cuda'"):
        family(device="cuda").fit(Features("a", x), y, TRAIN, INNER)
    bad = x.copy()
    bad[17, 3] = np.nan
    with pytest.raises(BadFeatures, match="layer 'conv1'.*sample 17"):
        family().fit(Features("conv1", bad), y, TRAIN, INNER)
    fitted = family().fit(Features("conv1", x), y, TRAIN, INNER)
    bad[125] = np.nan
    with pytest.raises(BadFeatures, match="sample 125"):
        fitted.predict(Features("conv1", bad), TEST)


@pytest.mark.parametrize("family", [Ols, FixedRidge])
def test_a_unit_with_two_responses_is_refused(family: type) -> None:
    x, y = problem(10)
    y[2:, 4] = np.nan
    with pytest.raises(BadArrays, match="unit 4 has 2 finite responses"):
        family().fit(Features("a", x), y, TRAIN, INNER)


@pytest.mark.parametrize("penalty", [0.0, -1.0, np.nan])
def test_fixed_ridge_refuses_a_penalty_that_is_none(penalty: float) -> None:
    x, y = problem(10)
    with pytest.raises(UserError, match="penalty"):
        FixedRidge(penalty).fit(Features("a", x), y, TRAIN, INNER)
