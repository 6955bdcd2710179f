"""Kendall's tau-a of redraws, against that of the copies themselves."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.concordance import KENDALL


def tau_a(a: np.ndarray, b: np.ndarray) -> float:
    """By all pairs of entries."""
    signs = [np.sign(x[:, None] - x) for x in (a, b)]
    return float((signs[0] * signs[1]).sum() / (len(a) * (len(a) - 1)))


@pytest.mark.parametrize("steps", [None, 2, 12])
@pytest.mark.parametrize("samples", [3, 4, 5, 6, 9, 17, 24])
def test_redraws_equal_copies(samples: int, steps: int | None) -> None:
    rng = np.random.default_rng(samples)
    pairs = samples * (samples - 1) // 2
    a, b = rng.random((2, 2, pairs)) + 0.3 * rng.random(pairs)
    if steps:
        a, b = np.round(steps * a), np.round(steps * b)
    counts = draw_counts(samples, 7, seed=2)
    first, second = np.triu_indices(samples, 1)
    for mask in (np.ones(pairs, bool), np.arange(pairs) % 3 > 0):
        found = KENDALL.redrawn(a, b, counts, mask)
        for d, m in enumerate(counts):
            copies = np.repeat(np.flatnonzero(mask), (m[first] * m[second])[mask])
            if (m > 0).sum() < 3 or len(copies) < 2:
                assert np.isnan(found[d]).all()
                continue
            expected = [[tau_a(x[copies], y[copies]) for y in b] for x in a]
            np.testing.assert_allclose(found[d], expected, atol=1e-12)


def test_untied_rdms_equal_scipy() -> None:
    a, b = np.random.default_rng(0).random((2, 1, 4950))
    expected = kendalltau(a[0], b[0]).statistic
    for found in (KENDALL.similarity(a, b)[0, 0], KENDALL.redrawn(a, b, np.ones((1, 100)))[0, 0, 0]):
        assert found == pytest.approx(expected, abs=1e-12)
