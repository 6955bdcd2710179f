"""The battery as a whole: silent where nothing leaks, loud where a story is shuffled, and the same twice."""

from pathlib import Path

import numpy as np
import pytest

from gyral.canaries.battery import CANARIES, run_canaries
from gyral.canaries.case import MOST_FOLDS, MOST_ROWS, Case
from gyral.canaries.finding import Finding
from gyral.canaries.groups import group_integrity
from gyral.canaries.kernel import temporal_kernel
from gyral.canaries.noise import autoregressive, smooth_noise
from gyral.canaries.oasm import oasm
from gyral.canaries.position import shared_position
from gyral.canaries.scored import DRAWS
from gyral.canaries.verdict import MEAN
from gyral.datasets.dataset import Dataset
from gyral.datasets.split import Split, contiguous, shuffled
from planted_leaks import LENGTH, STORIES, stories, told
from tiny_dataset import tiny_dataset


def by_name(dataset: Dataset, split: Split | None = None) -> dict[str, Finding]:
    return {f.canary: f for f in run_canaries(dataset, split)}


def value(finding: Finding) -> float:
    assert finding.score is not None
    return finding.score.value


@pytest.fixture(scope="module")
def by_story() -> dict[str, Finding]:
    return by_name(stories())


@pytest.fixture(scope="module")
def shuffled_story() -> dict[str, Finding]:
    return by_name(stories(), shuffled(STORIES * LENGTH, 4, audit=True))


def test_nothing_sings_where_whole_stories_are_held_out(by_story: dict[str, Finding]) -> None:
    assert {f.canary: f.verdict for f in by_story.values()} == {
        "groups": "pass",
        "duplicates": "pass",
        "held-out-rows": "pass",
        "oasm": "pass",
        "temporal-kernel": "pass",
        "smooth-noise": "pass",
        "position": "pass",
        "lag-scan": "not-applicable",
    }
    assert abs(value(by_story["smooth-noise"])) < MEAN


def test_orthogonal_baseline_is_exactly_zero_by_story(by_story: dict[str, Finding]) -> None:
    score = by_story["oasm"].score
    assert score is not None
    assert (score.value, score.low, score.high) == (0, 0, 0)
    assert "exactly 0" in by_story["oasm"].reason


def test_every_order_canary_refuses_a_shuffled_story(shuffled_story: dict[str, Finding]) -> None:
    for name in ("groups", "oasm", "temporal-kernel", "smooth-noise"):
        assert shuffled_story[name].verdict == "refuse", shuffled_story[name]
        assert shuffled_story[name].mend
    for name in ("oasm", "temporal-kernel", "smooth-noise"):
        score = shuffled_story[name].score
        assert score is not None
        assert score.value > 0.4 and score.low < score.value < score.high and score.bound > 0
    assert shuffled_story["smooth-noise"].score is not None
    assert shuffled_story["smooth-noise"].score.draws == DRAWS
    assert shuffled_story["duplicates"].verdict == "pass"
    assert shuffled_story["held-out-rows"].verdict == "pass"


def test_position_may_score_and_is_published_as_a_floor() -> None:
    dataset = stories(0.3)
    assert dataset.responses is not None
    place = np.tile(np.linspace(-2, 2, LENGTH), STORIES)[:, None]
    data = told(dataset.responses.values["s1"] + place, groups=dataset.stimuli.groups)
    found = shared_position(Case(data, data.split()))
    assert found.verdict == "pass" and value(found) > 0.5
    assert found.facts["floor"] == {"all": pytest.approx(value(found), abs=1e-4)}
    assert oasm(Case(data, data.split())).verdict == "pass"


def test_slow_data_without_a_gap_are_refused_and_with_one_are_not() -> None:
    drift = told(autoregressive(300, 10, np.random.default_rng(1), None, 0.95))
    refused = group_integrity(Case(drift, drift.split()))
    assert refused.verdict == "refuse" and "no groups" in refused.reason and "gap" in refused.mend
    quick = told(autoregressive(300, 10, np.random.default_rng(1), None, 0.45))
    assert group_integrity(Case(quick, quick.split())).verdict == "warn"
    apart = Case(drift, contiguous(300, 5, gap=40))
    assert (group_integrity(apart).verdict, group_integrity(apart).facts["gap"]) == ("pass", 40)
    assert temporal_kernel(apart).verdict == "pass"


def test_independent_items_pass_under_any_split() -> None:
    data = told(np.random.default_rng(2).normal(size=(120, 6)), ordered=False)
    for split in (data.split(), shuffled(120, 4, ordered=False)):
        case = Case(data, split)
        assert {oasm(case).verdict, temporal_kernel(case).verdict, smooth_noise(case).verdict} == {"pass"}


def test_findings_are_the_same_twice() -> None:
    data = told(np.random.default_rng(2).normal(size=(60, 3)))
    assert run_canaries(data) == run_canaries(data)


def test_dissimilarities_say_what_applies(tmp_path: Path) -> None:
    found = by_name(tiny_dataset(tmp_path, responses=None))
    assert [name for name, f in found.items() if f.verdict == "not-applicable"] == [
        "held-out-rows",
        "oasm",
        "temporal-kernel",
        "smooth-noise",
        "position",
        "lag-scan",
    ]
    assert "dissimilarities only" in found["oasm"].reason
    assert found["groups"].verdict == found["duplicates"].verdict == "pass"


def test_tiny_data_with_constant_units_neither_fail_nor_refuse(tmp_path: Path) -> None:
    found = by_name(tiny_dataset(tmp_path))
    assert set(found) == set(CANARIES)
    assert "refuse" not in {f.verdict for f in found.values()}


def test_long_recordings_are_seen_around_borders_of_folds() -> None:
    codes = np.repeat(np.arange(4), 1500)
    data = told(autoregressive(6000, 3, np.random.default_rng(3), codes, 0.8), groups=[f"s{k}" for k in codes])
    case = Case(data, data.split())
    assert len(case.rows) <= MOST_ROWS
    assert case.problem is not None and len(case.problem.split.folds) == 4
    for border in (1500, 3000, 4500):
        assert {border - 1, border} <= set(case.rows.tolist())
    assert temporal_kernel(case).verdict == "pass"
    assert temporal_kernel(Case(data, shuffled(6000, 4, audit=True))).verdict == "refuse"


def test_of_very_many_folds_some_are_fitted() -> None:
    data = told(autoregressive(600, 3, np.random.default_rng(3), np.zeros(600, np.int64), 0.8))
    case = Case(data, contiguous(600, 150))
    assert case.problem is not None
    tested = [int(fold.test[0]) for fold in case.problem.split.folds]
    assert len(tested) == MOST_FOLDS and tested[0] == 0 and tested[-1] == 596
    assert set(np.diff(tested)) == {12, 16}
