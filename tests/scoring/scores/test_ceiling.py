"""Ceilings by fold: planted values, admission on training rows, division by held-out rows."""

import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.errors import BadArrays
from gyral.scores.ceiling import from_repeats, from_subjects, published

SPLIT = contiguous(600, 5)
SIZES = np.full(5, 120)


def repeats(signal: float, units: int = 200, count: int = 4, seed: int = 0) -> np.ndarray:
    """Unit noise, planted signal variance."""
    rng = np.random.default_rng(seed)
    shared = np.sqrt(signal) * rng.standard_normal((600, 1, units))
    return shared + rng.standard_normal((600, count, units))


@pytest.mark.parametrize("estimator", ["ncsnr", "split-half"])
def test_planted_ceiling_is_recovered(estimator: str) -> None:
    ceiling = from_repeats(repeats(0.5), SPLIT, estimator)
    assert np.median(ceiling.value()) == pytest.approx(0.5 / (0.5 + 0.25), abs=0.01)
    assert ceiling.admitted.all()
    assert ceiling.kind == estimator


def test_subject_ceiling_is_that_of_a_single_subject() -> None:
    rng = np.random.default_rng(1)
    shared = rng.standard_normal((600, 150))
    values = {str(s): shared + rng.standard_normal((600, 150)) for s in range(12)}
    ceiling = from_subjects(values, SPLIT)
    assert ceiling.held_out.shape == (12 * 150,)
    assert np.median(ceiling.value()) == pytest.approx(0.5, abs=0.02)
    with pytest.raises(BadArrays, match="at least 3"):
        from_subjects({"a": shared, "b": shared}, SPLIT)


def test_noise_units_are_seldom_admitted_and_never_ceiled_by_their_own_rows() -> None:
    ceiling = from_repeats(repeats(0.0, units=1000), SPLIT)
    assert ceiling.admitted.mean() < 0.06
    r = np.random.default_rng(2).standard_normal((5, 1000)) * 0.1
    r[:, ~ceiling.admitted.any(axis=0)] = 0.9
    assert np.isnan(ceiling.ceiled(r, SIZES)[~ceiling.admitted.any(axis=0)]).all()


def test_ceiled_score_of_the_true_signal_is_one() -> None:
    rng = np.random.default_rng(3)
    signal = rng.standard_normal((600, 300))
    single = signal[:, None] + 2 * rng.standard_normal((600, 4, 300))
    ceiling = from_repeats(single, SPLIT)
    y = single.mean(axis=1)
    r = np.array([[np.corrcoef(y[f.test, v], signal[f.test, v])[0, 1] for v in range(300)] for f in SPLIT.folds])
    assert np.nanmedian(ceiling.ceiled(r, SIZES)) == pytest.approx(1.0, abs=0.05)


def test_signs_are_kept() -> None:
    ceiling = published(np.array([0.5, 0.5, np.nan]), 5)
    r = np.tile([0.5, -0.5, 0.5], (5, 1))
    np.testing.assert_allclose(ceiling.ceiled(r, SIZES), [0.5, -0.5, np.nan])
