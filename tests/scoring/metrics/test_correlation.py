"""Correlation and R2 against scipy and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import r2_score as reference_r2

from gyral.metrics.correlation import pearson_r, r2_score


def test_pearson_equals_scipy() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.standard_normal((2, 50, 7))
    p += 0.5 * y
    expected = [pearsonr(y[:, v], p[:, v]).statistic for v in range(7)]
    np.testing.assert_allclose(pearson_r(y, p), expected, rtol=1e-12)


def test_pearson_masks_missing_samples() -> None:
    rng = np.random.default_rng(1)
    y, p = rng.standard_normal((2, 40, 2))
    y[[1, 5, 9], 0] = np.nan
    keep = np.isfinite(y[:, 0])
    assert pearson_r(y, p)[0] == pytest.approx(pearsonr(y[keep, 0], p[keep, 0]).statistic)


def test_pearson_constant_measured_is_undefined_and_constant_predicted_is_zero() -> None:
    y = np.stack([np.full(10, 3.1), np.arange(10.0)], axis=1)
    p = np.stack([np.arange(10.0), np.full(10, 0.1)], axis=1)
    r = pearson_r(y, p)
    assert np.isnan(r[0])
    assert r[1] == 0


@pytest.mark.parametrize("size", [0.1, 3.7, 1000.3])
def test_rounding_of_a_constant_prediction_is_no_signal(size: float) -> None:
    rng = np.random.default_rng(4)
    y = rng.standard_normal((500, 200))
    # What float32 products leave of a constant: some units in the last place.
    steps = rng.integers(-2, 3, y.shape) * np.spacing(np.float32(size))
    p = np.float32(size) + steps.astype(np.float32)
    assert (pearson_r(y, p) == 0).all()
    # A prediction that moves by a hundred of them is one.
    assert pearson_r(y, size * (1 + 1e-5 * y).astype(np.float32)) == pytest.approx(1.0, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 1e3), st.floats(-1e3, 1e3), st.integers(0, 1000))
def test_pearson_ignores_scale_and_offset(scale: float, offset: float, seed: int) -> None:
    y, p = np.random.default_rng(seed).standard_normal((2, 30, 3))
    np.testing.assert_allclose(pearson_r(y * scale + offset, p), pearson_r(y, p), atol=1e-6)


def test_r2_equals_scikit_learn_with_the_test_mean() -> None:
    rng = np.random.default_rng(2)
    y, p = rng.standard_normal((2, 30, 4))
    expected = reference_r2(y, p, multioutput="raw_values")
    np.testing.assert_allclose(r2_score(y, p, y.mean(0)), expected)


def test_r2_of_the_baseline_is_zero_and_is_not_clipped() -> None:
    y = np.random.default_rng(3).standard_normal((20, 2))
    baseline = np.array([0.3, -0.2])
    np.testing.assert_allclose(r2_score(y, np.tile(baseline, (20, 1)), baseline), 0)
    assert (r2_score(y, -5 * y, baseline) < -5).all()
