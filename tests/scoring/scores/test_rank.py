"""Ranks, ties shown as ties, and Borda points that refuse holes."""

from itertools import combinations

import numpy as np
import pytest

from gyral.scores.difference import Comparison
from gyral.scores.rank import Borda, Coverage, borda, letters, rank_intervals, tie_groups


def comparison(values: list[float], apart: set[tuple[int, int]]) -> Comparison:
    """Models with the given pairs told apart, by value."""
    count = len(values)
    better = np.zeros((count, count), bool)
    for i, j in apart:
        better[(i, j) if values[i] > values[j] else (j, i)] = True
    blank = np.zeros((count, count))
    return Comparison(np.array(values), blank, blank, blank, blank, better, 2.0, 0.95)


def test_rank_intervals_count_who_is_better_and_worse() -> None:
    board = comparison([0.9, 0.5, np.nan, 0.4, 0.1], {(0, 3), (0, 4), (1, 4)})
    assert rank_intervals(board) == [(1, 2), (1, 3), None, (2, 4), (3, 4)]


def test_letters_of_a_chain() -> None:
    # Neighbours are ties, others differ: a, ab, bc, c.
    board = comparison([4.0, 3.0, 2.0, 1.0], {(0, 2), (0, 3), (1, 3)})
    assert tie_groups(board) == [(0, 1), (1, 2), (2, 3)]
    assert letters(board) == ["a", "ab", "bc", "c"]


def test_all_equal_share_one_letter_and_missing_models_have_none() -> None:
    assert letters(comparison([0.1, np.nan, 0.3], set())) == ["a", None, "a"]
    assert letters(comparison([np.nan], set())) == [None]


@pytest.mark.parametrize("seed", range(8))
def test_letters_say_exactly_which_pairs_are_told_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(9).tolist()
    apart = {pair for pair in combinations(range(9), 2) if rng.random() < 0.4}
    board = comparison(values, apart)
    shown = letters(board)
    for pair in combinations(range(9), 2):
        shared = set(shown[pair[0]] or "") & set(shown[pair[1]] or "")
        assert bool(shared) == (pair not in apart)
    groups = [set(g) for g in tie_groups(board)]
    assert not any(a < b for a in groups for b in groups)


def test_many_groups_have_letters_of_their_own() -> None:
    count = 30
    board = comparison([float(-k) for k in range(count)], set(combinations(range(count), 2)))
    shown = letters(board)
    assert shown[0] == "a"
    assert shown[25:28] == ["z", "aa", "ab"]


def test_borda_counts_who_is_left_behind() -> None:
    found = borda([[0.9, 0.2], [0.5, 0.2], [0.1, 0.1]])
    assert isinstance(found, Borda)
    np.testing.assert_allclose(found.points, [(1 + 0.75) / 2, (0.5 + 0.75) / 2, 0])


def test_borda_with_holes_tells_the_coverage_instead() -> None:
    found = borda([[0.9, np.nan], [0.5, 0.2]])
    assert found == Coverage(share=(0.5, 1.0), missing=((0, 1),))
