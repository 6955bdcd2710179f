import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.scores.halves import split_half
from gyral.scores.repeats import ncsnr
from gyral.scores.subjects import loso


def planted(seed, samples, counts, units, snr):
    """Signal of variance snr^2, unit noise, ``counts`` repeats a sample (NaN behind)."""
    draw = np.random.default_rng(seed)
    most = max(counts)
    data = snr * draw.normal(size=(samples, 1, units)) + draw.normal(size=(samples, most, units))
    n = np.resize(counts, samples)
    return np.where(np.arange(most)[None, :, None] < n[:, None, None], data, np.nan), n


@pytest.mark.parametrize("snr", [0.2, 0.4, 1.0])
def test_ncsnr_recovers_planted_ceiling(snr):
    data, _ = planted(1, 515, [3], 4000, snr)
    truth = snr**2 / (snr**2 + 1 / 3)
    assert abs(ncsnr(data).noise_ceiling.mean() - truth) < 0.01


def test_ncsnr_mixed_repeats_uses_mean_of_one_over_n():
    data, n = planted(2, 900, [1, 2, 3], 4000, 0.4)
    truth = 0.16 / (0.16 + (1 / n).mean())
    assert round(truth, 3) == 0.207
    found = ncsnr(data).noise_ceiling.mean()
    assert abs(found - truth) < 0.005
    wrong = 0.16 / (0.16 + 1 / n.mean())
    assert abs(found - wrong) > 0.02
    # A model that knows the signal reaches just that r2.
    signal = np.random.default_rng(2).normal(size=(900, 1, 4000))[:, 0]
    mean = np.nanmean(data, axis=1)
    r = np.array([np.corrcoef(signal[:, u], mean[:, u])[0, 1] for u in range(400)])
    assert abs((r**2).mean() - truth) < 0.01


def test_ncsnr_agrees_with_split_half():
    data, _ = planted(3, 515, [6], 500, 0.5)
    assert abs(ncsnr(data).noise_ceiling.mean() - split_half(data, seed=0).noise_ceiling.mean()) < 0.01


@pytest.mark.parametrize("counts", [[4], [3], [2, 5], [1, 4]])
def test_split_half_recovers_planted_ceiling(counts):
    data, n = planted(4, 515, counts, 800, 0.7)
    truth = 0.49 / (0.49 + (1 / n).mean())
    assert abs(split_half(data, seed=5).noise_ceiling.mean() - truth) < 0.01


def test_split_half_is_decided_by_its_seed():
    data, _ = planted(5, 60, [4], 7, 0.7)
    first, again, other = (split_half(data, seed=s).noise_ceiling for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("counts", [[3], [1, 2, 3], [6, 7, 8, 9, 10]])
@pytest.mark.parametrize("snr", [0.0, 0.5])
def test_ncsnr_lower_bound_covers_95_percent(counts, snr):
    data, n = planted(6, 120, counts, 4000, snr)
    truth = snr**2 / (snr**2 + (1 / n).mean())
    covered = (ncsnr(data).lower <= truth).mean()
    assert 0.94 <= covered <= 0.985, covered


def test_ncsnr_lower_bound_matches_analysis_of_variance():
    from scipy.stats import f, f_oneway

    data, _ = planted(7, 40, [5], 3, 0.6)
    found = ncsnr(data)
    for unit in range(3):
        observed = f_oneway(*data[:, :, unit]).statistic
        assert np.isclose(found.noise_ceiling[unit], max(0, 1 - 1 / observed))
        assert np.isclose(found.lower[unit], 1 - f.ppf(0.95, 39, 160) / observed)


@pytest.mark.parametrize("estimator", [ncsnr, lambda d: split_half(d, seed=0)])
def test_constant_units_are_undefined_not_zero(estimator):
    data, _ = planted(8, 30, [4], 3, 1.0)
    data[:, :, 1] = 0.1
    found = estimator(data)
    assert np.isnan(found.noise_ceiling).tolist() == [False, True, False]
    assert np.isnan(found.lower).tolist() == [False, True, False]


def test_ncsnr_without_repeats_is_undefined():
    data, _ = planted(9, 30, [1], 2, 1.0)
    assert np.isnan(ncsnr(data).noise_ceiling).all()


def test_ncsnr_rows_are_the_same_as_slicing():
    data, _ = planted(10, 50, [2, 3], 4, 1.0)
    rows = np.arange(10, 35)
    assert np.array_equal(ncsnr(data, rows).noise_ceiling, ncsnr(data[rows]).noise_ceiling)


def test_ncsnr_noiseless_unit_has_ceiling_one():
    signal = np.random.default_rng(0).normal(size=(20, 1, 1))
    found = ncsnr(np.repeat(signal, 3, axis=1))
    assert found.noise_ceiling[0] == 1.0


def test_ncsnr_missing_repeats_that_differ_between_units_are_met():
    data, _ = planted(11, 300, [4], 6, 1.0)
    alone = ncsnr(data[:, :, :3]).noise_ceiling
    data[::2, 3, 3:] = np.nan
    found = ncsnr(data).noise_ceiling
    assert np.array_equal(found[:3], alone)
    assert np.array_equal(found[3:], ncsnr(data[:, :, 3:]).noise_ceiling)


def test_loso_recovers_planted_ceilings():
    draw = np.random.default_rng(12)
    subjects, snr = 6, 0.8
    data = snr * draw.normal(size=(1, 800, 400)) + draw.normal(size=(subjects, 800, 400))
    share = snr**2 / (snr**2 + 1)
    group = loso(list(data))
    assert abs(group.noise_ceiling.mean() - snr**2 / (snr**2 + 1 / subjects)) < 0.01
    single = loso({f"s{i}": d for i, d in enumerate(data)}, target="subject")
    assert single.noise_ceiling.shape == (subjects * 400,)
    assert abs(single.noise_ceiling.mean() - share) < 0.01
    assert 0.9 <= (single.lower <= share).mean() <= 0.99


def test_loso_needs_three_subjects_of_one_shape():
    with pytest.raises(BadArrays, match="at least 3"):
        loso([np.zeros((4, 1))] * 2)
    with pytest.raises(BadArrays, match="share samples and units"):
        loso([np.zeros((4, 1)), np.zeros((4, 1)), np.zeros((5, 1))])
