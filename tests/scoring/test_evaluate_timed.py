"""A score of words in time, through `evaluate`."""

from pathlib import Path

import numpy as np
import pytest

from array_model import ArrayModel
from gyral.benchmarks.benchmark import Benchmark
from gyral.datasets.timeline import Signal, Timeline, fir_delays
from gyral.errors import UserError
from gyral.evaluate import evaluate
from planted_stories import planted_stories

BENCHMARK = Benchmark(
    name="stories", version=0, title="Stories", modality="language", dataset="planted-stories", task="encoding",
    metric="pearson", readout="ridge", ceiling="none", main_region="all", context="group",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path / "cache"))


def test_a_model_of_words_is_scored_on_samples_beyond_their_rate_and_sound() -> None:
    power = np.random.default_rng(2).standard_normal((240, 1))
    stories = tuple(f"story-{i // 80}" for i in range(240))
    timeline = Timeline(2.0, stories, fir_delays(2.0), signals={"sound-power": Signal(power)})
    dataset, vectors = planted_stories(signal=0.4, stories=3, units=3, features=4, timeline=timeline)
    model = ArrayModel(dataset.stimuli.ids, {"planted": vectors, "noise": np.roll(vectors, 37, axis=0)}, batch=512)
    result = evaluate([model], BENCHMARK, dataset, readout="ridge")
    chosen = next(r for r in result.record.rows if r.layer == "chosen")
    assert chosen.layers_chosen == {"planted": 3}
    assert chosen.value is not None and chosen.value > 0.45  # ceiling: root of .4 = .63
    assert {"length", "position", "word-rate", "sound-power"} <= set(result.record.controls.nuisances)
    assert chosen.unique_low is not None and chosen.unique_low > 0.1
    assert result.predictions is not None and result.predictions.shape[1] == 240
    assert set(model.shown) == set(dataset.stimuli.ids)


def test_readouts_of_positions_are_refused_where_words_share_samples() -> None:
    dataset, vectors = planted_stories(stories=3, samples=40)
    model = ArrayModel(dataset.stimuli.ids, {"words": vectors})
    with pytest.raises(UserError, match="several stimuli share a sample") as caught:
        evaluate([model], BENCHMARK, dataset, readout="attention")
    assert caught.value.code == "timeline-readout"
    assert not model.shown
