"""The conditional interval against copies of rows, and its coverage in simulation."""

import numpy as np

from gyral.datasets.split import contiguous, grouped
from gyral.metrics.correlation import pearson_r
from gyral.scores.interval import around, resampling_weights, weighted_r


def test_weighted_r_equals_r_of_copied_rows() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.standard_normal((2, 25, 4))
    weights = rng.integers(0, 4, (6, 25)).astype(np.float32)
    for k, w in enumerate(weights):
        rows = np.repeat(np.arange(25), w.astype(int))
        np.testing.assert_allclose(weighted_r(y, p, weights)[k], pearson_r(y[rows], p[rows]), atol=1e-6)


def test_weighted_r_masks_missing_samples() -> None:
    rng = np.random.default_rng(1)
    y, p = rng.standard_normal((2, 25, 3))
    y[4, 1] = np.nan
    found = weighted_r(y, p, np.ones((1, 25), np.float32))[0]
    np.testing.assert_allclose(found, pearson_r(y, p), atol=1e-6)


def test_weights_draw_groups_whole() -> None:
    groups = np.repeat(np.arange(12), 3)
    split = grouped(groups, 3)
    for fold, weights in zip(split.folds, resampling_weights(split, draws=20), strict=True):
        assert (weights.sum(1) == len(fold.test)).all()
        codes = groups[fold.test]
        for g in np.unique(codes):
            same = weights[:, codes == g]
            assert (same == same[:, :1]).all()


def test_weights_are_seeded() -> None:
    split = contiguous(50, 5)
    a, b, c = (resampling_weights(split, draws=5, seed=s)[0] for s in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_interval_covers_what_it_names() -> None:
    # 400 independent stimuli, true correlation .5, fixed predictions: 95 % intervals, 300 replications.
    rng = np.random.default_rng(2)
    split = contiguous(400, 5)
    hits = 0
    for seed in range(300):
        p = rng.standard_normal((400, 1))
        y = 0.5 * p + np.sqrt(0.75) * rng.standard_normal((400, 1))
        weights = resampling_weights(split, draws=300, seed=seed)
        folds = [weighted_r(y[f.test], p[f.test], w) for f, w in zip(split.folds, weights, strict=True)]
        value = np.mean([pearson_r(y[f.test], p[f.test])[0] for f in split.folds])
        low, high = around(value, np.mean(folds, axis=0)[:, 0])
        hits += low <= 0.5 <= high
    assert 0.90 <= hits / 300 <= 0.98


def test_interval_lies_around_the_value_even_where_redrawing_is_biased() -> None:
    # Most units null, a few strong: the median of redrawn correlations lies above the measured median.
    rng = np.random.default_rng(3)
    split = contiguous(100, 5)
    p = rng.standard_normal((100, 60))
    y = np.where(np.arange(60) < 25, 0.9, 0.0) * p + rng.standard_normal((100, 60))
    drawn = np.mean(
        [weighted_r(y[f.test], p[f.test], w) for f, w in zip(split.folds, resampling_weights(split), strict=True)],
        0,
    )
    value = np.median(np.mean([pearson_r(y[f.test], p[f.test]) for f in split.folds], 0))
    low, high = around(value, np.median(drawn, axis=1))
    assert low < value < high


def test_interval_of_nothing_is_missing() -> None:
    assert np.isnan(around(float("nan"), np.ones(5))).all()
    assert np.isnan(around(0.5, np.full(5, np.nan))).all()
