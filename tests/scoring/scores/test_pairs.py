"""Folds that train on one another's rows: how much wider their score scatters than redraws show."""

import numpy as np
import pytest

from gyral.arrays import evaluate_arrays
from gyral.datasets.region import Region
from gyral.datasets.split import Fold, Split, contiguous
from gyral.features.features import Features
from gyral.readouts.readout import Weighing
from gyral.readouts.ridge import Ridge
from gyral.scores.pairs import twice, twice_beyond, widened_by
from gyral.scores.problem import Problem
from gyral.scores.region import region_blocks, score_blocks, score_region


def posed(y: np.ndarray, split: Split, *, exchangeable: bool = True) -> Problem:
    units = np.arange(y.shape[1])
    return Problem(y, split, (Region("all", units),), np.full(len(units), "s"), None, exchangeable=exchangeable)


@pytest.mark.parametrize("features", [12, 120])
def test_ridge_says_what_noise_becomes_of_it(features: int) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((100, features)), rng.standard_normal((100, 3))
    y[3, 1] = np.nan
    split = contiguous(100, 5)
    fold, source = split.folds[1], Features("x", x)
    ridge = Ridge(penalties=(30.0,))
    fitted = ridge.fit(source, y, fold.train, split.inner(fold))
    assert isinstance(fitted, Weighing)
    # Weights one by one: what a single training response of 1 adds to each prediction.
    change = []
    for row in fold.train:
        moved = y.copy()
        moved[row] += 1
        change.append(
            ridge.fit(source, moved, fold.train, split.inner(fold)).predict(source, fold.test)
            - fitted.predict(source, fold.test)
        )
    there = np.isfinite(y[fold.train])[:, None]
    # The mean of the responses is no map.
    change = np.where(there, np.array(change, np.float64) - 1 / there.sum(axis=0), 0.0)
    assert fitted.noise_gain(source, fold.test) == pytest.approx((change**2).sum(axis=0).mean(axis=0), rel=1e-3)


def test_maps_of_noise_owe_all_to_their_rows_and_sure_ones_nothing() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 10)).astype(np.float32)
    noise = rng.standard_normal((300, 40))
    sure = x @ rng.standard_normal((10, 40)) + 0.1 * rng.standard_normal((300, 40))
    shares = evaluate_arrays(x, np.hstack([noise, sure]), exchangeable=True).units
    assert "noise_gain" in shares
    split, source = contiguous(300, 5), Features("x", x)
    for y, low, high in ((noise, 0.85, 1.0), (sure, 0.0, 0.1)):
        p, gains = np.zeros_like(y), []
        for fold in split.folds:
            fitted = Ridge().fit(source, y, fold.train, split.inner(fold))
            p[fold.test] = fitted.predict(source, fold.test)
            gains.append(fitted.noise_gain(source, fold.test))
        problem = posed(y, split)
        found = twice(problem, problem.regions[0], [p], [np.array(gains)], np.full(40, 0.1))
        assert low <= found.mean() <= high


def test_an_interval_is_widened_by_the_mean_share_and_no_more_than_by_the_root_of_two() -> None:
    rng = np.random.default_rng(2)
    y = rng.standard_normal((200, 6))
    problem = posed(y, contiguous(200, 5))
    region, p = problem.regions[0], rng.standard_normal((200, 6))
    blocks = region_blocks(problem, region, [p], *score_blocks(problem))
    plain = score_region(problem, region, blocks).intervals[0]
    shares = np.array([0.0, 0.2, 1.0, 1.0, 0.4, np.nan])
    wide = score_region(problem, region, blocks, twice=shares).intervals[0]
    assert wide.value == plain.value
    assert wide.se / plain.se == pytest.approx(np.sqrt(1.52))
    assert widened_by(shares, [np.array([5]), np.array([2, 3])]).tolist() == pytest.approx([1.0, np.sqrt(2)])


def test_a_readout_that_does_not_say_is_taken_for_unsure_where_it_explains_nothing() -> None:
    y = np.random.default_rng(3).standard_normal((50, 3))
    problem = posed(y, contiguous(50, 5))
    found = twice(problem, problem.regions[0], [y], [None], np.array([0.6, -0.3, np.nan]))
    assert found == pytest.approx([0.64, 1.0, np.nan], nan_ok=True)


def test_one_fold_trains_on_no_other() -> None:
    y = np.random.default_rng(4).standard_normal((50, 2))
    problem = posed(y, Split("once", (Fold(np.arange(25), np.arange(25, 50)),)))
    assert not twice(problem, problem.regions[0], [y], [None], np.zeros(2)).any()


def test_noise_that_goes_on_beside_features_that_do_counts_for_as_long() -> None:
    from scipy.signal import lfilter  # slow import

    rng = np.random.default_rng(5)
    p, y = (lfilter([0.6], [1, -0.8], rng.standard_normal((2000, 4)), axis=0) for _ in range(2))
    gains = np.full((5, 4), 0.1)
    ordered = posed(y, contiguous(2000, 5), exchangeable=False)
    alone = posed(y, contiguous(2000, 5))
    long, short = (twice(q, q.regions[0], [p], [gains], np.zeros(4)).mean() for q in (ordered, alone))
    # 1 + 2 sum of .8^2k is 4.6.
    assert long / short == pytest.approx(4.6, rel=0.15)


def test_what_is_explained_beyond_nothing_is_widened_as_the_score_itself() -> None:
    rng = np.random.default_rng(6)
    y, p, gains = rng.standard_normal((200, 5)), rng.standard_normal((200, 5)), rng.uniform(0.1, 0.9, (5, 5))
    problem = posed(y, contiguous(200, 5))
    region = problem.regions[0]
    found = twice_beyond(problem, region, None, p, gains)
    assert found == pytest.approx(twice(problem, region, [p], [gains], np.zeros(5)), abs=0.1)
    # A first prediction that is taken from both leaves a difference and a rest.
    first = rng.standard_normal((200, 5))
    moved = posed(y + first, contiguous(200, 5))
    assert twice_beyond(moved, region, first, p + first, gains) == pytest.approx(found)


def test_predictions_that_never_differ_share_nothing_and_do_not_count() -> None:
    rng = np.random.default_rng(7)
    y, p = rng.standard_normal((100, 3)), rng.standard_normal((100, 3))
    more = p + rng.standard_normal((100, 3)) * [1, 0, 0.5]
    more[:, 2] = np.where(np.arange(100) < 20, p[:, 2], more[:, 2])
    problem = posed(y, contiguous(100, 5))
    found = twice_beyond(problem, problem.regions[0], p, more, np.full((5, 3), 0.3))
    assert np.isnan(found[1])
    assert np.isfinite(found[[0, 2]]).all()
    assert widened_by(found, [np.array([1]), np.array([0, 1])])[0] == 1.0
    # Where nobody knows the weights, all that is not explained counts.
    unknown = twice_beyond(problem, problem.regions[0], p, more, None)
    assert unknown[0] > 0.9
    assert twice_beyond(problem, problem.regions[0], np.zeros_like(y), y.copy(), None) == pytest.approx(
        0, abs=0.05
    )
