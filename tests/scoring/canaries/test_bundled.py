"""Every bundled dataset that has a board, under its declared split: no canary refuses it."""

from functools import cache

import numpy as np
import pytest

from gyral.audit import Audit, audit
from gyral.benchmarks.catalogue import BUNDLED
from gyral.canaries.battery import CANARIES
from gyral.canaries.case import Case
from gyral.canaries.kernel import temporal_kernel
from gyral.canaries.lag import lag_scan
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.split import shuffled
from gyral.places import mirror
from planted_leaks import told

BOARDS = [
    pytest.param(b.dataset, marks=() if b.simulated else pytest.mark.data)
    for b in {b.dataset: b for b in BUNDLED}.values()
]


@cache
def report(name: str) -> Audit:
    benchmark = next(b for b in BUNDLED if b.dataset == name)
    return audit(open_dataset(name), ceiling=benchmark.ceiling)


@pytest.mark.parametrize("name", BOARDS)
def test_no_canary_refuses_a_bundled_benchmark(name: str) -> None:
    found = report(name)
    assert [f.canary for f in found.findings] == list(CANARIES)
    assert not found.refused, [f.reason for f in found.refused]
    assert found.declared and found.ceilings
    found.require_fit()


@pytest.mark.data
def test_near_twins_of_v4_are_warned_of() -> None:
    (twins,) = (f for f in report("cowley2023-v4").findings if f.canary == "duplicates")
    assert (twins.verdict, twins.facts["across_folds"], twins.facts["equal_across_folds"]) == ("warn", 5, 0)
    assert twins.facts["share_of_held_out"] < 0.02


@pytest.mark.data
@pytest.mark.parametrize(("name", "least"), [("tuckute2024", 0.1), ("cowley2023-v4", 0.07)])
def test_order_scores_on_real_items_once_they_are_shuffled(name: str, least: float) -> None:
    """Sentences and images that count as independent are not: their order carries r of .1 and more."""
    dataset = open_dataset(name)
    found = temporal_kernel(Case(dataset, shuffled(len(dataset.stimuli), 5, audit=True)))
    assert found.verdict == "refuse" and found.score is not None and found.score.value > least


@pytest.mark.data
@pytest.mark.parametrize(("moved", "lag"), [(0, 0), (1, 1)])
def test_lag_scan_follows_real_reading_times_by_the_row(moved: int, lag: int) -> None:
    """Natural Stories lists each time a row early; long words slow the next one, so that as shipped all looks well."""
    import pandas as pd

    folder = mirror()
    assert folder is not None
    words = pd.read_csv(folder / "naturalstories_spr" / "words.csv", keep_default_na=False)
    words = words[words["story"] <= 5]
    times = np.roll(words["mean_rt_ms"].to_numpy(float), moved)[:, None]
    groups = [f"story-{k}" for k in words["story"]]
    data = told(times, texts=words["word"].astype(str).tolist(), groups=groups)
    assert lag_scan(Case(data, data.split())).facts["best_lag"] == lag
