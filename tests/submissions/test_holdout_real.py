"""A part held back, from the worker to the page: nothing here is a fake."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from gyral.benchmarks import installed
from gyral.benchmarks.catalogue import BUNDLED
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.holdout import make_holdout, open_holdout
from gyral.places import cache
from gyral_submissions import conf
from gyral_submissions.domain import execution, holdout, reference, run
from gyral_submissions.domain.benchmark import sync_benchmarks
from gyral_submissions.domain.intake import receive
from gyral_submissions.enums import Format, State, Visibility
from gyral_submissions.models import Benchmark, HoldoutScore

MODEL = Path(__file__).resolve().parents[2] / "fixtures" / "uploads" / "conv" / "model.onnx"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_models_are_scored_on_a_part_that_nothing_else_knows(
    user: User, settings: Any, monkeypatch: pytest.MonkeyPatch, home: Path, client: Client
) -> None:
    settings.GYRAL_LEAST_TIER, settings.GYRAL_HOLDOUT_LEAST = "process", 3
    monkeypatch.setattr(installed, "BUNDLED", tuple(b for b in BUNDLED if b.name == "sim-vision"))
    list(sync_benchmarks())
    benchmark = Benchmark.objects.get()
    public = open_dataset("sim-vision")
    make_holdout("sim-vision", public)
    for model in ("pixels", "gabor"):
        jobs = [job for job in reference.jobs([model]) if not job.twin]
        assert [done.outcome for done in reference.score(jobs)] == ["scored"]
    card = {"name": "tiny-conv", "modality": "vision", "image": {"size": 32, "crop": 1.0}}
    graph = SimpleUploadedFile("model.onnx", MODEL.read_bytes())
    sent = receive(user, graph, card, format=Format.ONNX, visibility=Visibility.PUBLIC)
    (one,) = run.create(sent, [benchmark], twin=False, publish=False)
    assert execution.execute(one.pk, 1) == State.FINISHED
    before = {path for path in cache().rglob("*") if path.is_file()}
    call_command("refresh_holdouts")
    report = holdout.latest(benchmark)
    assert report is not None, (home / "holdout" / "stderr.txt").read_text()
    assert report.count == 3
    assert HoldoutScore.objects.count() == 3 * len(benchmark.regions)
    # The same cortex drawn anew: models stand where they stood, within what 320 images tell.
    assert abs(report.drop) < 0.15
    added = {path for path in cache().rglob("*") if path.is_file()} - before
    assert not added, "no features of unknown stimuli are kept"
    said = client.get(f"/benchmarks/{benchmark.identifier}/").content.decode()
    assert "over 3 models" in said
    held = open_holdout("sim-vision", public)
    records = "".join(p.read_text() for p in conf.runs().rglob("*.json"))
    assert held.content_hash not in records
    assert not any(item in records for item in held.stimuli.hashes)
