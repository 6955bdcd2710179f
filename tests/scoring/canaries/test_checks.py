"""Canaries that fit nothing or look at rows: duplicates, groups, wiped rows, lags."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gyral.canaries import held_out
from gyral.canaries.case import Case
from gyral.canaries.duplicates import clusters, duplicate_stimuli
from gyral.canaries.groups import group_integrity
from gyral.canaries.held_out import wiped_held_out_rows
from gyral.canaries.lag import lag_scan
from gyral.datasets.dataset import Dataset
from gyral.datasets.near import NearPair
from gyral.datasets.simulated_images import png
from gyral.datasets.split import Split, shuffled
from gyral.datasets.stimulus import StimulusSet
from planted_leaks import LENGTH, STORIES, stories, told

WORDS = [
    "river",
    "stone",
    "cloud",
    "amber",
    "violin",
    "harbour",
    "candle",
    "orchard",
    "marble",
    "lantern",
    "thunder",
]


def sentences(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 9)) + f" {i}" for i in range(count)]


def case(dataset: Dataset, split: Split | None = None) -> Case:
    return Case(dataset, split or dataset.split())


def noise(count: int, units: int = 6, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(size=(count, units))


def test_equal_texts_on_both_sides_are_refused() -> None:
    texts = sentences(60)
    texts[55] = texts[3]
    found = duplicate_stimuli(case(told(noise(60), texts=texts)))
    assert (found.verdict, found.facts["equal_across_folds"]) == ("refuse", 1)
    assert found.facts["examples"] == [["0004", "0056", 1.0]]


def test_equal_texts_in_one_fold_are_no_leak() -> None:
    texts = sentences(60)
    texts[1] = texts[3]
    found = duplicate_stimuli(case(told(noise(60), texts=texts)))
    assert (found.verdict, found.facts["pairs"], found.facts["across_folds"]) == ("pass", 1, 0)
    assert (
        found.reason
        == "None of 60 stimuli stands on both sides of a fold; on one side together: 1 pair of equal stimuli."
    )
    whole = duplicate_stimuli(case(told(noise(60), texts=sentences(60))))
    assert (whole.facts["pairs"], whole.reason) == (0, "None among 60 stimuli.")


def test_single_words_may_come_again() -> None:
    words = [WORDS[i % 5] for i in range(60)]
    assert duplicate_stimuli(case(told(noise(60), texts=words))).verdict == "not-applicable"


def near(count: int) -> tuple[list[str], np.ndarray[Any, Any]]:
    """100 sentences, ``count`` of the last 20 said again with other punctuation in the first 80; twins respond alike."""
    texts, values = sentences(100), noise(100)
    for k in range(count):
        texts[4 * k] = texts[99 - k].replace(" ", ", ", 1) + "!"
        values[4 * k] = values[99 - k]
    return texts, values


def test_one_near_twin_is_warned_of() -> None:
    texts, values = near(1)
    found = duplicate_stimuli(case(told(values, texts=texts)))
    assert found.verdict == "warn" and found.facts["share_of_held_out"] == 0.02


def test_many_near_twins_that_score_are_refused() -> None:
    texts, values = near(15)
    found = duplicate_stimuli(case(told(values, texts=texts)))
    assert found.verdict == "refuse" and found.score is not None
    assert found.score.value > 0.3 and found.facts["share_of_held_out"] == 0.3


def test_many_near_twins_that_do_not_respond_alike_are_warned_of() -> None:
    texts, _ = near(15)
    assert duplicate_stimuli(case(told(noise(100, seed=5), texts=texts))).verdict == "warn"


def test_images_are_compared_by_what_they_show(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    files = []
    for i in range(30):
        coarse = rng.integers(0, 256, size=(6, 6, 3), dtype=np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((48, 48)))
        if i == 29:
            picture = np.asarray(Image.open(files[2]).convert("RGB")).astype(int) // 2 + 60  # paler
        files.append(tmp_path / f"picture-{i:02d}.png")
        files[-1].write_bytes(png(np.asarray(picture, np.uint8)))
    found = duplicate_stimuli(case(told(noise(30), stimuli=StimulusSet.from_files(files))))
    assert found.verdict in ("warn", "refuse")
    assert found.facts["examples"][0][:2] == ["picture-02", "picture-29"]


def test_clusters_join_what_pairs_link() -> None:
    space = clusters(6, [NearPair(0, 3, 1.0, True), NearPair(3, 5, 0.9, False), NearPair(1, 2, 0.9, False)])
    assert space.tolist() == [[1, 0], [0, 1], [0, 1], [1, 0], [0, 0], [1, 0]]


def test_group_on_both_sides_is_refused() -> None:
    groups = [f"run-{i // 11}" for i in range(60)]
    found = group_integrity(case(told(noise(60), groups=groups, split_kind="contiguous")))
    assert found.verdict == "refuse" and "run-1" in found.reason
    assert found.facts["broken"]["group"][:2] == ["run-1", "run-2"]


@pytest.mark.parametrize(("column", "verdict"), [("story", "refuse"), ("subject", "warn"), ("colour", "pass")])
def test_columns_that_name_what_must_stay_whole(column: str, verdict: str) -> None:
    data = told(noise(60))
    stimuli = replace(data.stimuli, columns={column: np.array(["a", "b"] * 30)})
    assert group_integrity(case(replace(data, stimuli=stimuli))).verdict == verdict


def test_gap_of_a_pack_is_kept_and_counts(tmp_path: Path) -> None:
    from gyral.datasets.pack import content_hash, read_pack, write_pack

    data = told(noise(60), split_gap=4)
    assert content_hash(data) != content_hash(replace(data, split_gap=0))
    write_pack(data, tmp_path / "told")
    back = read_pack(tmp_path / "told")
    assert back.split_gap == 4 and back.split().name == "contiguous-5-gap-4"
    assert content_hash(back) == content_hash(data)


def test_engine_learns_nothing_from_held_out_rows() -> None:
    found = wiped_held_out_rows(case(stories()))
    assert found.verdict == "pass" and "last bit" in found.reason


def test_engine_that_scales_by_all_rows_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky:
        """Ridge behind a scale taken over all rows, held-out ones too."""

        def __init__(self, inner: Any) -> None:
            self._inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def fit(self, features: Any, responses: Any, *args: Any, **options: Any) -> Any:
            return self._inner.fit(features, responses - np.nanmean(responses, axis=0), *args, **options)

    opened = held_out.open_readout
    monkeypatch.setattr(held_out, "open_readout", lambda *a, **k: Leaky(opened(*a, **k)))
    found = wiped_held_out_rows(case(stories()))
    assert found.verdict == "refuse" and found.mend


def lengths(texts: list[str], shift: int, seed: int = 0) -> np.ndarray[Any, Any]:
    size = np.array([len(t) for t in texts], float)
    size = (size - size.mean()) / size.std()
    return np.roll(size, shift)[:, None] + np.random.default_rng(seed).normal(size=(len(texts), 4))


@pytest.mark.parametrize("shift", [0, 1, -2])
def test_lag_scan_finds_shifted_responses(shift: int) -> None:
    texts = sentences(300)
    found = lag_scan(case(told(lengths(texts, shift), texts=texts)))
    assert found.facts["best_lag"] == shift
    assert found.verdict == ("warn" if shift else "pass")
    if shift:
        assert f"{abs(shift)} row" in found.reason and ("earlier" if shift > 0 else "later") in found.reason


def test_lag_scan_does_not_cross_borders_of_groups() -> None:
    texts = sentences(300)
    passages = [f"p{i // 5}" for i in range(300)]
    found = lag_scan(case(told(lengths(texts, 0), texts=texts, groups=passages, split_kind="grouped")))
    assert (found.verdict, found.facts["reach"]) == ("pass", 1)
    pairs = [f"p{i // 2}" for i in range(300)]
    short = lag_scan(case(told(lengths(texts, 0), texts=texts, groups=pairs, split_kind="grouped")))
    assert short.verdict == "not-applicable"


def test_lag_scan_needs_order() -> None:
    assert lag_scan(case(told(noise(60), ordered=False))).verdict == "not-applicable"


def test_shuffled_groups_are_refused_for_whatever_reason_they_were_shuffled() -> None:
    assert group_integrity(case(stories(), shuffled(STORIES * LENGTH, 4, audit=True))).verdict == "refuse"
