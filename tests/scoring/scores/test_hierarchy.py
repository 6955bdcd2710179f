"""Subjects and stimuli drawn anew: the closed form against a bootstrap of both, and who is pooled."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.scores.conditional import Redraws
from gyral.scores.hierarchy import EachSubject, crossed, normal_redraws, over_subjects


def additive(subjects: int, stimuli: int, seed: int, draws: int = 4000) -> tuple[Redraws, np.ndarray]:
    """Redraws of a mean of subject + stimulus + noise, with its table."""
    rng = np.random.default_rng(seed)
    table = (
        rng.standard_normal((subjects, 1))
        + 2 * rng.standard_normal(stimuli)
        + rng.standard_normal((subjects, stimuli))
    )
    weights = rng.multinomial(stimuli, np.full(stimuli, 1 / stimuli), size=draws)
    drawn = weights @ table.T / stimuli
    values = table.mean(axis=1)
    calibrated = values + (drawn - drawn.mean(axis=0)) * np.sqrt(stimuli / (stimuli - 1))
    return Redraws(values, calibrated, stimuli), table


def test_it_is_schuetts_formula() -> None:
    # Subjects, stimuli and both drawn by brute force, with n / (n - 1) for each factor that is drawn.
    redraws, table = additive(8, 30, seed=0)
    rng = np.random.default_rng(1)
    s, k = table.shape
    u = rng.multinomial(s, np.full(s, 1 / s), size=20000) / s
    w = rng.multinomial(k, np.full(k, 1 / k), size=20000) / k
    subj, stim = s / (s - 1) * (u @ table.mean(1)).var(), k / (k - 1) * (w @ table.mean(0)).var()
    both = np.einsum("ds,sk,dk->d", u, table, w, optimize=True).var()
    noise = s * k / ((s - 1) * (k - 1)) * (both - (s - 1) / s * subj - (k - 1) / k * stim)
    assert crossed([redraws]).covariance[0, 0] == pytest.approx(subj + stim - noise, rel=0.06)


def test_variance_is_unbiased_where_effects_are_additive() -> None:
    found = [crossed([additive(7, 12, seed, draws=300)[0]]).covariance[0, 0] for seed in range(300)]
    truth = 1 / 7 + 4 / 12 + 1 / 84
    assert np.mean(found) == pytest.approx(truth, rel=0.08)


def test_under_six_subjects_each_is_shown() -> None:
    redraws, _ = additive(5, 30, seed=2)
    found = over_subjects(redraws)
    assert isinstance(found, EachSubject)
    assert [i.value for i in found.intervals] == redraws.values.tolist()
    assert {i.kind for i in found.intervals} == {"conditional"}


def test_disjoint_stimuli_leave_the_t_interval_over_subjects() -> None:
    redraws, _ = additive(9, 30, seed=3)
    found = over_subjects(redraws, shared=False)
    assert not isinstance(found, EachSubject)
    assert found.se == pytest.approx(redraws.values.std(ddof=1) / 3)
    assert (found.df, found.groups, found.method) == (8, 9, "jackknife")
    pooled = over_subjects(redraws)
    assert not isinstance(pooled, EachSubject)
    assert pooled.se > found.se


def test_subjects_without_a_value_are_not_counted() -> None:
    redraws, _ = additive(7, 30, seed=4)
    values, drawn = redraws.values.copy(), redraws.drawn.copy()
    values[2], drawn[:, 2] = np.nan, np.nan
    found = over_subjects(Redraws(values, drawn, 30))
    assert not isinstance(found, EachSubject)
    assert found.groups == 6
    assert found.value == pytest.approx(np.nanmean(values))
    values[3], drawn[:, 3] = np.nan, np.nan
    assert isinstance(over_subjects(Redraws(values, drawn, 30)), EachSubject)


def test_order_of_subjects_does_not_matter() -> None:
    redraws, _ = additive(8, 30, seed=5)
    one, other = over_subjects(redraws), over_subjects(redraws.of(np.arange(8)[::-1]))
    assert not isinstance(one, EachSubject)
    assert not isinstance(other, EachSubject)
    np.testing.assert_allclose([one.low, one.high], [other.low, other.high])


def test_models_are_paired_through_the_covariance() -> None:
    base, _ = additive(8, 30, seed=6)
    near = Redraws(base.values + 0.1, base.drawn + 0.1, 30)
    found = crossed([base, near, additive(8, 30, seed=7)[0]])
    spread = found.covariance
    assert spread[0, 0] + spread[1, 1] - 2 * spread[0, 1] == pytest.approx(0, abs=1e-9)
    assert spread[0, 0] + spread[2, 2] - 2 * spread[0, 2] > 0.1
    drawn = normal_redraws(found, draws=20000)
    np.testing.assert_allclose(np.cov(drawn.T), spread, atol=0.05)
    np.testing.assert_allclose(drawn.mean(axis=0), found.values, atol=0.05)


def test_models_with_other_subjects_are_refused() -> None:
    with pytest.raises(BadArrays, match="share subjects"):
        crossed([additive(8, 30, seed=0)[0], additive(9, 30, seed=0)[0]])
    short, _ = additive(8, 30, seed=0)
    with pytest.raises(BadArrays, match="each with a value"):
        crossed([Redraws(np.append(short.values[:7], np.nan), short.drawn, 30)])


def test_values_that_never_change_have_an_interval_without_width() -> None:
    found = over_subjects(Redraws(np.zeros(8), np.zeros((50, 8)), 100))
    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)
