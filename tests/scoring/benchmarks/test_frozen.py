"""What decides a score of a bundled benchmark never changes under its version."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from gyral.benchmarks.benchmark import Benchmark
from gyral.benchmarks.catalogue import BUNDLED
from gyral.datasets.catalogue import RECIPES
from gyral.datasets.recipe import Recipe
from gyral.readouts import READOUTS

FROZEN: dict[str, dict[str, object]] = json.loads(Path(__file__).with_name("frozen.json").read_text("utf-8"))


def frozen(benchmark: Benchmark) -> dict[str, object]:
    """The recipe's hash, the defaults of its readout, and the content of its data where a recipe promises it.

    Made datasets have no promised content: their last digits are the machine's.
    """
    readout = {} if benchmark.readout == "none" else vars(READOUTS.load(benchmark.readout)())
    recipe = RECIPES.load(benchmark.dataset)
    return {
        "recipe": benchmark.content_hash(""),
        "readout": {k: str(v) for k, v in sorted(readout.items()) if k != "device" and not k.startswith("_")},
        "dataset": recipe.content_hash if isinstance(recipe, Recipe) else None,
    }


@pytest.mark.parametrize("benchmark", BUNDLED, ids=lambda b: b.id)
def test_benchmark_is_what_it_was_when_it_was_frozen(benchmark: Benchmark) -> None:
    assert benchmark.version >= 1
    assert benchmark.id in FROZEN, f"{benchmark.id} is new: add what it is to frozen.json"
    assert frozen(benchmark) == FROZEN[benchmark.id], f"{benchmark.id} changed: give it a new version"


def test_every_field_that_decides_a_score_is_in_the_hash() -> None:
    one = BUNDLED[0]
    told = {"title", "summary", "holdout"}  # a holdout moves rows of the dataset, which has a hash of its own
    other = {
        "modality": "language",
        "task": "rsa",
        "grid": 9,
        "channels": 5,
        "context": "group",
        "simulated": True,
        "rdm": "crossnobis",
        "metric": "r2",
        "readout": "ols",
    }
    for field in fields(Benchmark):
        if field.name in told:
            continue
        value = other.get(field.name, "another" if field.type is str else 7)
        changed = {f.name: getattr(one, f.name) for f in fields(Benchmark)} | {field.name: value}
        if field.name == "context":
            changed["modality"] = "language"
        assert Benchmark(**changed).content_hash("") != one.content_hash(""), field.name


def test_no_frozen_benchmark_is_lost() -> None:
    assert {b.id for b in BUNDLED} >= set(FROZEN)
