"""Moments give the correlations that the predictions themselves give."""

import numpy as np

from gyral.datasets.split import contiguous, grouped
from gyral.metrics.correlation import pearson_r
from gyral.scores.moments import blocks_of, moments, r_of


def test_blocks_partition_the_held_out_rows() -> None:
    split = contiguous(103, 5)
    assert sorted(np.concatenate(blocks_of(split, 4)).tolist()) == list(range(103))


def test_blocks_keep_groups_whole() -> None:
    groups = np.repeat(np.arange(20), 5)
    for block in blocks_of(grouped(groups, 4), 3):
        inside, outside = set(groups[block]), set(np.delete(groups, block))
        assert not inside & outside


def test_r_follows_from_added_sums() -> None:
    rng = np.random.default_rng(0)
    y, p = rng.standard_normal((60, 4)), rng.standard_normal((2, 60, 4))
    y[7, 1] = np.nan
    sums = moments(y, p, contiguous(60, 5)).sum(axis=1)
    for draw in range(2):
        np.testing.assert_allclose(r_of(sums[draw]), pearson_r(y, p[draw]), atol=1e-10)
