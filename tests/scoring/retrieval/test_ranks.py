"""Where the right candidate stands."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.retrieval.ranks import Ranks, over_subjects, ranked, similarity

RNG = np.random.default_rng(0)


def test_only_candidates_are_normalised_which_ranks_as_the_cosine_does() -> None:
    made, candidates = (
        RNG.standard_normal((30, 4, 3)),
        RNG.standard_normal((20, 4, 3)) * RNG.gamma(1, 5, (20, 1, 1)),
    )
    scores = similarity(made, candidates)
    z, y = made.reshape(30, -1), candidates.reshape(20, -1)
    cosine = (z @ y.T) / np.linalg.norm(z, axis=1)[:, None] / np.linalg.norm(y, axis=1)
    np.testing.assert_array_equal(np.argsort(scores, axis=1), np.argsort(cosine, axis=1))
    np.testing.assert_allclose(scores, cosine * np.linalg.norm(z, axis=1)[:, None])


def test_ranks_follow_items_whatever_the_order_of_columns_and_ties_count_half() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 5.0, 9.0]])
    ranks = ranked(scores, np.array([7, 4, 9]), np.array([7, 9, 4]))
    assert ranks.ranks.tolist() == [0.0, 1.0, 1.0]
    assert ranks.top(1) == pytest.approx(1 / 3) and ranks.top(2) == 1.0
    assert ranks.chance(1) == pytest.approx(1 / 3) and ranks.chance(5) == 1.0
    assert ranks.relative == 0.5


def test_guesses_reach_chance_and_the_relative_rank_does_not_mind_the_number_of_candidates() -> None:
    relative = {}
    for count in (50, 1363):
        y = RNG.standard_normal((count, 40))
        items = np.arange(count)
        guessed = ranked(similarity(RNG.standard_normal(y.shape), y), items, items)
        assert guessed.top(10) == pytest.approx(guessed.chance(10), abs=4 * np.sqrt(10 / count / count))
        assert guessed.relative == pytest.approx(0.5, abs=0.2)
        found = ranked(similarity(y + 2.5 * RNG.standard_normal(y.shape), y), items, items)
        relative[count] = (found.relative, found.top(10))
    assert ranked(np.eye(1363), np.arange(1363), np.arange(1363)).chance(10) == pytest.approx(0.0073, abs=1e-4)
    assert relative[1363][1] < relative[50][1] - 0.1
    assert abs(relative[1363][0] - relative[50][0]) < 0.03


def test_windows_of_an_item_are_averaged_over_subjects() -> None:
    y = RNG.standard_normal((60, 20))
    items = np.tile(np.arange(60), 3)
    scores = similarity(y[items] + 3.0 * RNG.standard_normal((180, 20)), y)
    together, who = over_subjects(scores, items)
    assert who.tolist() == list(range(60)) and together.shape == (60, 60)
    np.testing.assert_allclose(together.sum(axis=1), 1.0)
    assert ranked(together, who, who).top(1) > ranked(scores, items, who).top(1) + 0.05


def test_intervals_are_over_items_and_folds_are_joined() -> None:
    parts = [
        Ranks(np.array([0.0, 3.0]), np.array([5, 5]), np.array([1, 1])),
        Ranks(np.zeros(2), np.full(2, 9), np.array([2, 2])),
    ]
    joined = Ranks.joined(parts)
    assert joined.top(1) == 0.75 and joined.chance(1) == pytest.approx((0.4 + 2 / 9) / 4)
    assert joined.interval(1) == (0.5, 1.0)  # two items, not four windows


@pytest.mark.parametrize("candidates", [[1, 1, 2], [1], [1, 3, 4]])
def test_candidates_stand_once_with_the_right_one_among_them(candidates: list[int]) -> None:
    with pytest.raises(BadArrays, match="each once"):
        ranked(np.zeros((1, len(candidates))), np.array([2]), np.array(candidates))


def test_scores_of_other_shapes_or_no_numbers_are_refused() -> None:
    with pytest.raises(BadArrays, match="differ beyond their rows"):
        similarity(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(BadArrays, match="NaN"):
        similarity(np.full((2, 3), np.nan), np.zeros((2, 3)))
