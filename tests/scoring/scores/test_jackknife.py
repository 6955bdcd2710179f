"""The jackknife against textbook cases, and which groups a refit deletes."""

import numpy as np
import pytest
from scipy import stats

from gyral.datasets.split import contiguous, grouped, leave_one_group_out
from gyral.errors import BadArrays
from gyral.scores.jackknife import delete_groups, jackknife_interval, jackknife_variance, trained_without


def test_of_a_mean_it_is_the_t_interval() -> None:
    x = np.random.default_rng(0).standard_normal(9)
    left = np.array([np.delete(x, k).mean() for k in range(9)])
    found = jackknife_interval(x.mean(), left)
    expected = stats.t.interval(0.95, 8, loc=x.mean(), scale=stats.sem(x))
    np.testing.assert_allclose([found.low, found.high], expected)
    assert (found.kind, found.method, found.groups, found.df) == ("procedure", "jackknife", 9, 8)


def test_variance_is_taken_over_groups_for_each_part() -> None:
    left = np.random.default_rng(1).standard_normal((7, 3))
    np.testing.assert_allclose(jackknife_variance(left), 6 / 7 * 7 * left.var(axis=0))
    assert np.isnan(jackknife_variance(left[:1])).all()


def test_a_missing_refit_makes_the_interval_missing() -> None:
    found = jackknife_interval(0.3, np.array([0.3, np.nan, 0.2]))
    assert np.isnan([found.low, found.high]).all()
    assert found.value == 0.3


@pytest.mark.parametrize(
    "split", [contiguous(203, 5), grouped(np.repeat(np.arange(40), 5), 5), leave_one_group_out(np.arange(40) // 5)]
)
def test_delete_groups_partition_held_out_rows_and_keep_groups_whole(split) -> None:
    parts, fold_of = delete_groups(split)
    assert all(np.isin(rows, split.folds[k].test).all() for rows, k in zip(parts, fold_of, strict=True))
    assert 3 <= len(parts) <= 20
    assert sorted(np.concatenate(parts).tolist()) == sorted(split.held_out.tolist())
    for rows in parts:
        if split.groups is not None:
            assert not set(split.groups[rows]) & set(np.delete(split.groups, rows))
        rest = trained_without(split, rows)
        assert rest.held_out.tolist() == split.held_out.tolist()
        assert all(not set(rows.tolist()) & set(f.train.tolist()) for f in rest.folds)
        assert sum(len(f.train) for f in rest.folds) == sum(len(np.setdiff1d(f.train, rows)) for f in split.folds)


def test_something_must_be_left_to_train_on() -> None:
    split = leave_one_group_out(np.repeat(np.arange(2), 6))
    with pytest.raises(BadArrays, match="nothing is left"):
        trained_without(split, split.folds[0].test)


def test_two_groups_give_no_standard_error() -> None:
    with pytest.raises(BadArrays, match="at least 3"):
        delete_groups(leave_one_group_out(np.repeat([0, 1], 5)))
