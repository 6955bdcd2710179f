"""Identification from similarities: planted separation, redraws against copies, chance."""

import numpy as np
import pytest
from scipy.stats import norm

from gyral.errors import BadArrays
from gyral.metrics import METRICS
from gyral.metrics.identification import KINDS, RANK, TOP1, TOP5, TOP10, TWO_WAY, Trials, cosine


def separated(distance, count, folds, seed=0):
    """Right candidates score ``distance`` standard deviations above the others."""
    rng = np.random.default_rng(seed)
    matrices = tuple(rng.standard_normal((count, count)) + distance * np.eye(count) for _ in range(folds))
    return Trials(matrices, tuple(np.arange(count) + k * count for k in range(folds)))


@pytest.mark.parametrize(
    ("distance", "two_way", "top1", "top5"), [(1.0, 0.757, 0.053, 0.171), (2.0, 0.917, 0.24, 0.49)]
)
def test_planted_separation_gives_what_it_must(distance, two_way, top1, top5):
    trials = separated(distance, 200, 40)
    assert trials.value(TWO_WAY) == pytest.approx(two_way, abs=0.01)
    assert trials.value(TWO_WAY) == pytest.approx(norm.cdf(distance / np.sqrt(2)), abs=0.006)
    assert trials.value(TOP1) == pytest.approx(top1, abs=0.012)
    assert trials.value(TOP5) == pytest.approx(top5, abs=0.02)


def test_top_k_falls_with_candidates_and_ranks_do_not():
    few, many = separated(1.5, 20, 60), separated(1.5, 400, 3)
    assert few.value(TOP5) > many.value(TOP5) + 0.3
    assert few.value(TWO_WAY) == pytest.approx(many.value(TWO_WAY), abs=0.02)
    assert few.value(RANK) == pytest.approx(many.value(RANK), abs=0.04)
    assert TOP5.chance(few.candidates) == 0.25
    assert TOP10.chance(many.candidates) == 0.025
    assert RANK.chance(many.candidates) == TWO_WAY.chance(many.candidates) == 0.5


def test_no_separation_is_chance_and_permutations_say_so():
    trials = separated(0.0, 100, 4)
    rng = np.random.default_rng(0)
    orders = [[rng.permutation(100) for _ in range(4)] for _ in range(200)]
    for kind in (TWO_WAY, TOP5, RANK):
        null = trials.null(kind, orders)
        assert null.mean() == pytest.approx(kind.chance(trials.candidates), abs=0.01)
        assert 0.01 < (null >= trials.value(kind)).mean() < 0.99
    found = separated(1.0, 100, 4)
    assert (found.null(TWO_WAY, orders) < found.value(TWO_WAY)).all()
    assert found.null(TWO_WAY, [[np.arange(100)] * 4])[0] == pytest.approx(found.value(TWO_WAY))


@pytest.mark.parametrize("kind", [TWO_WAY, RANK])
def test_redraws_are_those_of_copied_stimuli(kind):
    """Counting a stimulus m times equals copying it m times and dropping pairs of copies."""
    rng = np.random.default_rng(1)
    trials = separated(0.7, 12, 1)
    weights = rng.multinomial(12, np.full(12, 1 / 12), size=5)
    found = trials.under(kind, weights)
    for w, value in zip(weights, found, strict=True):
        rows = np.repeat(np.arange(12), w)
        matrix = trials.similarity[0][np.ix_(rows, rows)]
        other = rows[:, None] != rows[None]
        share = [(matrix[i, other[i]] > matrix[i, i]).mean() for i in range(len(rows))]
        assert value == pytest.approx(1 - (np.mean if kind is TWO_WAY else np.median)(share))
    assert trials.under(kind, np.ones((1, 12)))[0] == pytest.approx(trials.value(kind))


def test_ties_count_half_and_summaries_say_all():
    trials = Trials((np.zeros((11, 11)),), (np.arange(11),))
    assert trials.value(TWO_WAY) == trials.value(RANK) == 0.5
    assert trials.value(TOP1) == trials.value(TOP5) == 0
    told = trials.summary()
    assert told["candidates"] == 11
    assert told["median_rank"] == 6
    assert told["median_relative_rank"] == 0.5
    assert told["top_10_chance"] == pytest.approx(10 / 11)


def test_too_few_candidates_are_refused():
    trials = separated(1.0, 8, 2)
    with pytest.raises(BadArrays, match="top-10 of 8") as caught:
        trials.require(TOP10)
    assert caught.value.code == "too-few-candidates"
    trials.require(TOP5)
    assert "top_10" not in trials.summary()
    with pytest.raises(BadArrays, match="one stimulus"):
        Trials((np.zeros((1, 1)),), (np.arange(1),))
    with pytest.raises(BadArrays, match="missing"):
        Trials((np.full((2, 2), np.nan),), (np.arange(2),))


def test_cosine_equals_its_definition():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((3, 4)), rng.standard_normal((5, 4))
    found = cosine(a, b)
    assert found[1, 2] == pytest.approx(a[1] @ b[2] / np.linalg.norm(a[1]) / np.linalg.norm(b[2]))
    assert (cosine(a, 0 * b) == 0).all()


@pytest.mark.parametrize("name", [n for n in METRICS if n.startswith("identification-")])
def test_metrics_are_registered_under_their_kind(name):
    assert METRICS.load(name) is KINDS[name.rsplit("-", 1)[1]]
