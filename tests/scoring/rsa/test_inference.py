"""Intervals, pooling and comparisons of RSA scores. Coverage itself: tests/benchmarks/coverage_rsa.py."""

import numpy as np
import pytest

from gyral.errors import BadArrays
from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.comparator import PEARSON
from gyral.rsa.inference import compare_redraws, evaluate_rdms, pair_redraws, redraws
from gyral.rsa.rank import SPEARMAN
from gyral.rsa.rdm import rdm

SAMPLES = 30


def problem(seed: int, subjects: int = 8, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Subjects' RDMs, and those of the truth, half of the truth, the same again, and of nothing."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((SAMPLES, 8))
    measured = [
        rdm(x @ rng.standard_normal((8, 25)) + noise * rng.standard_normal((SAMPLES, 25))) for _ in range(subjects)
    ]
    models = [x, x[:, :4], x[:, :4], rng.standard_normal((SAMPLES, 8))]
    return np.stack(measured), np.stack([rdm(m) for m in models])


def test_better_model_is_told_from_worse_and_copies_tie() -> None:
    found = evaluate_rdms(*problem(0), SPEARMAN, draws=400)
    value = found.values.mean(axis=1)
    assert value[0] > value[1] > value[3]
    assert found.comparison.better[0, 1:].all()
    assert found.comparison.p[1, 2] == 1.0
    assert found.comparison.difference[1, 2] == pytest.approx(0.0)
    assert value[0] < found.upper
    assert (found.p[:3] < 0.001).all()
    assert found.p[3] > 0.05
    assert (found.q >= found.p - 1e-15).all()
    assert {i.kind for i in found.intervals} == {"subjects"}


def test_few_subjects_stay_and_one_has_no_bounds() -> None:
    measured, models = problem(1, subjects=3)
    few = evaluate_rdms(measured, models, PEARSON, draws=200)
    assert {i.kind for i in few.intervals} == {"conditional"}
    one = evaluate_rdms(measured[:1], models, PEARSON, draws=200)
    assert np.isnan([one.lower, one.upper]).all()
    assert all(i.low < i.value < i.high for i in one.intervals)


def test_pairs_own_noise_is_counted_once_and_not_three_times() -> None:
    """RDMs of noise: the variance of the mean over pairs is known, 1 / pairs."""
    rng = np.random.default_rng(2)
    pairs = SAMPLES * (SAMPLES - 1) // 2
    counts, left_out = draw_counts(SAMPLES, 300), 1 - np.eye(SAMPLES)
    ours, bootstrap = [], []
    for seed in range(60):
        measured, models = rng.standard_normal((1, pairs)), rng.standard_normal((1, pairs))
        drawn = PEARSON.redrawn(measured, models, counts)
        (found,) = pair_redraws(
            PEARSON.similarity(measured, models), drawn, PEARSON.redrawn(measured, models, left_out), seed=seed
        )
        ours.append(found.drawn.var() * pairs)
        bootstrap.append(drawn.var() * pairs)
    assert np.mean(bootstrap) > 2.2
    assert 0.8 < np.mean(ours) < 1.5


def test_differences_of_models_are_calibrated_jointly() -> None:
    measured, models = problem(3)
    together = redraws(measured, models, PEARSON, draws=300)
    alone = [redraws(measured, m[None], PEARSON, draws=300)[0] for m in models]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.values, other.values, atol=1e-12)
        assert one.drawn.mean(axis=1).std() == pytest.approx(other.drawn.mean(axis=1).std(), rel=0.1)
        assert one.groups == SAMPLES
    gap = (together[1].drawn - together[2].drawn).std()
    assert gap < 1e-6


def test_redraws_that_are_not_paired_are_refused() -> None:
    measured, models = problem(4)
    first = redraws(measured, models[:1], PEARSON, draws=150, seed=0)
    second = redraws(measured, models[1:2], PEARSON, draws=150, seed=1)
    with pytest.raises(BadArrays, match="not paired"):
        compare_redraws([*first, *second])
