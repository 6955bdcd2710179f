"""Spatial score: found where planted; smooth maps that know nothing of each other do not pass for more."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.temporal.spatial import spatial_score
from gyral.temporal.surrogate import spun, variogram_surrogates


def sphere(count, rng):
    points = rng.normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def smooth(points, rng, reach=0.8):
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    map_ = np.linalg.cholesky(np.exp(-(apart**2) / (2 * reach**2)) + 1e-6 * np.eye(len(points))) @ rng.normal(
        size=len(points)
    )
    return (map_ - map_.mean()) / map_.std(), apart


def layers_for(best, layers=8):
    """Values whose best layer is proportional to ``best``."""
    depth = (best - best.min()) / np.ptp(best) * (layers - 1)
    return 0.5 - 0.02 * np.abs(np.arange(layers)[:, None] - depth)


def test_a_planted_hierarchy_is_found_and_its_reverse_is_not():
    rng = np.random.default_rng(0)
    distance, apart = smooth(sphere(40, rng), rng, reach=0.4)
    surrogates = variogram_surrogates(distance, apart, draws=300)
    found = spatial_score(layers_for(distance), distance, surrogates)
    assert found.value > 0.9 and found.p < 0.01 and found.regions == 40
    assert spatial_score(layers_for(-distance), distance, surrogates).value < -0.9


def test_few_regions_or_layers_and_one_best_layer_are_not_applicable():
    distance = np.arange(9.0)
    said = spatial_score(layers_for(distance), distance, np.zeros((5, 9)))
    assert np.isnan(said.value) and "at least 10" in said.why_missing
    many = np.arange(12.0)
    assert "layers" in spatial_score(layers_for(many, 4), many, np.zeros((5, 12))).why_missing
    assert "everywhere" in spatial_score(np.full((6, 12), 0.1), many, np.zeros((5, 12))).why_missing
    with pytest.raises(BadArrays, match="do not fit"):
        spatial_score(layers_for(many), distance, np.zeros((5, 12)))


def test_rotations_keep_neighbours_and_hemispheres():
    points = sphere(300, np.random.default_rng(1))
    side = np.repeat(["left", "right"], 150)
    turned = spun(points, side, draws=20)
    assert (turned[:, :150] < 150).all() and (turned[:, 150:] >= 150).all()
    apart = np.linalg.norm(points[:150, None] - points[:150], axis=2)
    near = apart < 0.2
    for draw in turned[:5, :150]:
        moved = apart[draw][:, draw]
        assert np.median(moved[near]) < 0.35 and np.median(moved[~near]) > 1.0
    with pytest.raises(BadArrays, match="one or two hemispheres"):
        spun(points, np.repeat(["a", "b", "c"], 100))


def test_surrogates_have_the_values_and_the_smoothness_of_the_map():
    rng = np.random.default_rng(2)
    map_, apart = smooth(sphere(120, rng), rng)
    drawn = variogram_surrogates(map_, apart, draws=50)
    np.testing.assert_allclose(np.sort(drawn, axis=1), np.tile(np.sort(map_), (50, 1)))
    near = (apart > 0) & (apart < 0.3)

    def rough(m):
        return np.mean((m[:, None] - m)[near] ** 2)

    assert np.mean([rough(m) for m in drawn]) == pytest.approx(rough(map_), abs=0.35)
    assert rough(rng.permutation(map_)) > 1.5
    assert abs(np.mean([np.corrcoef(m, map_)[0, 1] for m in drawn])) < 0.15


def test_smooth_unrelated_maps_pass_a_plain_test_too_often_and_surrogates_hold():
    rng = np.random.default_rng(3)
    points, runs = sphere(60, rng), 60
    plain = honest = 0
    for _ in range(runs):
        distance, apart = smooth(points, rng, reach=0.6)
        other, _ = smooth(points, rng, reach=0.6)
        found = spatial_score(layers_for(other, 20), distance, variogram_surrogates(distance, apart, draws=60))
        shuffled = np.array([rng.permutation(distance) for _ in range(200)])
        plain += spatial_score(layers_for(other, 20), distance, shuffled).p <= 0.05
        honest += found.p <= 0.05
    assert plain / runs > 0.15
    assert honest / runs <= 0.13
