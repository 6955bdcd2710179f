"""Ranks among copies, against ranks of the copies themselves."""

import numpy as np
import pytest
from scipy.stats import rankdata

from gyral.errors import BadArrays
from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.comparator import Product
from gyral.rsa.copies import Ranking, Running, redraws
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.topology import GEOTOPOLOGICAL


def weights_of(counts: np.ndarray) -> np.ndarray:
    """Copies of each pair: draws x pairs."""
    first, second = np.triu_indices(counts.shape[1], 1)
    return counts[:, first] * counts[:, second]


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("samples", [3, 9, 40, 300])  # those of 300 stimuli need wider fields
def test_doubled_ranks_are_those_of_copies(samples: int, tied: bool) -> None:
    values = np.random.default_rng(samples).random(samples * (samples - 1) // 2)
    values = np.round(values, 1) if tied else values
    counts = draw_counts(samples, 11, seed=1)
    ranking, seen = Ranking(values), 0
    np.testing.assert_array_equal(ranking.doubled, 2 * rankdata(values) - 1)
    for copies in redraws(counts, len(values)):
        assert copies.weights.dtype.itemsize == (4 if samples == 300 else 2)
        doubled = np.empty(copies.weights.T.shape)
        sums = ranking.doubled_among(copies, Running(*copies.words.shape), doubled)
        ends = np.concatenate([copies.totals[None] - 1, np.zeros((1, len(doubled)))])
        extremes = ranking.doubled_at(np.maximum(ends, 0), sums)
        for j, draw in enumerate(copies.draws):
            w = weights_of(counts)[draw]
            assert copies.totals[j] == w.sum()
            ranks = 2 * rankdata(np.repeat(values, w)) - 1
            np.testing.assert_array_equal(np.repeat(doubled[j], w), ranks)
            np.testing.assert_array_equal(extremes[:, j], [ranks.max(), ranks.min()])
            seen += 1
    assert seen == ((counts > 0).sum(axis=1) > 2).sum()


@pytest.mark.parametrize("comparator", [SPEARMAN, GEOTOPOLOGICAL])
def test_gram_of_redraws_is_of_redrawn_similarities(comparator) -> None:
    rng = np.random.default_rng(0)
    vectors = np.round(rng.random((5, 66)), 1)
    vectors[3] = 1.0  # resembles nothing, itself neither
    counts, mask = draw_counts(12, 9), rng.random(66) < 0.6
    gram, own = comparator.redrawn_gram(vectors, slice(2, None), counts, mask)
    expected, theirs = Product.redrawn_gram(comparator, vectors, slice(2, None), counts, mask)
    np.testing.assert_allclose(gram, expected, atol=1e-12)
    np.testing.assert_allclose(own, theirs, atol=1e-12)
    assert (own[:, 3] == 0).all()
    assert np.isfinite(own).all()


def test_many_rdms_are_redrawn_fewer_draws_at_a_time() -> None:
    counts = draw_counts(12, 9)
    few, many = (list(redraws(counts, 66, rdms=number)) for number in (1, 1 << 20))
    assert [len(c.draws) for c in few] == [8, 1]
    assert [len(c.draws) for c in many] == [4, 4, 1]
    for every in (few, many):
        found = np.hstack([c.weights[:, : len(c.draws)] for c in every]).T
        np.testing.assert_array_equal(found, weights_of(counts))


def test_parts_of_a_stimulus_cannot_be_drawn() -> None:
    for counts in (np.full((1, 4), 0.5), np.array([[-1, 2, 2, 1]])):
        with pytest.raises(BadArrays, match="whole counts of 0 or more"):
            SPEARMAN.redrawn(np.eye(6)[:1], np.eye(6)[1:2], counts)
