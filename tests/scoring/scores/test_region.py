"""Scores of a region: what "all" is, which interval it has, and which units have no score."""

from dataclasses import replace

import numpy as np
import pytest

from gyral.datasets.region import Region
from gyral.datasets.split import contiguous
from gyral.metrics.correlation import pearson_r
from gyral.scores import region as module
from gyral.scores.ceiling import from_repeats
from gyral.scores.problem import Problem
from gyral.scores.region import RegionScore, region_blocks, score_blocks, score_region

SAMPLES, UNITS = 200, 6


def problem_with(subjects: int = 1, repeats: int = 0) -> tuple[Problem, np.ndarray]:
    rng = np.random.default_rng(subjects)
    signal = rng.standard_normal((SAMPLES, UNITS * subjects))
    single = signal[:, None] + rng.standard_normal((SAMPLES, max(repeats, 1), UNITS * subjects))
    y = single.mean(axis=1)
    owner = np.repeat([f"s{k}" for k in range(subjects)], UNITS)
    split = contiguous(SAMPLES, 5)
    ceiling = from_repeats(single, split) if repeats else None
    region = Region("V4", np.arange(y.shape[1]))
    problem = Problem(y, split, (region,), owner, ceiling, single if repeats else None, exchangeable=True)
    # Subjects differ in how well they are predicted.
    noise = np.repeat(np.linspace(0.5, 3, subjects), UNITS)
    return problem, (signal + noise * rng.standard_normal(signal.shape)).astype(np.float32)


def score(problem: Problem, predictions: np.ndarray) -> RegionScore:
    (region,) = problem.regions
    return score_region(problem, region, region_blocks(problem, region, [predictions], *score_blocks(problem)))


def test_unit_scores_are_correlations_of_folds_weighted_by_rows() -> None:
    problem, p = problem_with()
    folds = problem.split.folds
    own = [pearson_r(problem.responses[f.test], p[f.test]) for f in folds]
    expected = np.average(own, axis=0, weights=[len(f.test) for f in folds])
    found = score(problem, p)
    np.testing.assert_allclose(found.r, expected, atol=1e-6)
    assert found.subjects == ("all",)
    assert found.intervals[0].value == pytest.approx(np.median(expected), abs=1e-6)


def test_all_is_the_mean_over_subjects_of_their_medians() -> None:
    problem, p = problem_with(3)
    found = score(problem, p)
    assert found.subjects == ("all", "s0", "s1", "s2")
    medians = [np.median(found.r[problem.subject_of == s]) for s in found.subjects[1:]]
    assert [i.value for i in found.intervals] == pytest.approx([np.mean(medians), *medians])
    assert found.found.values[0] == pytest.approx(np.mean(medians))
    assert found.over(0, found.r) == pytest.approx(np.mean(medians))


@pytest.mark.parametrize(
    ("subjects", "kind", "method"), [(5, "conditional", "bootstrap"), (6, "subjects", "crossed")]
)
def test_interval_is_over_subjects_from_six_on(subjects: int, kind: str, method: str) -> None:
    problem, p = problem_with(subjects)
    found = score(problem, p)
    assert (found.intervals[0].kind, found.intervals[0].method) == (kind, method)
    assert {i.kind for i in found.intervals[1:]} == {"conditional"}
    if kind == "subjects":  # subjects differ far more than redraws of stimuli do
        assert found.intervals[0].se > 2 * found.found.drawn[:, 0].std()


def test_ceiled_scores_are_those_of_the_ceiling() -> None:
    problem, p = problem_with(repeats=4)
    found = score(problem, p)
    assert problem.ceiling is not None
    sizes = np.array([len(f.test) for f in problem.split.folds])
    r = np.stack([pearson_r(problem.responses[f.test], p[f.test]) for f in problem.split.folds])
    np.testing.assert_allclose(found.ceiled, problem.ceiling.ceiled(r, sizes), atol=1e-5)
    assert found.ceiled_intervals is not None
    (interval,) = found.ceiled_intervals
    assert interval.low < np.median(found.ceiled) < interval.high


def test_unit_without_a_prediction_has_no_score_and_moves_nobody() -> None:
    problem, p = problem_with()
    p[3, 2] = np.nan
    found = score(problem, p)
    assert np.isnan(found.r).tolist() == [False, False, True, False, False, False]
    assert found.intervals[0].value == pytest.approx(np.nanmedian(found.r))


def test_missing_responses_are_masked_and_need_no_prediction() -> None:
    problem, p = problem_with()
    y = problem.responses.copy()
    y[3, 2] = np.nan
    p[3, 2] = np.nan
    assert np.isfinite(score(replace(problem, responses=y), p).r).all()


def test_spread_is_over_model_draws() -> None:
    problem, p = problem_with()
    other = p + np.random.default_rng(9).standard_normal(p.shape).astype(np.float32)
    (region,) = problem.regions
    found = score_region(problem, region, region_blocks(problem, region, [p, other], *score_blocks(problem)))
    each = [score(problem, q).intervals[0].value for q in (p, other)]
    assert found.spread[0] == pytest.approx(np.std(each, ddof=1))
    assert np.isnan(score(problem, p).spread[0])


def test_huge_regions_have_fewer_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _ = problem_with()
    assert len(score_blocks(problem)[0]) == 100
    monkeypatch.setattr(module, "_SUMS", 48 * UNITS * 40)
    assert len(score_blocks(problem)[0]) == 40
    monkeypatch.setattr(module, "_SUMS", 1)
    assert len(score_blocks(problem)[0]) == 20
