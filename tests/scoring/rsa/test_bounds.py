"""Intervals of the bounds that subjects set. Coverage itself: tests/benchmarks/coverage_rsa.py."""

import numpy as np
import pytest

from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.bounds import bound_intervals
from gyral.rsa.ceiling import bounds_of_gram
from gyral.rsa.comparator import PEARSON
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.rdm import rdm
from gyral.rsa.topology import GEOTOPOLOGICAL
from gyral.rsa.vector import condensed, squared

SAMPLES = 24


def subjects(count: int, noise: float = 2.0, seed: int = 0, samples: int = SAMPLES) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x, common = rng.standard_normal((samples, 8)), rng.standard_normal((8, 30))
    own = [common + 0.7 * rng.standard_normal((8, 30)) for _ in range(count)]
    return np.stack([rdm(x @ a + noise * rng.standard_normal((samples, 30))) for a in own])


@pytest.mark.parametrize("comparator", [PEARSON, SPEARMAN, GEOTOPOLOGICAL])
@pytest.mark.parametrize(("count", "kind"), [(3, "conditional"), (8, "subjects")])
def test_intervals_are_of_the_bounds_that_are_shown(comparator, count: int, kind: str) -> None:
    measured = subjects(count)
    lower, upper = bound_intervals(measured, comparator, draws=200)
    assert [lower.value, upper.value] == pytest.approx(comparator.bounds(measured).tolist())
    assert {lower.kind, upper.kind} == {kind}
    for bound in (lower, upper):
        assert bound.low < bound.value < bound.high
        assert bound.high - bound.low < 0.5
    assert bound_intervals(measured, comparator, draws=200)[0] == lower


def test_one_subject_has_no_bounds() -> None:
    for bound in bound_intervals(subjects(1), PEARSON, draws=50):
        assert np.isnan([bound.value, bound.low, bound.high]).all()


def test_more_stimuli_make_bounds_surer() -> None:
    widths = [
        [b.high - b.low for b in bound_intervals(subjects(3, samples=n), PEARSON, draws=200)] for n in (20, 80)
    ]
    assert (np.array(widths[1]) < 0.75 * np.array(widths[0])).all()


def test_new_subjects_count_as_the_jackknife_over_them_says() -> None:
    """With so many stimuli that they hardly matter, the standard error is that of subjects alone."""
    measured = subjects(10, samples=120, noise=0.5)
    gram = PEARSON.similarity(measured, measured)
    left_out = bounds_of_gram(gram, 1 - np.eye(10))
    jackknife = np.sqrt(0.9 * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    for bound, least in zip(bound_intervals(measured, PEARSON, draws=200), jackknife, strict=True):
        assert least <= bound.se < 1.6 * least


def test_mean_ranks_spread_alike_ranked_again_or_not() -> None:
    measured = subjects(4)
    counts = draw_counts(SAMPLES, 60)
    grams = SPEARMAN.redrawn(measured, measured, counts)
    ours = np.stack([bounds_of_gram(gram) for gram in grams])
    again = []
    for m in counts:
        # Copies of stimuli, without the pairs of a stimulus with itself.
        rows = np.repeat(np.arange(SAMPLES), m)
        pairs = condensed(rows[:, None] != rows[None, :])
        copied = condensed(squared(measured)[:, rows][:, :, rows])[:, pairs]
        again.append(SPEARMAN.bounds(copied))
    again = np.array(again)
    assert np.abs(ours - again).max() < 0.02
    assert ours.std(axis=0) == pytest.approx(again.std(axis=0), rel=0.06)
