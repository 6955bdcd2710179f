"""Blocks of held-out rows: what they sum, how they merge, and how long they must be."""

import numpy as np
import pytest
from scipy.signal import lfilter

from gyral.datasets.split import contiguous, grouped, leave_one_group_out
from gyral.errors import BadArrays
from gyral.metrics.correlation import pearson_r
from gyral.scores.blocks import (
    ORDERED_BLOCKS,
    Blocks,
    block_sums,
    blocks_for,
    correlated_rows,
    held_out_blocks,
)
from gyral.scores.resampling import unit_scores

ONE = np.ones


def data(rows: int = 120, units: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.standard_normal((rows, units))
    return 0.5 * p + rng.standard_normal((rows, units)), p


def series(phi: float, rows: int, units: int, seed: int = 0) -> np.ndarray:
    white = np.random.default_rng(seed).standard_normal((rows + 100, units))
    return lfilter([np.sqrt(1 - phi**2)], [1, -phi], white, axis=0)[100:]


def expected(y: np.ndarray, p: np.ndarray, folds) -> np.ndarray:
    r = [pearson_r(y[f.test], p[f.test]) for f in folds]
    return np.average(r, axis=0, weights=[len(f.test) for f in folds])


@pytest.mark.parametrize("split", [contiguous(121, 5), grouped(np.repeat(np.arange(11), 11), 4)])
def test_blocks_partition_the_held_out_rows_inside_folds(split) -> None:
    rows, fold_of = held_out_blocks(split, 20)
    assert sorted(np.concatenate(rows).tolist()) == list(range(121))
    for part, fold in zip(rows, fold_of, strict=True):
        assert np.isin(part, split.folds[fold].test).all()
        if split.groups is not None:
            assert not set(split.groups[part]) & set(np.delete(split.groups, part))


def test_sums_give_the_score_that_predictions_give() -> None:
    y, p = data()
    y[5, 1] = np.nan
    split = contiguous(120, 5)
    blocks = block_sums(y, p, *held_out_blocks(split, 40))
    np.testing.assert_allclose(unit_scores(blocks, ONE((1, 40)))[0], expected(y, p, split.folds), atol=1e-10)


def test_streaming_over_units_changes_nothing() -> None:
    y, p = data(units=50)
    split = contiguous(120, 5)
    whole = block_sums(y, p, *held_out_blocks(split, 40))
    streamed = block_sums(y, p, *held_out_blocks(split, 40), memory=8 * 8 * 24 * 3)
    np.testing.assert_array_equal(whole.sums, streamed.sums)


def test_merging_adds_neighbours_inside_folds() -> None:
    y, p = data()
    split = contiguous(120, 5)
    fine = block_sums(y, p, *held_out_blocks(split, 40))
    coarse = block_sums(y, p, *held_out_blocks(split, 10))
    merged = fine.merged(10)
    assert merged.fold_of.tolist() == coarse.fold_of.tolist()
    np.testing.assert_allclose(merged.sums, coarse.sums, atol=1e-10)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8])
def test_correlated_rows_are_the_autocorrelation_time(phi: float) -> None:
    y = series(phi, 3000, 20)
    assert correlated_rows(y, contiguous(3000, 5)) == pytest.approx((1 + phi) / (1 - phi), rel=0.1)


def test_series_come_in_few_long_blocks_and_fewer_the_longer_they_stay_correlated() -> None:
    split = contiguous(1000, 5)
    counts = [len(blocks_for(series(phi, 1000, 10), split)[0]) for phi in (0.0, 0.8, 0.95)]
    assert counts[0] == ORDERED_BLOCKS
    assert counts[0] > counts[1] > counts[2] >= 8
    assert len(blocks_for(series(0.0, 1000, 10), split, exchangeable=True)[0]) == 100


def test_blocks_do_not_depend_on_the_model() -> None:
    # Differences between models are paired only where blocks are the same.
    assert "predicted" not in blocks_for.__annotations__


def test_a_fold_of_one_group_is_one_block() -> None:
    rows, fold_of = blocks_for(data(40)[0], leave_one_group_out(np.repeat(np.arange(8), 5)))
    assert fold_of.tolist() == list(range(8))
    assert [len(r) for r in rows] == [5] * 8


def test_bad_arrays_are_refused() -> None:
    y, p = data()
    split = contiguous(120, 5)
    with pytest.raises(BadArrays, match="predictions are"):
        block_sums(y, p[:, :2], *held_out_blocks(split))
    p[3, 2] = np.nan
    with pytest.raises(BadArrays, match="missing where there is a measurement"):
        block_sums(y, p, *held_out_blocks(split))
    with pytest.raises(BadArrays, match="fold after fold"):
        Blocks(np.zeros((1, 2, 6, 1)), np.array([1, 0]), np.array([3, 3]))
    with pytest.raises(BadArrays, match="sums must be"):
        Blocks(np.zeros((1, 3, 6, 1)), np.array([0, 1]), np.array([3, 3]))
