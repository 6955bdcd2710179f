"""``gyral extract``: the folder it writes is sound, and scores as the model itself does."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import uploads
from gyral.benchmarks.installed import find_benchmark
from gyral.cli.show import as_html
from gyral.datasets.catalogue import open_dataset
from gyral.evaluate import evaluate
from gyral.models.upload import check_folder, open_folder


def gyral(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gyral.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("name", "benchmark", "layers"),
    [("bert", "sim-language", ["block.*"]), ("conv", "sim-vision", ["body", "head"])],
)
def test_extracted_features_score_as_the_model_does(
    name: str, benchmark: str, layers: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "features"
    wanted = [part for pattern in layers for part in ("--layers", pattern)]
    done = gyral("extract", uploads.GOOD / name, "--benchmark", benchmark, "--out", out, *wanted)
    assert done.returncode == 0, done.stderr
    assert check_folder(out).ok
    written = open_folder(out)
    assert written.layers() == (("block.0", "block.1") if name == "bert" else ("body", "head"))
    found = find_benchmark(benchmark)
    dataset = open_dataset(found.dataset)
    direct = evaluate([open_folder(uploads.GOOD / name)], found, dataset, layers=layers, controls="none").record
    again = evaluate([written], found, dataset, controls="none").record
    assert len(direct.rows) == len(again.rows) > 2
    for one, other in zip(direct.rows, again.rows, strict=True):
        assert (one.region, one.subject, one.layer) == (other.region, other.subject, other.layer)
        np.testing.assert_allclose(one.value, other.value, atol=1e-5)
    assert again.benchmark == direct.benchmark
    assert (direct.model.features, again.model.features) == ("computed", "given")
    assert "self-reported" in as_html(again) and "self-reported" not in as_html(direct)
    checked = gyral("check", out, "--benchmark", benchmark)
    assert checked.returncode == 0
    assert "nothing is wrong" in checked.stdout


def test_words_are_written_as_words_and_read_by_readouts_of_positions(tmp_path: Path) -> None:
    out = tmp_path / "features"
    done = gyral(
        "extract", uploads.GOOD / "bert", "-b", "sim-language", "--out", out, "--layers", "block.1", "--words"
    )
    assert done.returncode == 0, done.stderr
    found = find_benchmark("sim-language")
    dataset = open_dataset(found.dataset)
    records = [
        evaluate([open_folder(f)], found, dataset, layers=["block.1"], readout="gap", controls="none").record
        for f in (out, uploads.GOOD / "bert")
    ]
    values = [[r.value for r in record.rows] for record in records]
    np.testing.assert_allclose(values[0], values[1], atol=1e-5)
    images = gyral("extract", "pixels", "-b", "sim-vision", "--out", tmp_path / "images", "--words")
    assert images.returncode == 1
    assert "shows no text" in images.stderr


def test_extract_refuses_a_full_folder_and_unknown_names(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").write_text("x")
    full = gyral("extract", uploads.GOOD / "conv", "--benchmark", "sim-vision", "--out", tmp_path / "full")
    assert (full.returncode, (tmp_path / "full" / "kept").read_text()) == (1, "x")
    assert "something already" in full.stderr
    typo = gyral("extract", uploads.GOOD / "conv", "--benchmark", "sim-visoin", "--out", tmp_path / "new")
    assert typo.returncode == 1
    assert "Did you mean 'sim-vision'" in typo.stderr


def test_extract_leaves_nothing_where_the_model_does_not_fit(tmp_path: Path) -> None:
    out = tmp_path / "features"
    wrong = gyral("extract", uploads.GOOD / "conv", "--benchmark", "sim-language", "--out", out)
    assert wrong.returncode == 1
    assert "vision model" in wrong.stderr
    assert list(tmp_path.iterdir()) == []


def test_extract_takes_one_model_at_a_time(tmp_path: Path) -> None:
    many = gyral("extract", f"{uploads.GOOD / 'conv'}:untrained", "-b", "sim-vision", "--out", tmp_path / "new")
    assert many.returncode == 1
    assert "5 models" in many.stderr
