"""p-values of regions: small for what predicts, even for what does not, none where there is no null."""

from dataclasses import replace

import numpy as np
import pytest

from gyral import evaluate_arrays
from gyral.datasets.region import Region
from gyral.datasets.split import contiguous, grouped
from gyral.scores import chance as module
from gyral.scores.chance import Chance, region_chance, runs_and_null
from gyral.scores.problem import Problem
from gyral.scores.pvalue import null_values, significance
from gyral.scores.region import region_blocks, score_blocks, score_region


def smooth(rng: np.random.Generator, shape: tuple[int, int], rho: float = 0.8) -> np.ndarray:
    out = rng.standard_normal(shape)
    for t in range(1, len(out)):
        out[t] = rho * out[t - 1] + np.sqrt(1 - rho**2) * out[t]
    return out


def problem_of(y: np.ndarray, *, exchangeable: bool = False, groups: np.ndarray | None = None) -> Problem:
    split = contiguous(len(y), 5) if groups is None else grouped(groups, 5)
    region = Region("A1", np.arange(y.shape[1]))
    return Problem(y, split, (region,), np.full(y.shape[1], "s"), None, exchangeable=exchangeable)


def chance(problem: Problem, p: np.ndarray, seed: int = 0) -> Chance:
    (region,) = problem.regions
    blocks = region_blocks(problem, region, [p], *score_blocks(problem))
    return region_chance(problem, region, p, score_region(problem, region, blocks), seed=seed)


@pytest.mark.parametrize("exchangeable", [True, False])
def test_a_prediction_is_significant(exchangeable: bool) -> None:
    rng = np.random.default_rng(0)
    y = smooth(rng, (300, 4))
    found = chance(problem_of(y, exchangeable=exchangeable), y + rng.standard_normal(y.shape))
    assert found.null == ("permutation" if exchangeable else "phase")
    assert found.p[0] == pytest.approx(1 / 1001)


def test_unrelated_smooth_predictions_are_significant_as_often_as_promised() -> None:
    hits = []
    for seed in range(60):
        rng = np.random.default_rng([seed, 1])
        y, p = smooth(rng, (400, 3)), smooth(rng, (400, 3))
        hits.append(chance(problem_of(y), p, seed).p[0])
    # Six of 60 are expected at .1; a test that takes samples for independent calls twice as many.
    assert np.mean(np.array(hits) < 0.1) <= 0.2
    assert 0.3 < np.median(hits) < 0.7


def test_incomplete_units_are_left_out() -> None:
    rng = np.random.default_rng(2)
    y = smooth(rng, (300, 3))
    p = y + rng.standard_normal(y.shape)
    y[5, 0] = np.nan
    assert np.isfinite(chance(problem_of(y), p).p).all()
    y[7, 1:] = np.nan
    assert np.isnan(chance(problem_of(y), p).p).all()


def test_short_groups_change_places_and_too_few_of_them_have_no_null() -> None:
    rng = np.random.default_rng(3)
    y = smooth(rng, (200, 2))
    groups = np.repeat(np.arange(20), 10)
    posed = problem_of(y, groups=groups)
    found = runs_and_null(posed)
    assert found is not None
    assert ([len(r) for r in found[0]], found[1]) == ([40] * 5, "group")
    assert chance(posed, y + rng.standard_normal(y.shape)).p[0] < 0.01
    # Two groups a fold stand in 32 orders; a short series in none.
    for short in (problem_of(y[:100], groups=groups[:100]), problem_of(y[:100])):
        assert runs_and_null(short) is None
        result = chance(short, y[:100])
        assert result.null is None
        assert np.isnan(result.p).all()


@pytest.mark.parametrize("even", [True, False])
def test_what_groups_have_in_common_is_significant_as_often_as_promised(even: bool) -> None:
    rng = np.random.default_rng(6)
    sizes = np.full(20, 8) if even else np.random.default_rng(7).integers(4, 13, 20)
    groups = np.repeat(np.arange(20), sizes)
    split = grouped(groups, 5)
    runs = [f.test for f in split.folds]
    by_group, by_sample = [], []
    for seed in range(200):
        y, p = (rng.standard_normal((20, 1))[groups] + rng.standard_normal((len(groups), 1)) for _ in range(2))
        by_group.append(significance(y, p, runs, "group", groups=groups, draws=99, seed=seed).p[0] <= 0.05)
        by_sample.append(significance(y, p, runs, "permutation", draws=99, seed=seed).p[0] <= 0.05)
    # Ten are expected; 999 of a thousand fair tests stay within 2 and 20.
    assert 2 <= np.sum(by_group) <= 20
    assert np.sum(by_sample) > 20


def test_many_units_are_tested_by_every_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    y = smooth(rng, (200, 120))
    seen = []
    original = module.significance

    def watched(measured: np.ndarray, *rest: object, **named: object) -> object:
        seen.append(measured.shape)
        return original(measured, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "significance", watched)
    monkeypatch.setattr(module, "_ENTRIES", 200 * 60)
    found = chance(replace(problem_of(y)), y + rng.standard_normal(y.shape))
    assert seen == [(200, 60)]
    assert found.p[0] < 0.01


def test_noise_that_was_fitted_is_significant_as_often_as_promised() -> None:
    hits = 0
    for seed in range(150):
        x, y = (np.random.default_rng([seed, k]).standard_normal((200, n)) for k, n in ((7, 20), (8, 1)))
        row = evaluate_arrays(x, y).record.main("all units")
        assert row is not None
        assert row.p is not None
        hits += row.p <= 0.05
    # 7.5 are expected. A null that holds the fitted predictions calls 18 significant.
    assert hits <= 14


def test_of_all_subjects_the_mean_is_tested_which_is_shown() -> None:
    """One subject has nearly all units: their median says nothing of the others."""
    rng = np.random.default_rng(8)
    y = rng.standard_normal((200, 33))
    p = rng.standard_normal((200, 33))
    p[:, 30:] += 2 * y[:, 30:]
    problem = replace(problem_of(y, exchangeable=True), subject_of=np.array(["s1"] * 30 + ["s2"] * 3))
    found = chance(problem, p)
    assert found.p[0] == found.p[2] == pytest.approx(1 / 1001)
    assert found.p[1] > 0.01


def test_what_places_in_a_group_share_stays_in_the_null_as_it_is() -> None:
    """Responses and predictions that differ by place alone: groups that change places score the same, stretched or not."""
    groups, place = np.repeat(np.arange(20), 8), np.tile(np.arange(8.0), 20)
    runs = [f.test for f in grouped(groups, 5).folds]
    rng = np.random.default_rng(9)
    y, p = (sign * place[:, None] + 1e-3 * rng.standard_normal((160, 1)) for sign in (1, -1))
    values, chunks = null_values(y, p, runs, "group", groups=groups, stretch=2**0.5, draws=20)
    assert values == pytest.approx(-1, abs=1e-4)
    assert np.concatenate(list(chunks)) == pytest.approx(-1, abs=1e-4)


def test_the_mean_over_orders_of_groups_is_known() -> None:
    groups = np.repeat(np.arange(10), np.random.default_rng(10).integers(3, 7, 10))
    runs = [np.arange(len(groups))]
    rng = np.random.default_rng(11)
    y, p = rng.standard_normal((2, len(groups), 4))
    plain, wide = (
        np.concatenate(list(null_values(y, p, runs, "group", groups=groups, parts=[np.array([u]) for u in range(4)],
                                        stretch=s, draws=4000)[1]))
        for s in (1.0, 2.0)
    )  # fmt: skip
    assert wide.mean(axis=0) == pytest.approx(plain.mean(axis=0), abs=0.02)
    assert wide.std(axis=0) == pytest.approx(2 * plain.std(axis=0))


def test_what_is_tested_is_the_score_that_is_shown_of_predictions_that_hardly_vary() -> None:
    """A ridge with a great penalty predicts the mean and a little more; what is left of that in float32 is scored."""
    rng = np.random.default_rng(12)
    y = rng.standard_normal((200, 6)) + 2
    p = (2 + rng.uniform(3e-7, 3e-6, 6) * (y + rng.standard_normal(y.shape))).astype(np.float32)
    problem = problem_of(y, exchangeable=True)
    (region,) = problem.regions
    score = score_region(problem, region, region_blocks(problem, region, [p], *score_blocks(problem)))
    units = [np.array([u]) for u in range(6)]
    tested = significance(y, p, [f.test for f in problem.split.folds], "permutation", parts=units, draws=9)
    assert tested.values == pytest.approx(score.r)
    assert (np.abs(score.r) > 0.1).any()
