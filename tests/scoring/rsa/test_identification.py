"""Region identification: planted regions are told apart, chance is chance, and local thresholds win where they should."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.rsa.identification import identify
from gyral.rsa.topology import geo_topological


def regions(seed: int, subjects: int = 10, count: int = 6, noise: float = 1.0, bend: float = 0.0) -> np.ndarray:
    """RDMs of regions: those of a region's latent points, noisy, with distances bent by each subject in a way of its own."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 24, 6))
    first, second = np.triu_indices(24, 1)
    clean = ((x[:, first] - x[:, second]) ** 2).sum(axis=2)
    clean /= clean.mean(axis=1, keepdims=True)
    power = np.exp(bend * rng.standard_normal((subjects, count, 1)))
    noisy = clean * np.exp(noise * rng.standard_normal((subjects, count, len(first))))
    return noisy**power


def test_planted_regions_are_named() -> None:
    found = identify(regions(0, noise=0.5))
    assert found.accuracy > 0.95
    assert found.chance == pytest.approx(1 / 6)
    np.testing.assert_allclose(found.confusion.sum(axis=1), 1)
    interval = found.interval()
    assert interval.kind == "subjects"
    assert interval.groups == 10


def test_equals_the_plain_definition() -> None:
    rdms = regions(1, subjects=4, count=3, noise=2.0)
    named = identify(rdms).named
    for s in range(4):
        others = rdms[[k for k in range(4) if k != s]].mean(axis=0)
        for r in range(3):
            assert named[s, r] == np.linalg.norm(rdms[s, r] - others, axis=1).argmin()


def test_unrelated_regions_are_at_chance() -> None:
    hits = [identify(np.random.default_rng(s).random((6, 5, 66))).accuracy for s in range(200)]
    assert np.mean(hits) == pytest.approx(0.2, abs=0.02)


def test_few_subjects_have_no_interval() -> None:
    assert np.isnan(identify(regions(2, subjects=4)).interval().low)


def test_ranks_win_where_each_subject_bends_distances() -> None:
    rdms = regions(3, bend=1.0)
    ranked = geo_topological(rdms.reshape(-1, rdms.shape[2]), 0, 1).reshape(rdms.shape)
    assert identify(ranked).accuracy > identify(rdms).accuracy + 0.1


def test_bad_rdms_are_refused() -> None:
    with pytest.raises(BadArrays, match="not subjects x regions x pairs"):
        identify(np.ones((3, 10)))
    with pytest.raises(BadArrays, match="NaN"):
        identify(np.full((3, 2, 10), np.nan))
