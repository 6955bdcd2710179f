"""Responses sampled in time: what is refused, and what a pack keeps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gyral.canaries.case import Case
from gyral.canaries.duplicates import duplicate_stimuli
from gyral.canaries.groups import group_integrity
from gyral.canaries.lag import lag_scan
from gyral.canaries.oasm import oasm
from gyral.datasets.dataset import Dataset
from gyral.datasets.pack import check_pack, content_hash, read_pack, write_pack
from gyral.datasets.soundness import check_dataset
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import Signal, Timeline, fir_delays, lags
from gyral.errors import BadDataset
from gyral.features.timed import Placement
from planted_stories import planted_stories


def changed(onset: Any = None, **timeline: Any) -> Dataset:
    """Planted stories with other onsets (a function of them) or another timeline."""
    dataset, _ = planted_stories(stories=3, samples=40)
    assert dataset.timeline is not None
    if onset is not None:
        stimuli = replace(dataset.stimuli, columns={"onset": onset(dataset.stimuli.columns["onset"].copy())})
        dataset = replace(dataset, stimuli=stimuli)
    return replace(dataset, timeline=replace(dataset.timeline, **timeline))


def _swapped(onset: np.ndarray) -> np.ndarray:
    onset[[3, 4]] = onset[[4, 3]]
    return onset


def _unknown(onset: np.ndarray) -> np.ndarray:
    onset[3] = np.nan
    return onset


BAD = {
    "milliseconds": ({"onset": lambda o: o * 1000}, "timeline-onsets", "divide them by 1000"),
    "unsorted": ({"onset": _swapped}, "timeline-onsets", "stimulus '0005' of story 'story-0' begins before"),
    "nan": ({"onset": _unknown}, "timeline-onsets", "onset of stimulus '0004' is nan"),
    "negative": ({"onset": lambda o: o - 5}, "timeline-onsets", "begins before the story does"),
    "text": ({"onset": lambda o: np.array(["soon"] * len(o))}, "timeline-onsets", "other things than numbers"),
    "period too short": ({"period": 1.0}, "timeline-onsets", "begin after the last sample .*40 samples of 1 s"),
    "period too long": ({"period": 8.0}, "timeline-period", "Check the time between samples"),
    "period in ms": ({"period": 2000.0}, "timeline-period", "40 samples of 2000 s end at 80000.0 s"),
    "no period": ({"period": float("nan")}, "timeline-period", "seconds above 0"),
    "delays": ({"delays": (2, 1)}, "timeline-delays", "ascending"),
    "no delays": ({"delays": ()}, "timeline-delays", "ascending"),
    "story shorter than delays": ({"delays": (1, 45)}, "story-too-short", "40 samples; the longest delay is 45"),
    "split stories": ({"stories": ("story-0", "story-1") * 60}, "timeline-stories", "do not stand together"),
    "unknown story": ({"stories": ("other",) * 120}, "timeline-stories", "stand on one side only"),
    "signal": ({"signals": {"envelope": Signal(np.zeros((119, 1)))}}, "timeline-signals", "Resample it"),
}


@pytest.mark.parametrize("case", BAD)
def test_times_that_do_not_fit_are_refused_with_what_to_do(case: str) -> None:
    changes, code, text = BAD[case]
    with pytest.raises(BadDataset, match=text) as caught:
        check_dataset(changed(**changes))
    assert caught.value.code == code


def test_a_timeline_needs_onsets_and_stories() -> None:
    dataset = changed()
    for stimuli, code in (
        (replace(dataset.stimuli, columns={}), "timeline-onsets"),
        (replace(dataset.stimuli, groups=None), "timeline-stories"),
    ):
        with pytest.raises(BadDataset) as caught:
            check_dataset(replace(dataset, stimuli=stimuli))
        assert caught.value.code == code


def test_responses_have_a_row_a_sample_and_not_a_stimulus() -> None:
    dataset = changed()
    assert dataset.responses is not None and dataset.samples == 120 != len(dataset.stimuli)
    short = {"s1": dataset.responses.values["s1"][:119]}
    with pytest.raises(BadDataset, match="does not fit 120 samples in time"):
        check_dataset(replace(dataset, responses=replace(dataset.responses, values=short)))


def test_only_whole_stories_are_held_out_and_a_single_one_in_segments_with_gaps() -> None:
    dataset = changed()
    held = [{dataset.sample_groups[i] for i in f.test} for f in dataset.split().folds]  # type: ignore[index]
    assert held == [{"story-0"}, {"story-1"}, {"story-2"}]
    with pytest.raises(BadDataset) as caught:
        replace(dataset, split_kind="contiguous", split_folds=5, split_gap=5).split()
    assert caught.value.code == "story-cut"
    one, _ = planted_stories(stories=1, samples=100, split_kind="contiguous", split_folds=5)
    with pytest.raises(BadDataset, match="at least its longest delay, 4 samples; the gap is 0"):
        one.split()
    with pytest.raises(BadDataset, match="needs several stories"):
        replace(one, split_kind="grouped").split()
    split = replace(one, split_gap=5).split()
    for fold in split.folds:
        assert np.abs(fold.train[:, None] - fold.test).min() == 6
        for inner in split.inner(fold):
            assert np.abs(inner.train[:, None] - inner.test).min() == 6


def test_delays_that_cannot_be_are_refused() -> None:
    for make in (
        lambda: fir_delays(9.0),
        lambda: fir_delays(0.0),
        lambda: lags(0, 100, 0),
        lambda: lags(1, 2, 64),
    ):
        with pytest.raises(BadDataset):
            make()


def test_a_pack_keeps_the_timeline_and_its_hash_tells_timelines_apart(tmp_path: Path) -> None:
    signals = {
        "envelope": Signal(np.linspace(0, 1, 240).reshape(120, 2)),
        "power": Signal(np.ones((120, 1)), False),
    }
    dataset = changed(signals=signals, start=0.5)
    digest = write_pack(dataset, tmp_path / "pack")
    assert check_pack(tmp_path / "pack") == []
    read = read_pack(tmp_path / "pack")
    assert read.timeline is not None and dataset.timeline is not None
    assert content_hash(read) == digest
    assert read.timeline.delays == dataset.timeline.delays and read.sample_ids == dataset.sample_ids
    assert not read.timeline.signals["power"].delayed
    np.testing.assert_allclose(read.timeline.signals["envelope"].values, signals["envelope"].values)
    for other in ({"delays": (1, 2)}, {"start": 0.0}, {"window": 2}, {"placement": "impulse"}, {"signals": {}}):
        assert content_hash(changed(**({"signals": signals, "start": 0.5} | other))) != digest


def test_a_damaged_sample_table_is_named(tmp_path: Path) -> None:
    write_pack(changed(), tmp_path / "pack")
    (tmp_path / "pack" / "samples.parquet").unlink()
    with pytest.raises(BadDataset, match=r"samples\.parquet"):
        read_pack(tmp_path / "pack")


def test_no_canary_sings_over_whole_stories_and_words_at_a_wrong_time_are_noticed() -> None:
    for delay, verdict in ((3, "pass"), (6, "warn")):
        dataset = _with_rate(delay)
        case = Case(dataset, dataset.split())
        assert group_integrity(case).verdict == oasm(case).verdict == "pass"
        assert oasm(case).score is not None and oasm(case).score.value == 0  # type: ignore[union-attr]
        assert lag_scan(case).verdict == verdict
        assert duplicate_stimuli(case).verdict == "pass"


def _with_rate(delay: int) -> Dataset:
    """Responses that follow the rate of words so many samples later; 1 to 4 are declared."""
    dataset, _ = planted_stories(signal=0.0, units=3, stories=4, samples=80)
    assert dataset.timeline is not None and dataset.responses is not None
    rate = Placement.of(dataset.timeline, dataset.stimuli).rate.reshape(4, 80)
    later = np.roll(rate, delay, axis=1).reshape(-1, 1)
    values = dataset.responses.values["s1"] + 2 * (later - later.mean()) / later.std()
    return replace(dataset, responses=replace(dataset.responses, values={"s1": values.astype(np.float32)}))


def test_the_same_story_under_two_names_is_refused() -> None:
    dataset = changed()
    groups = np.array(dataset.stimuli.groups)
    first, other = (np.flatnonzero(groups == f"story-{k}") for k in (0, 1))
    kept = np.concatenate([first, other[: len(first)], np.flatnonzero(groups == "story-2")])
    texts, onset = np.array(dataset.stimuli.texts)[kept], dataset.stimuli.columns["onset"][kept]
    count = min(len(first), len(other))
    texts[len(first) : len(first) + count] = texts[:count]
    keep = np.r_[:count, len(first) : len(kept)]
    stimuli = StimulusSet.from_texts(
        texts[keep].tolist(), groups=groups[kept][keep].tolist(), columns={"onset": onset[keep]}
    )
    twice = replace(dataset, stimuli=stimuli)
    found = duplicate_stimuli(Case(twice, twice.split()))
    assert found.verdict == "refuse" and "'story-0' and 'story-1' have the same words" in found.reason


def test_the_ids_of_samples_count_within_their_story() -> None:
    assert Timeline(2.0, ("a", "a", "b"), (1,)).ids == ("a:1", "a:2", "b:1")
