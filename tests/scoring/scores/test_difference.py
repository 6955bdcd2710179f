"""Differences between all pairs of models, with one error rate for the board."""

import numpy as np
import pytest
from scipy import stats

from gyral.errors import BadArrays
from gyral.scores.conditional import Redraws
from gyral.scores.difference import compare, compare_models
from gyral.scores.rank import rank_intervals


def board(models: int, seed: int, gap: float = 0.0, draws: int = 1000) -> tuple[np.ndarray, np.ndarray]:
    """Values with correlated normal errors, and redraws with the same errors."""
    rng = np.random.default_rng(seed)
    root = np.sqrt(0.5) * np.eye(models) + 0.3
    values = gap * np.arange(models) + root @ rng.standard_normal(models)
    return values, values + rng.standard_normal((draws, models)) @ root.T


def test_two_models_are_compared_by_t() -> None:
    values, drawn = board(2, 0, gap=3.0, draws=200_000)
    found = compare(values, drawn, df=12)
    assert found.critical == pytest.approx(stats.t.ppf(0.975, 12), rel=0.01)
    t = (values[1] - values[0]) / (drawn[:, 1] - drawn[:, 0]).std()
    assert found.p[0, 1] == pytest.approx(2 * stats.t.sf(abs(t), 12), rel=0.2)


def test_pairs_are_antisymmetric_and_limits_decide() -> None:
    values, drawn = board(6, 1, gap=1.0)
    found = compare(values, drawn, df=99)
    np.testing.assert_allclose(found.difference, -found.difference.T)
    np.testing.assert_allclose(found.low, -found.high.T)
    off = ~np.eye(6, dtype=bool)
    assert ((found.low > 0) == found.better)[off].all()
    assert ((found.p < 0.05) == (found.better | found.better.T))[off].mean() > 0.95
    assert found.better.any()
    assert not (found.better & found.better.T).any()


@pytest.mark.parametrize("models", [5, 10])
def test_ties_are_left_tied_on_whole_boards(models: int) -> None:
    # 400 boards of equal models: 5 % of boards may tell any pair apart; percentile ranks would do so on most.
    wrong = 0
    for seed in range(400):
        values, drawn = board(models, seed, draws=500)
        wrong += any(i != (1, models) for i in rank_intervals(compare(values, drawn, df=1e6)))
    assert wrong <= stats.binom.ppf(0.999, 400, 0.05)
    assert wrong >= stats.binom.ppf(0.001, 400, 0.03)


def test_few_blocks_need_larger_differences() -> None:
    values, drawn = board(5, 2)
    assert compare(values, drawn, df=7).critical > 1.3 * compare(values, drawn, df=1e6).critical


def test_copies_of_a_model_are_never_told_apart() -> None:
    values, drawn = board(3, 3, gap=5.0)
    found = compare(np.append(values, values[2]), np.column_stack([drawn, drawn[:, 2]]), df=50)
    assert not found.better[2, 3]
    assert not found.better[3, 2]
    assert found.p[2, 3] == 1
    assert found.better[3, 0] == found.better[2, 0]


def test_models_apart_in_every_redraw_alike_are_no_copies() -> None:
    values, drawn = board(2, 3)
    shifted = compare(np.append(values, values[1] + 0.1), np.column_stack([drawn, drawn[:, 1] + 0.1]), df=50)
    assert shifted.better[2, 1]
    assert not shifted.better[1, 2]
    assert shifted.p[2, 1] == pytest.approx(1 / (1 + len(drawn)))


def test_missing_models_are_compared_with_none() -> None:
    values, drawn = board(4, 4, gap=2.0)
    whole = compare(values, drawn, df=50)
    holes, gone = np.insert(values, 1, np.nan), np.insert(drawn, 1, np.nan, axis=1)
    found = compare(holes, gone, df=50)
    kept = np.array([0, 2, 3, 4])
    assert np.isnan(found.difference[1]).all()
    assert not found.better[1].any()
    assert not found.better[:, 1].any()
    np.testing.assert_array_equal(found.better[np.ix_(kept, kept)], whole.better)
    assert found.critical == whole.critical


def test_bad_redraws_are_refused() -> None:
    values, drawn = board(3, 5)
    with pytest.raises(BadArrays, match="draws x 3 models"):
        compare(values, drawn[:, :2], df=10)
    with pytest.raises(BadArrays, match="tell nothing apart"):
        compare(values, drawn[:50], df=10)
    with pytest.raises(BadArrays, match="tell nothing apart"):
        compare(values, drawn, df=0)


def test_a_lone_model_has_no_differences() -> None:
    values, drawn = board(1, 6)
    found = compare(values, drawn, df=10)
    assert rank_intervals(found) == [(1, 1)]


def test_models_are_compared_by_their_redraws_with_holes() -> None:
    values, drawn = board(3, 7, gap=2.0)
    models = [Redraws(values[[k]], drawn[:, [k]], 40) for k in range(3)]
    found = compare_models([models[0], None, *models[1:]])
    np.testing.assert_array_equal(found.better[np.ix_([0, 2, 3], [0, 2, 3])], compare(values, drawn, df=39).better)
    assert rank_intervals(found)[1] is None


def test_unpaired_redraws_are_refused() -> None:
    values, drawn = board(2, 8)
    one = Redraws(values[:1], drawn[:, :1], 40)
    for other in (
        Redraws(values[1:], drawn[:, 1:], 40, seed=1),
        Redraws(values[1:], drawn[:, 1:], 20),
        Redraws(values[1:], drawn[:500, 1:], 40),
    ):
        with pytest.raises(BadArrays, match="not paired"):
            compare_models([one, other])
    with pytest.raises(BadArrays, match="no model"):
        compare_models([None])
