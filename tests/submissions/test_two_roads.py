"""Two roads, one number: the site's worker and a person's own command line make the same record."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from board_rows import board_rows
from gyral.benchmarks import installed
from gyral.benchmarks.catalogue import BUNDLED
from gyral.result import load_record
from gyral_submissions import conf
from gyral_submissions.domain import execution, run
from gyral_submissions.domain.benchmark import sync_benchmarks
from gyral_submissions.domain.intake import receive
from gyral_submissions.domain.log import read_errors
from gyral_submissions.enums import Format, State, Visibility
from gyral_submissions.models import Benchmark

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "uploads"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("twin", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_worker_and_command_line_make_equal_records(
    twin: bool, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.GYRAL_LEAST_TIER = "process"
    monkeypatch.setattr(installed, "BUNDLED", tuple(b for b in BUNDLED if b.name == "sim-vision"))
    list(sync_benchmarks())
    benchmark = Benchmark.objects.get()
    graph = SimpleUploadedFile("model.onnx", (FIXTURES / "conv" / "model.onnx").read_bytes())
    card = {"name": "tiny-conv", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
    submission = receive(user, graph, card, format=Format.ONNX, visibility=Visibility.PUBLIC)
    for one in run.create(submission, [benchmark], twin=twin, publish=False):
        assert execution.execute(one.pk, 1) == State.FINISHED, read_errors(one.pk)
        reference = str(conf.uploads() / submission.path) + (f":{one.twin}" if one.twin else "")
        argv = [sys.executable, "-m", "gyral.cli.main", "score", reference, "--benchmark", "sim-vision@1"]
        subprocess.run([*argv, "--out", str(tmp_path / "home"), "--quiet"], env=os.environ, check=True)
        one.refresh_from_db()
        ours, theirs = load_record(conf.runs() / one.record_path), load_record(tmp_path / "home")
        assert ours.same_scores_as(theirs)
        assert one.multiply_adds == ours.model.multiply_adds == 110_712
    (row,) = board_rows(benchmark)
    cell = row.cells[benchmark.main_region]
    assert cell.value is not None and cell.low is not None
    assert (cell.twin is not None and cell.twin_spread is not None) == twin
    assert cell.ceiling == pytest.approx(
        next(r["ceiling"] for r in benchmark.regions if r["name"] == benchmark.main_region)
    )
