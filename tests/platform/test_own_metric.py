"""A board by a third party's metric: its own title, its description and its package, from the registry to the page."""

from pathlib import Path

import numpy as np
import pytest
from django.test import Client

from board_rows import make_scored
from gyral.benchmarks import installed
from gyral.places import home
from gyral_submissions.domain.benchmark import sync_benchmarks
from gyral_submissions.models import Benchmark
from planted_package import METRIC, plant
from planted_subjects import dataset_of, install

pytestmark = pytest.mark.django_db


def own_board() -> None:
    """An installed pack whose benchmark asks for the metric ``planted``."""
    draw = np.random.default_rng(0)
    signal = draw.normal(size=(60, 1, 4))
    name = install(dataset_of({s: signal + draw.normal(size=(60, 3, 4)) for s in ("s1", "s2")}), "none")
    told = home() / "packs" / name / "dataset.toml"
    told.write_text(told.read_text("utf-8").replace('metric = "pearson"', 'metric = "planted"'), "utf-8")


def test_a_metric_of_another_package_has_a_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(installed, "BUNDLED", ())
    own_board()
    ((identifier, outcome, why),) = [(s.identifier, s.outcome, s.why) for s in sync_benchmarks()]
    assert (identifier, outcome) == ("planted@0", "skipped") and "unknown metric 'planted'" in why
    package = plant(tmp_path, monkeypatch, METRIC, metrics_planted="METRIC")
    assert [s.outcome for s in sync_benchmarks()] == ["created"]
    benchmark = Benchmark.objects.get()
    assert benchmark.about["metric"]["package"] == package
    make_scored("model", benchmark, {benchmark.main_region: 0.25})
    page = client.get("/benchmarks/planted@0/").content.decode()
    assert f"Planted r: Pearson r by another name <small><code>planted</code> of the package {package}" in page
    board = client.get("/boards/planted@0/").content.decode()
    assert "Planted r between prediction and recording, median over units" in board
    # another version of the package would score something else under the same name
    (told,) = tmp_path.glob("*/*.dist-info/METADATA")
    told.write_text(told.read_text().replace("2.5", "2.6"))
    ((outcome, why),) = [(s.outcome, s.why) for s in sync_benchmarks()]
    assert outcome == "refused" and "its content changed" in why
