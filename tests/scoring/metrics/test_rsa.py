"""RDMs and rho-a against scipy and against random tie-breaking."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from gyral.errors import BadArrays
from gyral.metrics.rsa import bounds, check_rdm, condensed, correlation_rdm, spearman_similarity


def test_correlation_rdm_equals_scipy() -> None:
    x = np.random.default_rng(0).standard_normal((12, 30))
    np.testing.assert_allclose(correlation_rdm(x), pdist(x, "correlation"), atol=1e-12)


def test_correlation_rdm_of_a_constant_row_is_one() -> None:
    x = np.random.default_rng(0).standard_normal((4, 30))
    x[2] = 5.0
    rdm = correlation_rdm(x)
    assert np.isfinite(rdm).all()
    np.testing.assert_allclose(rdm[[1, 3, 5]], 1.0)


def test_rho_a_equals_spearman_without_ties() -> None:
    a, b = np.random.default_rng(1).standard_normal((2, 100))
    assert float(spearman_similarity(a, b)) == pytest.approx(spearmanr(a, b).statistic)


def test_rho_a_is_the_mean_over_random_tie_breaking() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 3, 40).astype(float), rng.standard_normal(40)
    broken = [spearmanr(a + 1e-6 * rng.standard_normal(40), b).statistic for _ in range(4000)]
    assert float(spearman_similarity(a, b)) == pytest.approx(np.mean(broken), abs=0.005)


def test_bounds_hold_the_score_of_the_true_rdm() -> None:
    rng = np.random.default_rng(3)
    truth = rng.standard_normal(500)
    subjects = truth + rng.standard_normal((8, 500))
    lower, upper = bounds(subjects)
    assert lower < spearman_similarity(subjects, truth).mean() < upper
    assert np.isnan(bounds(subjects[:1])).all()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda m: m[:, :-1], "not square"),
        (lambda m: np.where(np.arange(25).reshape(5, 5) == 3, np.nan, m), "NaN"),
        (lambda m: m + np.triu(np.ones((5, 5)), 1), "not symmetric"),
    ],
)
def test_check_rdm_refuses_what_is_none(spoil, words: str) -> None:
    square = np.abs(np.subtract.outer(np.arange(5.0), np.arange(5.0)))
    check_rdm(square, "V1")
    with pytest.raises(BadArrays, match=f"V1: .*{words}"):
        check_rdm(spoil(square), "V1")
    assert condensed(square).shape == (10,)
