"""Metrics of RDMs and of triplets that another package brings: from entry point and pack to record and board."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import call_command
from django.test import Client

from gyral.benchmarks import installed
from gyral.cli.main import main
from gyral.datasets.dataset import About, Dataset
from gyral.datasets.pack import write_pack
from gyral.datasets.png import png
from gyral.datasets.region import Region
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.triplets import Triplets
from planted_package import plant
from source_folder import describe, image_stimuli, write_csv

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

RDMS = """
from dataclasses import dataclass
from gyral.rsa.comparator import Correlation

@dataclass(frozen=True)
class Planted(Correlation):
    title: str = "Planted similarity"
    description: str = "Pearson r of dissimilarities by another name"
    task: str = "rsa"

METRIC = Planted(centred=True)
"""
TRIPLETS = """
from gyral.triplets import cosine

class Planted:
    title, description, task = "Planted choices", "cosine by another name", "triplets"
    def __call__(self, features):
        return cosine(features)

METRIC = Planted()
"""
BENCHMARK = {
    "name": "own-board",
    "version": 0,
    "title": "Own",
    "modality": "vision",
    "dataset": "own",
    "readout": "none",
}
Gyral = Callable[..., tuple[int, str]]


@pytest.fixture
def gyral(capsys: pytest.CaptureFixture[str]) -> Gyral:
    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        told = capsys.readouterr()
        return int(left.value.code or 0), told.out + told.err

    return run


def rows(place: Path) -> list[dict[str, Any]]:
    record = json.loads((place / "record.json").read_text("utf-8"))
    return [{k: v for k, v in row.items() if k != "metric"} for row in record["rows"]]


def on_a_board(gyral: Gyral, tmp_path: Path, client: Client, metric: str, ours: str, title: str) -> None:
    """The installed benchmark of a metric (name, then package) scores as by ours of the same kind, and has a page and a board."""
    name, package = metric.split(maxsplit=1)
    for place, options in (("own", []), ("ours", ["--metric", ours])):
        status, told = gyral("score", "pixels", "-b", "own-board", "-q", *options, "--out", tmp_path / place)
        assert status == 0, told
    record = json.loads((tmp_path / "own/record.json").read_text("utf-8"))
    assert record["provenance"]["plugins"] == {f"metric {name}": package}
    assert {r["metric"] for r in record["rows"]} == {name}
    assert rows(tmp_path / "own") == rows(tmp_path / "ours")
    assert record["rows"][0]["p"] is not None
    call_command("sync_benchmarks", verbosity=0)
    page = client.get("/benchmarks/own-board@0/").content.decode()
    assert title in page and f"<code>{name}</code> of the package {package}" in page
    assert client.get("/boards/own-board@0/").status_code == 200


def test_a_comparator_of_another_package_has_a_board(
    gyral: Gyral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(installed, "BUNDLED", ())
    package = plant(tmp_path, monkeypatch, RDMS, metrics_similar="METRIC")
    folder, draw = tmp_path / "own-data", np.random.default_rng(0)
    stimuli = image_stimuli(folder, 30)
    values = draw.normal(size=(30, 8))
    columns = {f"n{k}": values[:, k] for k in range(8)}
    write_csv(folder / "r.csv", stimulus=[f"item{i:02d}" for i in range(30)], **columns)
    asked = {"task": "rsa", "metric": "similar", "ceiling": "rdm-bounds", "main_region": "V4", "rdm": "euclidean"}
    describe(
        folder,
        about={
            "name": "own",
            "title": "T",
            "description": "D",
            "licence": "CC0",
            "citation": "C",
            "ordered": False,
        },
        stimuli={k: v for k, v in stimuli.items() if k != "group"},
        responses={"reader": "table", "kind": "spikes", "unit": "Hz", "subjects": ["m"], "files": "r.csv"},
        regions=[{"name": "V4", "all": True}],
        split={"kind": "contiguous", "folds": 3},
        benchmark=BENCHMARK | asked,
    )
    for command, target in (("build", folder), ("install", folder / "pack")):
        status, told = gyral("data", command, target)
        assert status == 0, told
    on_a_board(
        gyral,
        tmp_path,
        client,
        f"similar {package}",
        "rsa-pearson",
        "Planted similarity: Pearson r of dissimilarities",
    )


def test_a_metric_of_triplets_of_another_package_has_a_board(
    gyral: Gyral, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(installed, "BUNDLED", ())
    package = plant(tmp_path, monkeypatch, TRIPLETS, metrics_choices="METRIC")
    draw = np.random.default_rng(0)
    files = [tmp_path / f"{i:02d}.png" for i in range(24)]
    for file in files:
        file.write_bytes(png(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)))
    items = np.stack([draw.choice(24, 3, replace=False) for _ in range(300)])
    choices = Triplets(items, draw.integers(0, 3, 300), np.arange(300) % 12)
    asked = {"task": "triplets", "metric": "choices", "ceiling": "none", "main_region": "people"}
    dataset = Dataset(
        About("own", "T", "D", licence="CC0", citation="C", ordered=False),
        StimulusSet.from_files(files, [f.stem for f in files]),
        responses=None,
        rdms={},
        units=pd.DataFrame({"subject": pd.Series(dtype=str), "unit": pd.Series(dtype=str)}),
        regions=(Region("people", np.array([], np.int64), ("people",), ""),),
        split_folds=3,
        extra={"triplets": choices.table(), "benchmark": BENCHMARK | asked},
    )
    write_pack(dataset, tmp_path / "pack")
    status, told = gyral("data", "install", tmp_path / "pack")
    assert status == 0, told
    on_a_board(
        gyral, tmp_path, client, f"choices {package}", "triplet-cosine", "Planted choices: cosine by another name"
    )
