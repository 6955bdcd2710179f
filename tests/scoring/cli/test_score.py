"""``gyral score`` and ``gyral show`` on the simulated cortex."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from gyral.cli.score import score
from gyral.cli.show import show
from gyral.datasets.catalogue import open_dataset
from gyral.record import Record


def invoke(command, *arguments: str):
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> tuple[Path, Record]:
    folder = tmp_path_factory.mktemp("record") / "r"
    done = invoke(score, "word-length", "-b", "sim-language", "--out", str(folder), "--progress", "json")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert lines[-1] == {"record": str(folder / "record.json")}
    assert {line["step"] for line in lines[:-1]} >= {"features", "ridge", "statistics"}
    return folder, Record.from_json((folder / "record.json").read_text())


def test_record_finds_the_planted_length_region_and_nothing_in_noise(scored) -> None:
    _, record = scored
    length, noise = record.main("sim_length"), record.main("sim_noise")
    assert length.value > 0.4
    assert length.ceiled > 0.5
    assert abs(noise.value) < 0.15
    assert noise.ceiling > 0.1, "the noise region has a ceiling, and length cannot reach it"
    assert record.benchmark.simulated


def test_record_has_a_row_for_each_region_subject_and_layer(scored) -> None:
    _, record = scored
    cells = {(r.region, r.subject, r.layer) for r in record.rows}
    regions = {r.region for r in record.rows}
    assert cells == {
        (g, s, k) for g in regions for s in ("all", "sim-1", "sim-2", "sim-3") for k in ("chosen", "length")
    }
    assert all(row.low <= row.value <= row.high for row in record.rows if row.value is not None)


def test_arrays_beside_the_record_give_its_values(scored) -> None:
    folder, record = scored
    units = pd.read_parquet(folder / "units.parquet")
    for region, table in units.groupby("region"):
        over_subjects = table.groupby("subject")["r"].median().mean()
        assert record.main(str(region)).value == pytest.approx(over_subjects, abs=1e-9)
    predictions = np.load(folder / "predictions.npy")
    assert predictions.dtype == np.float32
    assert predictions.shape == (1, record.rows[0].n_samples, len(units))


def test_scoring_again_gives_the_same_record(scored, tmp_path) -> None:
    _, record = scored
    done = invoke(
        score, "word-length", "-b", "sim-language@1", "-q", "--out", str(tmp_path / "again"), "--json", "-"
    )
    assert Record.from_json(done.output).same_scores_as(record)


def test_show_prints_a_table_that_says_simulated(scored, tmp_path) -> None:
    folder, record = scored
    shown = invoke(show, str(folder)).output
    assert "SIMULATED DATA" in shown
    assert "overlap of training data and stimuli: no overlap. The model was never trained." in shown
    for region in {r.region for r in record.rows}:
        assert region in shown
    page = tmp_path / "page.html"
    invoke(show, str(folder / "record.json"), "--html", str(page))
    assert "Simulated data." in page.read_text()
    assert all(f"<th>{name}</th>" in page.read_text() for name in ("FDR p", "R2", "left"))
    assert Record.from_json(invoke(show, str(folder), "--json").output) == record


def test_published_schema_is_the_one_in_the_documents() -> None:
    written = json.loads((Path(__file__).parents[3] / "docs" / "record.schema.json").read_text())
    assert written == Record.model_json_schema(), "run: python -m gyral.record > docs/record.schema.json"


def test_modality_mismatch_names_both_sides() -> None:
    done = CliRunner().invoke(score, ["word-length", "-b", "sim-vision", "-q"])
    assert done.exit_code == 1
    assert "'word-length' is a language model; benchmark sim-vision@1 shows image stimuli" in str(done.exception)


def test_unknown_layer_suggests_the_nearest() -> None:
    done = CliRunner().invoke(score, ["word-length", "-b", "sim-language", "--layers", "lenght", "-q"])
    assert "Did you mean 'length'?" in str(done.exception)


def test_score_notes_that_weights_are_used(tmp_path: Path, monkeypatch) -> None:
    real, cache = Path(os.environ["GYRAL_CACHE"]), tmp_path / "cache"
    open_dataset("sim-language")
    shutil.copytree(real / "packs" / "sim-language", cache / "packs" / "sim-language")
    monkeypatch.setenv("GYRAL_CACHE", str(cache))
    weights = cache / "weights" / "word-length"  # a floor has none; its card decides the place all the same
    weights.mkdir(parents=True)
    os.utime(weights, (0, 0))
    done = invoke(score, "word-length", "-b", "sim-language", "-q", "--out", str(tmp_path / "r"))
    assert done.exit_code == 0
    assert weights.stat().st_mtime > 0
