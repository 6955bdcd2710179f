"""Geo-topological transform: its limits, what it does not change, and where rsatoolbox goes wrong."""

import numpy as np
import pytest
from scipy.stats import rankdata

from gyral.errors import BadArrays
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.topology import PANELS, RANKED, GeoTopological, geo_topological, regime, regime_map

SAMPLES = 20


@pytest.fixture
def rdms() -> np.ndarray:
    return np.random.default_rng(0).random((3, SAMPLES * (SAMPLES - 1) // 2))


def minmax_ranks(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values, axis=-1)
    return (ranks - 1) / (values.shape[-1] - 1)


def test_without_thresholds_ranks_are_kept(rdms) -> None:
    np.testing.assert_allclose(geo_topological(rdms, 0, 1), minmax_ranks(rdms), atol=1e-12)
    np.testing.assert_allclose(RANKED.similarity(rdms, rdms), SPEARMAN.similarity(rdms, rdms), atol=1e-12)


@pytest.mark.parametrize("panel", list(PANELS))
def test_transform_is_that_of_the_definition_and_in_0_to_1(rdms, panel) -> None:
    low, high = PANELS[panel].low, PANELS[panel].high
    x = minmax_ranks(rdms)
    a, b = np.quantile(x, [low, high], axis=1)[:, :, None]
    found = geo_topological(rdms, low, high)
    np.testing.assert_allclose(found, np.clip((x - a) / (b - a), 0, 1), atol=1e-12)
    assert found.min() == 0
    assert found.max() == 1


@pytest.mark.parametrize("panel", list(PANELS))
def test_monotone_distortion_changes_nothing(rdms, panel) -> None:
    for bent in (np.exp(5 * rdms), rdms**3, -1 / (rdms + 1e-3)):
        np.testing.assert_array_equal(geo_topological(bent, PANELS[panel].low, PANELS[panel].high),
                                      geo_topological(rdms, PANELS[panel].low, PANELS[panel].high))  # fmt: skip


def test_equal_thresholds_leave_near_and_far(rdms) -> None:
    found = geo_topological(rdms, 0.5, 0.5)
    assert set(np.unique(found)) == {0.0, 1.0}
    np.testing.assert_array_equal(found == 1, rdms > np.median(rdms, axis=1, keepdims=True))


def test_rsatoolbox_is_wrong_below_one_and_changes_its_input() -> None:
    """On ranks, which both would have to leave alike; it cuts a second time what it has rescaled already."""
    from rsatoolbox.rdm import RDMs
    from rsatoolbox.rdm.transform import geotopological_transform

    ranks = minmax_ranks(np.random.default_rng(1).random((1, SAMPLES * (SAMPLES - 1) // 2)))
    given = RDMs(ranks.copy())
    theirs = geotopological_transform(given, 0.2, 0.8).get_vectors()
    assert (given.get_vectors() != ranks).any(), "its input is changed"
    wrong = np.abs(theirs - geo_topological(ranks, 0.2, 0.8)) > 1e-6
    assert wrong.sum() > 20, "values above the upper quantile after rescaling are set to 1"
    large = RDMs(1e6 * ranks.copy())
    right = geotopological_transform(large, 0.2, 0.8).get_vectors()
    np.testing.assert_allclose(right, geo_topological(ranks, 0.2, 0.8), atol=1e-9)


def test_our_transform_leaves_its_input(rdms) -> None:
    before = rdms.copy()
    geo_topological(rdms, 0.2, 0.8)
    np.testing.assert_array_equal(rdms, before)


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.2), (-0.1, 0.5), (0.0, 0.0), (1.0, 1.0), (0.2, 1.1)])
def test_quantiles_that_leave_nothing_are_refused(rdms, low, high) -> None:
    with pytest.raises(BadArrays, match="leave nothing"):
        geo_topological(rdms, low, high)


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (0, 0.3, "local"),
        (0.7, 1, "global"),
        (0, 1, "geometry"),
        (0.4, 0.6, "topology"),
        (0.2, 0.8, "intermediate"),
    ],
)
def test_regimes_are_named(low, high, name) -> None:
    assert regime(low, high) == name


def test_regime_map_equals_each_panel(rdms) -> None:
    grid, found = regime_map(rdms[:2], rdms[1:], step=0.1)
    assert grid.shape == (11,)
    assert found.shape == (11, 11, 2)
    assert np.isnan(found[3, 2]).all()
    assert np.isnan(found[0, 0]).all()
    for i, j in ((0, 10), (2, 8), (4, 6), (5, 5)):
        panel = GeoTopological(float(grid[i]), float(grid[j]))
        np.testing.assert_allclose(found[i, j], panel.similarity(rdms[:2], rdms[1:]).mean(axis=0), atol=1e-12)
