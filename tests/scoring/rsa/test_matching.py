"""Unit matching: finds a permuted copy, and does not find a rotated one."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.errors import BadArrays
from gyral.rsa.matching import match_units

SAMPLES, UNITS = 200, 30
HOW = ["one-to-one", "best", "soft", "sparse"]


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noisy units, a permuted copy, and a rotated one."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, UNITS))
    measured = x + 0.5 * rng.standard_normal(x.shape)
    rotation = np.linalg.qr(rng.standard_normal((UNITS, UNITS)))[0]
    return measured, x[:, rng.permutation(UNITS)], x @ rotation


@pytest.mark.parametrize("how", HOW)
def test_permuted_copy_is_matched_and_a_rotated_one_is_not(planted, how) -> None:
    measured, permuted, rotated = planted
    split = contiguous(SAMPLES, 5)
    ceiling = 1 / np.sqrt(1.25)
    found, lost = (match_units(measured, x, split, how) for x in (permuted, rotated))
    assert found.value == pytest.approx(ceiling, abs=0.05)
    assert lost.value < (0.75 if how in ("sparse", "soft") else 0.6)
    assert lost.value < found.value - 0.15


@pytest.mark.parametrize("how", HOW)
def test_unrelated_features_are_at_zero(how) -> None:
    rng = np.random.default_rng(1)
    y, x = rng.standard_normal((2, SAMPLES, UNITS))
    assert abs(match_units(y, x, contiguous(SAMPLES, 5), how).value) < 0.05


def test_each_feature_serves_one_unit_at_most() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((SAMPLES, 1))
    y = x + np.array([0.1, 0.3, 0.3]) * rng.standard_normal((SAMPLES, 3))
    split = contiguous(SAMPLES, 5)
    assert np.isfinite(match_units(y, x, split, "one-to-one").r).tolist() == [True, False, False]
    assert (match_units(y, x, split, "best").r > 0.9).all()


def test_bad_input_is_told(planted) -> None:
    measured, permuted, _ = planted
    with pytest.raises(BadArrays, match="do not share samples"):
        match_units(measured, permuted[:-1], contiguous(SAMPLES, 5))
    with pytest.raises(BadArrays, match="NaN"):
        match_units(measured, np.full_like(permuted, np.nan), contiguous(SAMPLES, 5))
