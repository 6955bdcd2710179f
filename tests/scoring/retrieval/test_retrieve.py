"""Retrieval of a dataset's held-out stimuli in a model's features, and its command."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gyral.cli.retrieve import retrieve as command
from gyral.errors import BadDataset
from gyral.features.features import Features
from gyral.retrieval.network import Shape
from gyral.retrieval.retrieve import retrieve
from gyral.retrieval.training import Decoder
from tiny_meg import SENSORS, TIMES, recorded

TEXTS = [f"sentence {i}" for i in range(80)]
SMALL = Decoder(shape=Shape(mixed=12, hidden=16, layers=2, frequencies=3), epochs=2)


def test_the_planted_layer_is_taken_and_its_items_are_found() -> None:
    rng = np.random.default_rng(1)
    planted = rng.standard_normal((80, 5)).astype(np.float32)
    values = planted @ rng.standard_normal((5, SENSORS * TIMES)) + rng.standard_normal((80, SENSORS * TIMES))
    dataset = recorded(TEXTS, values=values)
    features = {
        "noise": Features("noise", rng.standard_normal((80, 5)).astype(np.float32)),
        "planted": Features("planted", planted),
    }
    found = retrieve(features, dataset, decoder=SMALL)
    assert found.layers == ("planted",) * 5
    rows = {(r["decoder"], r["subject"]): r for r in found.rows()}
    assert set(rows) == {(d, s) for d in ("ridge", "contrastive") for s in ("all", "single", "a", "b")}
    ridge = rows["ridge", "single"]
    assert ridge["candidates"] == 16 and ridge["chance1"] == pytest.approx(1 / 16) and ridge["windows"] == 160
    assert ridge["top1_low"] > 0.5 and ridge["relative_rank"] == 0.0
    assert rows["contrastive", "all"]["windows"] == 80


def test_the_same_stimulus_on_both_sides_of_a_fold_is_refused() -> None:
    dataset = recorded([*TEXTS[:79], TEXTS[0]])
    with pytest.raises(BadDataset, match="1 stimuli stand on both sides") as caught:
        retrieve({"f": Features("f", np.eye(80, dtype=np.float32))}, dataset, decoder=SMALL)
    assert caught.value.code == "duplicates-across-folds"


def test_the_command_refuses_what_has_no_sensors_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path))
    done = CliRunner().invoke(command, ["word-length", "-b", "sim-language", "-q"])
    assert isinstance(done.exception, BadDataset) and done.exception.code == "no-time-axis"


@pytest.mark.slow
def test_the_command_finds_sentences_by_their_length_and_writes_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GYRAL_CACHE", str(tmp_path))
    file = tmp_path / "found.json"
    asked = ["word-length", "-b", "sim-eeg", "--decoder", "ridge", "-q", "--json", str(file)]
    done = CliRunner().invoke(command, asked, catch_exceptions=False)
    assert done.exit_code == 0 and "(simulated)" in done.output
    told = json.loads(file.read_text())
    everyone = next(r for r in told["rows"] if r["subject"] == "all")
    assert everyone["top10_low"] > everyone["chance10"] + 0.3 and told["simulated"] and len(told["layers"]) == 5
