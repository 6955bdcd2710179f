"""A small part of tests/benchmarks/coverage.py: intervals cover what they name.

Bounds are those that a true coverage of 93 to 97 % passes 999 times in a thousand.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.stats import binom


@pytest.fixture(scope="module")
def script() -> ModuleType:
    folder = Path(__file__).parents[2] / "benchmarks"
    sys.path.insert(0, str(folder))  # as it has when it is run
    path = folder / "coverage.py"
    spec = importlib.util.spec_from_file_location("gyral_coverage_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    sys.path.remove(str(folder))
    return module


def assert_covers(hits: np.ndarray, least: float = 0.93, most: float = 0.97) -> None:
    count = len(hits)
    assert binom.ppf(0.001, count, least) <= np.sum(hits) <= binom.ppf(0.999, count, most)


def assert_falls_short(hits: np.ndarray) -> None:
    assert np.sum(hits) < binom.ppf(0.001, len(hits), 0.93)


@pytest.mark.parametrize("units, over", [(1, "mean"), (30, "median")])
def test_conditional_intervals_cover_with_few_groups_in_folds(script: ModuleType, units: int, over: str) -> None:
    hits, _ = script.conditional_hits(script.in_groups(10, 20), units, over, 250)
    assert_covers(hits["mean"])
    assert_falls_short(hits["plain"])


def test_conditional_intervals_cover_autocorrelated_data(script: ModuleType) -> None:
    hits, _ = script.conditional_hits(script.series(400), 30, "median", 200)
    assert_covers(hits["mean"])
    assert_falls_short(hits["plain"])


def test_conditional_intervals_cover_independent_stimuli(script: ModuleType) -> None:
    hits, _ = script.conditional_hits(script.independent(400), 1, "mean", 250)
    assert_covers(hits["mean"])


@pytest.mark.parametrize("signal", [0.0, 0.1])
def test_intervals_of_maps_fitted_in_folds_cover_what_those_maps_reach(script: ModuleType, signal: float) -> None:
    found, truths = script.coverage_fitted.fitted_intervals(script.independent(200), 20, 20.0, 5, signal, 150)
    assert_covers(script.coverage_fitted.covers(found["pairs"], truths))
    assert_covers(script.coverage_fitted.covers(found["unknown"], truths), 0.93, 1.0)
    # 2.5 % of intervals may lie above 0 where there is nothing; redraws alone allow a twelfth of them.
    if not signal:
        assert np.sum(np.transpose(found["pairs"])[0] > 0) <= binom.ppf(0.999, 150, 0.035)


@pytest.mark.parametrize(
    "kind", ["ncsnr", *(pytest.param(k, marks=pytest.mark.slow) for k in ("split-half", "loso", "extrapolation"))]
)
def test_intervals_of_ceilings_cover_units_and_regions(script: ModuleType, kind: str) -> None:
    hits, mean, truth = script.ceiling_hits(script.in_groups(40, 5), kind, 60, units=8)
    assert_covers(hits["region"], 0.93, 0.99)
    assert 0.92 <= hits["units"].mean() <= 0.98
    assert mean == pytest.approx(truth, abs=0.04)


def test_tied_models_keep_their_ranks(script: ModuleType) -> None:
    held, naive, _ = script.coverage_ranks.rank_hits(script.in_groups(40, 10), 5, 60)
    assert np.sum(held) >= binom.ppf(0.001, 60, 0.95)
    assert np.mean(naive) < 0.7


def test_five_subjects_are_shown_and_more_are_covered(script: ModuleType) -> None:
    assert script.subjects_hits(script.independent(200), 5, 1)[0] == {}
    hits, _ = script.subjects_hits(script.independent(200), 8, 150)
    assert_covers(hits["crossed"], 0.93, 0.98)


@pytest.mark.slow
def test_procedure_intervals_cover_redrawn_training(script: ModuleType) -> None:
    hits, _ = script.procedure_hits(script.independent(200), 30, "median", 150)
    assert_covers(hits["procedure"])
