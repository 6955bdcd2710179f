"""Splits keep groups whole, hold each row out once, and refuse to shuffle ordered rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyral.datasets.split import Fold, Split, contiguous, grouped, leave_one_group_out, shuffled
from gyral.errors import BadDataset


@given(st.integers(5, 200), st.integers(2, 5))
def test_contiguous_holds_each_row_out_once_in_order(samples: int, folds: int) -> None:
    split = contiguous(samples, folds)
    np.testing.assert_array_equal(split.held_out, np.arange(samples))
    sizes = [len(f.test) for f in split.folds]
    assert max(sizes) - min(sizes) <= 1


@given(st.lists(st.integers(1, 9), min_size=6, max_size=40), st.integers(2, 6))
def test_grouped_never_splits_a_group(sizes: list[int], folds: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    split = grouped(groups, folds)
    assert len(split.folds) == folds
    assert sorted(split.held_out.tolist()) == list(range(len(groups)))
    for fold in split.folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        for inner in split.inner(fold):
            within = groups[fold.train]
            if len(set(within)) < 2:
                continue  # one group left to choose by: its rows are cut in order
            assert not set(within[inner.train]) & set(within[inner.test])


def test_leave_one_group_out_takes_groups_in_order_of_appearance() -> None:
    split = leave_one_group_out(["b", "b", "a", "c", "a"])
    assert [f.test.tolist() for f in split.folds] == [[0, 1], [2, 4], [3]]


def test_shuffled_split_of_ordered_rows_needs_an_audit() -> None:
    with pytest.raises(BadDataset, match="leak") as caught:
        shuffled(50)
    assert caught.value.code == "shuffled-split"
    split = shuffled(50, audit=True)
    assert split.audit
    assert sorted(split.held_out.tolist()) == list(range(50))


def test_split_refuses_overlap_and_shared_groups() -> None:
    a, b = np.arange(5), np.arange(5, 10)
    with pytest.raises(BadDataset, match="held out more than once"):
        Split("x", (Fold(a, b), Fold(a, b)))
    with pytest.raises(BadDataset, match="in training and held out"):
        Split("x", (Fold(np.arange(6), b),))
    with pytest.raises(BadDataset, match="group 1 stands on both sides"):
        Split("x", (Fold(a, b),), groups=np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2]))


def test_too_few_samples_or_groups_are_named() -> None:
    with pytest.raises(BadDataset, match="3 samples cannot be held out in 5 folds"):
        contiguous(3, 5)
    with pytest.raises(BadDataset, match="2 groups cannot"):
        grouped([0, 0, 1, 1], 5)
    with pytest.raises(BadDataset, match="at least 2"):
        contiguous(10, 1)


def test_content_hash_follows_the_rows() -> None:
    assert contiguous(20, 5).content_hash == contiguous(20, 5).content_hash
    assert contiguous(20, 5).content_hash != contiguous(20, 4).content_hash


@given(st.integers(60, 200), st.integers(2, 5), st.integers(1, 8))
def test_gap_keeps_training_away_from_held_out_rows(samples: int, folds: int, gap: int) -> None:
    for fold, whole in zip(
        contiguous(samples, folds, gap=gap).folds, contiguous(samples, folds).folds, strict=True
    ):
        np.testing.assert_array_equal(fold.test, whole.test)
        assert min(abs(int(t) - int(r)) for t in (fold.test[0], fold.test[-1]) for r in fold.train) == gap + 1
        assert set(fold.train) <= set(whole.train)


def test_gap_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(BadDataset, match="leaves fewer than two"):
        contiguous(20, 2, gap=10)
    with pytest.raises(BadDataset, match="0 or more"):
        contiguous(20, 2, gap=-1)
