"""Temporal score: a planted order is found, none is made up, and permuted layers are no test."""

from dataclasses import replace

import numpy as np
import pytest

from cascade import cascade
from gyral.curves import Curve
from gyral.datasets import simulated_meg
from gyral.datasets.simulated import make
from gyral.datasets.simulated_images import draw
from gyral.datasets.simulated_vision import feature_map, form
from gyral.datasets.split import contiguous
from gyral.encoding import score_encoding
from gyral.errors import BadArrays
from gyral.features.features import Features
from gyral.fitting import fit_layers
from gyral.readouts.ridge import Ridge
from gyral.scores.blocks import block_sums, held_out_blocks
from gyral.scores.conditional import redraws
from gyral.scores.problem import problem_of
from gyral.scores.resampling import Scored, Statistic
from gyral.temporal.latency import centre_of_mass, plateau_time
from gyral.temporal.report import temporal_rows
from gyral.temporal.score import score_difference, temporal_score

TIMES = np.round(np.arange(-0.05, 0.4, 0.025), 3)


def scored(features, dataset):
    problem = problem_of(dataset, "none")
    found = score_encoding([fit_layers(features, problem, Ridge())], problem, readout="ridge")
    line = next(c.line for c in found.curves if c.layer == "chosen" and c.subject == "all")
    return temporal_score([c for c in found.curves if c.layer in features], dataset.time.window, line=line)


@pytest.fixture(scope="module")
def planted():
    dataset, features = cascade(layers=6, subjects=1, strength=1.5, seed=3)
    return dataset, features, scored(features, dataset)


def test_plateau_is_the_mean_of_times_near_the_maximum():
    assert plateau_time(np.array([0.0, 0.5, 1.0, 0.96, 0.9]), np.arange(5.0)) == 2.5
    assert np.isnan(plateau_time(np.array([-0.1, -0.2]), np.arange(2.0)))
    both = plateau_time(np.array([[0.1, 0.9, np.nan], [1.0, 0.2, 0.1]]), np.arange(3.0))
    np.testing.assert_allclose(both, [1.0, 0.0])


def test_centre_of_mass_weighs_by_the_square_of_what_is_above_the_line():
    values, line = np.array([0.05, 0.2, 0.1, 0.04]), np.full(4, 0.06)
    assert centre_of_mass(values, np.arange(4.0), line) == pytest.approx((1 * 0.04 + 2 * 0.01) / 0.05)
    assert np.isnan(centre_of_mass(values, np.arange(4.0), np.full(4, 0.5)))


def test_a_planted_order_is_found(planted):
    _, _, found = planted
    assert found.value > 0.95 and found.robust > 0.9
    assert found.low < found.value < found.high and found.low > 0.7
    np.testing.assert_allclose(found.latencies, 0.04 + 0.025 * np.arange(6), atol=0.02)


def test_the_reverse_order_scores_below_zero():
    dataset, features = cascade(layers=6, subjects=1, strength=1.5, reverse=True, seed=4)
    assert scored(features, dataset).value < -0.9


def test_layers_in_a_mixed_order_do_not_score_and_the_difference_says_so(planted):
    dataset, features, model = planted
    names = list(features)
    twin = scored({name: features[names[k]] for name, k in zip(names, (2, 5, 0, 4, 1, 3), strict=True)}, dataset)
    assert abs(twin.value) < 0.4 and abs(twin.robust) < 0.4
    difference, low, high = score_difference(model, twin)
    assert difference == pytest.approx(model.value - twin.value)
    assert 0.3 < low < difference < high


def test_four_layers_are_too_few_and_layers_that_predict_nothing_are_left_out(planted):
    dataset, features, _ = planted
    few = scored(dict(list(features.items())[:4]), dataset)
    assert np.isnan(few.value) and "at least 5" in few.why_missing
    noise = np.random.default_rng(1).normal(size=(200, 4)).astype(np.float32)
    found = scored({**features, "nothing": Features("nothing", noise)}, dataset)
    assert found.robust_layers == 6 and np.isnan(found.robust_latencies[-1])


def test_curves_of_other_draws_are_refused(planted):
    _, _, found = planted
    with pytest.raises(BadArrays, match="one region"):
        temporal_score([], (0.0, 0.1))
    other = temporal_score(unordered(np.random.default_rng(0), samples=90), (0.0, 0.35))
    with pytest.raises(BadArrays, match="same draws"):
        score_difference(found, other)


def unordered(rng, *, layers=12, samples=120, sensors=4, base=None):
    """Curves of layers that resemble their neighbours and know no time: all predict one signal that peaks at 150 ms."""
    signal = rng.normal(size=samples) if base is None else base[0]
    course = np.exp(-((TIMES - 0.15) ** 2) / (2 * 0.1**2)) * (TIMES > 0)
    if base is None:
        white = rng.normal(size=(samples, sensors, len(TIMES)))
        measured = (0.4 * signal[:, None, None] * course + white).reshape(samples, -1)
    else:
        measured = base[1]
    drift = np.cumsum(rng.normal(size=(layers, samples)) * 0.6, axis=0) + rng.normal(size=samples)
    rows, fold_of = held_out_blocks(contiguous(samples, 5))
    parts = [np.arange(t, measured.shape[1], len(TIMES)) for t in range(len(TIMES))]
    curves = []
    for k in range(layers):
        predicted = np.tile((signal + drift[k])[:, None], (1, measured.shape[1]))
        found = redraws(
            Scored(block_sums(measured, predicted, rows, fold_of), Statistic(), parts), draws=120, seed=0
        )
        nothing = np.full(len(TIMES), np.nan)
        curves.append(Curve("r", "all", f"l{k}", tuple(TIMES), found.values, *[nothing] * 5, found))
    return curves


def test_permuting_related_layers_finds_order_where_there_is_none_and_redrawn_stimuli_do_not():
    rng = np.random.default_rng(5)
    permuted, redrawn, runs = 0, 0, 40
    for _ in range(runs):
        found = temporal_score(unordered(rng), (0.0, 0.35))
        again = [found.latencies[rng.permutation(12)] for _ in range(200)]
        null = np.array([np.corrcoef(np.arange(12), a)[0, 1] for a in again])
        permuted += (1 + (np.abs(null) >= abs(found.value)).sum()) / 201 <= 0.05
        redrawn += not found.low <= 0 <= found.high
    assert permuted / runs > 0.2, "neighbouring layers err together"
    assert redrawn / runs <= 0.15


@pytest.mark.slow
def test_the_planted_levels_of_sim_meg_come_out_in_order(tmp_path):
    dataset = make("sim-meg", tmp_path)
    images = np.stack([draw(i, 0).pixels for i in range(320)])
    levels = simulated_meg.levels(feature_map(images), form(images))
    whole = problem_of(dataset, "none")
    behind = [n for n, s in enumerate(whole.series) if s.region == "occipital"]
    problem = replace(
        whole, regions=tuple(whole.regions[n] for n in behind), series=tuple(whole.series[n] for n in behind)
    )
    features = {level.name: Features(level.name, level.features.astype(np.float32)) for level in levels}

    def score(order):
        layers = {name: features[name] for name in order}
        found = score_encoding([fit_layers(layers, problem, Ridge())], problem, readout="ridge")
        return temporal_rows(found.curves, dataset.time.window)[0]

    planted = score(list(features))
    assert planted.value > 0.95 and planted.robust > 0.9 and planted.low > 0.7
    mixed = score(["texture", "object", "contrast", "conjunction", "orientation", "colour"])
    assert mixed.low < 0.3 and abs(mixed.value) < 0.6


def test_a_row_a_region_says_the_difference_from_the_twin_or_why_there_is_no_score():
    rng = np.random.default_rng(8)
    own, other = unordered(rng), unordered(rng)
    (row,) = temporal_rows(own, (0.0, 0.35), twin=other)
    twin = temporal_score(other, (0.0, 0.35))
    assert row.twin == pytest.approx(twin.value)
    assert row.difference == pytest.approx(row.value - row.twin)
    assert row.difference_low < row.difference < row.difference_high
    (alone,) = temporal_rows(own, (0.0, 0.35))
    assert (alone.twin, alone.difference) == (None, None) and alone.value == row.value
    (few,) = temporal_rows(own[:3], (0.0, 0.35))
    assert few.value is None and few.n_layers == 3 and "at least 5" in few.missing


def test_layers_that_are_all_best_at_one_time_have_no_score():
    (curve,) = unordered(np.random.default_rng(9), layers=1)
    found = temporal_score([curve] * 6, (0.0, 0.35))
    assert np.isnan([found.value, found.low, found.high, found.robust]).all()
    assert found.why_missing == "all layers are best at one time"
