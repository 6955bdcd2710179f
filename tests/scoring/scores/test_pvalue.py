"""p-values: nulls against what they claim to draw, and rates of false positives."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from gyral.datasets.split import contiguous, grouped
from gyral.errors import BadArrays
from gyral.scores import pvalue
from gyral.scores.pvalue import Null, false_discovery, runs_of, significance

RUNS = [np.arange(72) + 72 * k for k in range(5)]


def series(rng: np.random.Generator, phi: float, units: int = 1) -> np.ndarray:
    """Five runs of 72 rows."""
    white = rng.standard_normal((5, 172, units))
    runs = lfilter([np.sqrt(1 - phi**2)], [1, -phi], white, axis=1)[:, 100:]
    return runs.reshape(360, units)


def false_positives(null: Null, phi: float, count: int, block: int = 1) -> float:
    rng = np.random.default_rng(7)
    found = [
        significance(series(rng, phi), series(rng, phi), RUNS, null, block=block, draws=199, seed=k).p[0]
        for k in range(count)
    ]
    return float(np.mean(np.array(found) <= 0.05))


@pytest.mark.parametrize("phi", [0.8, 0.95])
def test_phases_hold_five_percent_where_the_parametric_test_fails(phi: float) -> None:
    count = 600
    found = false_positives("phase", phi, count)
    assert stats.binom.ppf(0.001, count, 0.03) <= count * found <= stats.binom.ppf(0.999, count, 0.07)
    rng = np.random.default_rng(8)
    naive = [
        stats.pearsonr(series(rng, phi)[:, 0], series(rng, phi)[:, 0], alternative="greater").pvalue
        for _ in range(count)
    ]
    assert np.mean(np.array(naive) <= 0.05) > 0.15


def test_shuffling_samples_is_right_for_exchangeable_ones_only() -> None:
    assert 0.01 <= false_positives("permutation", 0.0, 200) <= 0.1
    assert false_positives("permutation", 0.8, 100) > 0.1


def test_a_signal_is_found_and_an_opposite_one_is_not() -> None:
    rng = np.random.default_rng(0)
    p = series(rng, 0.8, 3)
    y = 0.5 * p + series(rng, 0.8, 3)
    for null in ("permutation", "block", "shift", "phase"):
        assert significance(y, p, RUNS, null, draws=199).p[0] == pytest.approx(1 / 200)
        assert significance(-y, p, RUNS, null, draws=199).p[0] > 0.9


def test_phase_draws_are_correlations_with_phase_randomised_predictions() -> None:
    rng = np.random.default_rng(1)
    for count in (40, 41):
        y, p = (
            pvalue._scaled(rng.standard_normal((count, 2)), 0.0),
            pvalue._scaled(rng.standard_normal((count, 2)), 0.0),
        )
        cross = pvalue._cross_spectrum(y, p)
        turn = np.exp(1j * rng.uniform(0, 2 * np.pi, len(cross)))
        if count % 2 == 0:
            turn[-1] = -1
        spectrum = np.fft.rfft(p, axis=0)
        spectrum[1:] *= turn.conj()[:, None]
        surrogate = np.fft.irfft(spectrum, count, axis=0)
        found = turn.real @ cross.real - turn.imag @ cross.imag
        np.testing.assert_allclose(found, (y * surrogate).sum(axis=0), atol=1e-12)


def test_lags_are_correlations_with_rolled_predictions() -> None:
    rng = np.random.default_rng(2)
    y, p = pvalue._scaled(rng.standard_normal((50, 2)), 0.0), pvalue._scaled(rng.standard_normal((50, 2)), 0.0)
    found = pvalue._all_lags(y, p)
    assert len(found) == 41  # shifts of 5 to 45
    np.testing.assert_allclose(found[0], (y * np.roll(p, 5, axis=0)).sum(axis=0), atol=1e-12)


def test_a_single_run_has_no_more_shifts_than_it_has() -> None:
    rng = np.random.default_rng(3)
    y, p = rng.standard_normal((2, 50, 1))
    assert significance(y, p, [np.arange(50)], "shift", draws=1000).draws == 41


def test_units_and_chunks_do_not_matter() -> None:
    rng = np.random.default_rng(4)
    y, p = series(rng, 0.5, 6), series(rng, 0.5, 6)
    base = significance(y, p, RUNS, "phase", draws=150)
    order = rng.permutation(6)
    for other in (
        significance(y[:, order], p[:, order], RUNS, "phase", draws=150),
        significance(np.tile(y, 2), np.tile(p, 2), RUNS, "phase", draws=150),
        significance(1e4 + 7 * y, p - 3, RUNS, "phase", draws=150),
    ):
        assert other.p[0] == base.p[0]
        assert other.values[0] == pytest.approx(base.values[0])
    assert significance(y, p, RUNS, "phase", draws=150, memory=1).draws == 150


def test_parts_are_tested_each() -> None:
    rng = np.random.default_rng(5)
    p = series(rng, 0.5, 4)
    y = np.column_stack([p[:, :2] + series(rng, 0.5, 2), series(rng, 0.5, 2)])
    y[:72, 3] = 1.0
    parts = [np.array([0, 1]), np.array([2]), np.array([3])]
    found = significance(y, p, RUNS, "phase", parts=parts, draws=199)
    assert found.p[0] < 0.05 < found.p[1]
    assert np.isnan([found.p[2], found.values[2]]).all()


def test_false_discovery_leaves_missing_regions_out() -> None:
    p = np.array([0.01, np.nan, 0.02, 0.9])
    np.testing.assert_allclose(false_discovery(p), [0.03, np.nan, 0.03, 0.9])
    assert np.isnan(false_discovery(np.array([np.nan]))).all()


def test_runs_are_groups_inside_folds_or_folds() -> None:
    assert [len(r) for r in runs_of(contiguous(360, 5))] == [72] * 5
    assert [len(r) for r in runs_of(grouped(np.repeat(np.arange(10), 40), 5))] == [40] * 10


def test_bad_arrays_are_refused() -> None:
    y, p = np.random.default_rng(6).standard_normal((2, 360, 2))
    with pytest.raises(BadArrays, match="too short"):
        significance(y, p, [np.arange(20)], "phase")
    with pytest.raises(BadArrays, match="no two blocks"):
        significance(y, p, RUNS, "block", block=50)
    with pytest.raises(BadArrays, match="predictions are"):
        significance(y, p[:, :1], RUNS, "phase")
    y[3, 1] = np.nan
    with pytest.raises(BadArrays, match="missing samples"):
        significance(y, p, RUNS, "phase")
