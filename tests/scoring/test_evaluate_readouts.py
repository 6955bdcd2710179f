"""What `evaluate` asks of models for the sake of a readout."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from array_model import ArrayModel
from gyral.benchmarks.benchmark import Benchmark
from gyral.datasets.dataset import Dataset
from gyral.errors import BadFeatures, UserError
from gyral.evaluate import evaluate
from gyral.record import Record
from tiny_dataset import tiny_dataset

BENCHMARK = Benchmark(
    name="tiny", version=0, title="Tiny", modality="vision", dataset="tiny", task="encoding",
    metric="pearson", readout="ridge", ceiling="none", main_region="V4",
)  # fmt: skip


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path / "cache"))
    return tiny_dataset(tmp_path / "tiny")


def model(dataset: Dataset, *layers: str, seed: int = 0) -> ArrayModel:
    """Layers called "map..." have positions, the others none."""
    rng = np.random.default_rng(seed)
    count = len(dataset.stimuli)
    shapes = {name: (count, 4, 3, 3) if name.startswith("map") else (count, 5) for name in layers}
    arrays = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return ArrayModel(dataset.stimuli.ids, arrays, modality="vision")


def test_a_family_that_needs_positions_says_so_before_the_model_is_shown_all(dataset: Dataset) -> None:
    flat = model(dataset, "one", "two")
    with pytest.raises(BadFeatures, match="readout 'gap' needs positions") as caught:
        evaluate([flat], BENCHMARK, dataset, readout="gap")
    assert caught.value.where == "layer 'one'"
    assert flat.shown == [dataset.stimuli.ids[0]]


def test_layers_without_positions_are_not_extracted_for_such_a_family(dataset: Dataset) -> None:
    mixed = model(dataset, "flat", "map")
    record = evaluate([mixed], BENCHMARK, dataset, readout="gap").record
    assert {r.layer for r in record.rows} == {"chosen", "map"}


def test_nothing_stands_beside_a_readout_of_one_layer(dataset: Dataset) -> None:
    with pytest.raises(UserError, match="reads one layer at a time") as caught:
        evaluate([model(dataset, "one")], BENCHMARK, dataset, beside=[model(dataset, "two")])
    assert caught.value.code == "nothing-beside"


def banded(dataset: Dataset) -> Record:
    return evaluate(
        [model(dataset, "one")], BENCHMARK, dataset, readout="banded", beside=[model(dataset, "two", seed=1)]
    ).record


def test_a_model_beside_is_a_space_of_its_own(dataset: Dataset) -> None:
    record = banded(dataset)
    row = record.main("visual")
    assert set(row.unique) == set(row.shares) == {"one", "array-model/two"}
    assert record.provenance.readout["beside"] == {"array-model": "array-model-two"}
    assert "--beside array-model" in record.provenance.command
    assert record.same_scores_as(banded(dataset))


def test_overlapping_regions_and_constant_units_pass_through_every_family(dataset: Dataset) -> None:
    for readout in ("fwrf", "factorized:epochs=2", "attention:epochs=2"):
        record = evaluate([model(dataset, "map")], BENCHMARK, dataset, readout=readout).record
        assert record.rows[0].readout == readout
        assert {r.region for r in record.rows} == {"visual", "V4", "ventral"}
        assert any("constant" in w for w in record.warnings)


def test_receptive_fields_are_where_the_images_stood(dataset: Dataset) -> None:
    def field(**shown: object) -> Record:
        there = replace(dataset, stimuli=replace(dataset.stimuli, **shown))
        return evaluate([model(dataset, "map")], BENCHMARK, there, readout="fwrf").record

    centred = field(degrees=8.0).main("V4").receptive_field
    moved = field(degrees=8.0, position=(5.0, -2.0)).main("V4").receptive_field
    assert (moved.x, moved.y) == pytest.approx((centred.x + 5, centred.y - 2))
    assert (moved.size, moved.unit) == (centred.size, "degrees")
