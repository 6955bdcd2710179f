"""Asymptotes of all units at once: planted ones, scipy's, and noise that must not be extrapolated."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from gyral.scores.asymptote import LATEST_BEND, asymptote

SIZES = np.arange(1, 8)
CURVES = {
    "spearman-brown": lambda s, v0, k: v0 * np.sqrt(s / (s + k)),
    "exponential": lambda s, v0, k: v0 * (1 - np.exp(-s / k)),
}


@pytest.mark.parametrize("curve", CURVES)
def test_planted_asymptotes_are_recovered(curve) -> None:
    rng = np.random.default_rng(0)
    v0, k = rng.uniform(0.1, 1.0, (3, 50)), rng.uniform(0.2, 6.0, (3, 50))
    scores = CURVES[curve](SIZES[:, None, None], v0, k)
    found, bend = asymptote(SIZES, scores, curve=curve)
    np.testing.assert_allclose(found, v0, atol=1e-5)
    np.testing.assert_allclose(bend, k, rtol=1e-3)


@pytest.mark.parametrize("curve", CURVES)
def test_noisy_asymptotes_are_those_of_a_curve_fit_a_unit(curve) -> None:
    rng = np.random.default_rng(1)
    scores = CURVES[curve](SIZES[:, None], rng.uniform(0.3, 0.8, 20), rng.uniform(0.5, 3, 20))
    scores = scores + 0.01 * rng.standard_normal(scores.shape)
    latest = LATEST_BEND[curve] * SIZES.max()
    expected = [
        curve_fit(CURVES[curve], SIZES, own, p0=(0.5, 1.0), bounds=([0, 0.01], [1, latest]))[0][0]
        for own in scores.T
    ]
    np.testing.assert_allclose(asymptote(SIZES, scores, curve=curve)[0], expected, atol=1e-5)


def test_noise_around_zero_is_not_extrapolated_to_one() -> None:
    noise = 0.03 * np.random.default_rng(2).standard_normal((7, 4000))
    found = asymptote(SIZES, noise)[0]
    assert np.median(found) < 0.02
    assert np.quantile(found, 0.999) < 0.2


def test_missing_scores_have_no_asymptote() -> None:
    scores = np.full((7, 2), 0.5)
    scores[3, 1] = np.nan
    found, _ = asymptote(SIZES, scores)
    assert found[0] == pytest.approx(0.5, abs=0.01)
    assert np.isnan(found[1])
