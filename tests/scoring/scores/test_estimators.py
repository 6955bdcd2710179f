import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.scores.halves import split_half
from gyral.scores.repeats import ceiling_of_ncsnr, ncsnr
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


# Medians over the voxels of eight subjects of the Natural Scenes Dataset, betas b3: ncsnr, and its noise ceiling of
# three repeats (in r2), as its authors list them.
NSD = {
    0.490: 0.419, 0.510: 0.438, 0.431: 0.358, 0.392: 0.316,
    0.542: 0.468, 0.439: 0.366, 0.371: 0.292, 0.323: 0.238,
}  # fmt: skip


def test_ceilings_of_published_ncsnr_are_the_published_ones():
    found = ceiling_of_ncsnr(np.array(list(NSD)), [3] * 515)
    # ncsnr is printed to three digits.
    np.testing.assert_allclose(found, list(NSD.values()), atol=1.5e-3)
    assert abs(found.mean() - 0.362) < 1e-3


def test_ncsnr_of_data_made_from_a_published_value_gives_the_published_ceiling():
    for snr, expected in NSD.items():
        data, _ = planted(13, 515, [3], 2000, snr)
        assert abs(ncsnr(data).noise_ceiling.mean() - expected) < 0.01


def test_one_over_the_mean_number_of_repeats_is_wrong_by_17_percent():
    data, n = planted(14, 900, [1, 2, 3], 4000, 0.4)
    found = ncsnr(data).noise_ceiling.mean()
    naive = float(ceiling_of_ncsnr(np.array([0.4]), [n.mean()])[0])
    assert naive / found == pytest.approx(1.17, abs=0.02)
    assert float(ceiling_of_ncsnr(np.array([0.4]), n)[0]) == pytest.approx(found, abs=0.005)


@pytest.mark.parametrize(("counts", "snr"), [([3], 0.15), ([3], 1.0), ([1, 2, 3], 0.4)])
def test_folds_are_pooled_without_bias(counts, snr):
    # A fifth of the stimuli each: ceilings of single folds, clipped at 0 and averaged, are .02 too high at .15.
    data, n = planted(15, 515, counts, 3000, snr)
    truth = snr**2 / (snr**2 + (1 / n).mean())
    folds = np.array_split(np.arange(515), 5)
    assert abs(ncsnr(data, folds).noise_ceiling.mean() - truth) < 0.01
    if snr == 0.15:
        alone = np.mean([ncsnr(data, f).noise_ceiling for f in folds])
        assert alone > truth + 0.01


@pytest.mark.parametrize("counts", [[3], [1, 2, 3]])
@pytest.mark.parametrize("snr", [0.0, 0.5, 1.5])
def test_ncsnr_intervals_cover_95_percent(counts, snr):
    data, n = planted(16, 120, counts, 4000, snr)
    truth = snr**2 / (snr**2 + (1 / n).mean())
    found = ncsnr(data)
    covered = ((found.low <= truth) & (truth <= found.high)).mean()
    assert 0.93 <= covered <= 0.97, covered


@pytest.mark.parametrize("counts", [[4], [2, 3]])
def test_split_half_intervals_cover_95_percent(counts):
    data, n = planted(17, 300, counts, 1500, 0.7)
    truth = 0.49 / (0.49 + (1 / n).mean())
    found = split_half(data, seed=0)
    covered = ((found.low <= truth) & (truth <= found.high)).mean()
    assert 0.93 <= covered <= 0.97, covered


@pytest.mark.parametrize("target", ["group", "subject"])
def test_loso_intervals_cover_95_percent(target):
    draw = np.random.default_rng(18)
    data = list(draw.normal(size=(1, 300, 600)) + draw.normal(size=(6, 300, 600)))
    truth = 1 / (1 + 1 / 6) if target == "group" else 0.5
    found = loso(data, target=target)
    covered = ((found.low <= truth) & (truth <= found.high)).mean()
    assert 0.93 <= covered <= 0.97, covered


def test_loso_is_the_loop_over_subjects_it_stands_for():
    draw = np.random.default_rng(19)
    data = list(draw.normal(size=(1, 50, 4)) + draw.normal(size=(5, 50, 4)))
    found = loso(data, target="subject").noise_ceiling.reshape(5, 4)
    for s in range(5):
        for v in range(4):
            others = np.stack([d[:, v] / d[:, v].std() for t, d in enumerate(data) if t != s])
            isc = np.corrcoef(data[s][:, v], others.mean(axis=0))[0, 1]
            q = np.corrcoef(others)[np.triu_indices(4, 1)].mean()
            assert found[s, v] == pytest.approx(isc**2 / (4 * q / (1 + 3 * q)))


def test_masked_samples_of_a_subject_are_left_out_of_its_pairs():
    draw = np.random.default_rng(20)
    data = [d.copy() for d in draw.normal(size=(1, 400, 60)) + draw.normal(size=(4, 400, 60))]
    whole = loso(data, target="subject").noise_ceiling
    data[0][:40, :3] = np.nan
    holed = loso(data, target="subject").noise_ceiling
    assert np.array_equal(whole[3:60], holed[3:60])
    assert np.isfinite(holed).all()
    assert 0 < np.abs(whole - holed).max() < 0.1
