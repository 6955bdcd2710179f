"""Reference models: registered once per content, scored once, reused."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from board_rows import board_rows
from gyral.errors import UnknownName
from gyral.models import catalogue
from gyral.models.card import ModelCard
from gyral_submissions.domain import attempt, reference
from gyral_submissions.enums import State, Twin
from gyral_submissions.models import Benchmark, Run, Submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fake_score")]


@pytest.fixture(autouse=True)
def catalogue_of_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, catalogue.Reference]:
    """Two models: a network and a floor."""
    models = {}
    monkeypatch.setenv("GYRAL_FAKE_MODELS", str(tmp_path))
    for name, kind in (("net", "folder"), ("floor", "floor")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "behaviour.json").write_text("{}")
        card = ModelCard(name=name, title=name.title(), modality="vision")
        models[name] = catalogue.Reference(card, name, kind)
    monkeypatch.setattr(catalogue, "MODELS", models)
    return models


def outcomes(**options: Any) -> list[str]:
    return [done.outcome for done in reference.score(reference.jobs(), **options)]


def test_jobs_are_models_by_benchmarks_of_their_modality(make_benchmark: Callable[..., Benchmark]) -> None:
    make_benchmark("cortex")
    make_benchmark("words", modality="language")
    make_benchmark("old", retired=True)
    named = [(job.model, str(job.benchmark), job.twin) for job in reference.jobs()]
    assert named == [
        ("net", "cortex@0", Twin.NONE),
        ("floor", "cortex@0", Twin.NONE),
        ("net", "cortex@0", Twin.UNTRAINED),
    ]


def test_unknown_names_are_refused(benchmark_row: Benchmark) -> None:
    with pytest.raises(UnknownName, match="unknown benchmark 'cortx'. Did you mean 'cortex'"):
        reference.jobs(benchmarks=["cortx"])
    with pytest.raises(UnknownName, match="unknown model"):
        reference.jobs(models=["nett"])


def test_second_run_reuses_everything(benchmark_row: Benchmark) -> None:
    assert outcomes() == ["scored"] * 3
    assert outcomes() == ["reused"] * 3
    assert outcomes(force=True) == ["scored"] * 3
    assert (Submission.objects.count(), Run.objects.count()) == (2, 6)
    rows = board_rows(benchmark_row)
    assert [row.facts.tier for row in rows] == ["reference", "reference"]
    assert {row.cells["V4"].twin for row in rows} == {0.25, None}


def test_twins_can_be_left_to_the_workers_once(benchmark_row: Benchmark) -> None:
    out = StringIO()
    for _ in range(2):
        call_command("score_reference_models", "--twins", "queue", stdout=out)
    assert out.getvalue().splitlines() == [
        "reference models: 2 scored",
        "runs left to the worker: 1",
        "reference models: 2 reused",
    ]
    (run,) = Run.objects.filter(twin=Twin.UNTRAINED)
    assert (run.state, run.submission.name, run.published is not None) == (State.QUEUED, "net", True)


def test_other_benchmarks_can_be_left_to_the_workers(benchmark_row: Benchmark) -> None:
    other = Benchmark.objects.get(pk=benchmark_row.pk)
    other.pk, other.name = None, "other"
    other.save()
    out = StringIO()
    call_command("score_reference_models", "--twins", "none", "--first", benchmark_row.name, stdout=out)
    assert out.getvalue().splitlines() == ["reference models: 2 scored", "runs left to the worker: 2"]
    assert set(Run.objects.filter(state=State.QUEUED).values_list("benchmark__name", flat=True)) == {"other"}
    with pytest.raises(CommandError, match="unknown benchmark 'cortx'"):
        call_command("score_reference_models", "--first", "cortx")


def test_changed_model_is_a_new_version(
    benchmark_row: Benchmark, catalogue_of_two: dict[str, catalogue.Reference]
) -> None:
    outcomes()
    name = "net"
    old = catalogue_of_two[name]
    shown = old.card.model_copy(update={"title": "Another title"})
    catalogue_of_two[name] = catalogue.Reference(shown, "net", "folder")
    assert outcomes() == ["reused"] * 3
    assert Submission.objects.get(name=name).title == "Another title"
    other = old.card.model_copy(update={"layers": ("conv1",)})
    catalogue_of_two[name] = catalogue.Reference(other, "net", "folder")
    assert outcomes() == ["scored", "reused", "scored"]
    assert list(Submission.objects.filter(name=name).order_by("version").values_list("version", flat=True)) == [
        1,
        2,
    ]


@pytest.fixture
def left(benchmark_row: Benchmark) -> Run:
    """A run somebody else holds, or held, for two more seconds."""
    return Run.objects.create(
        submission=reference.register("floor"),
        benchmark=benchmark_row,
        readout="ridge",
        state=State.RUNNING,
        worker="elsewhere:1",
        lease_until=timezone.now() + timedelta(seconds=2),
    )


def test_run_left_by_a_killed_command_is_taken_up(left: Run) -> None:
    (done,) = reference.score(reference.jobs(["floor"]))
    left.refresh_from_db()
    assert (done.outcome, left.state, left.attempt) == ("scored", State.FINISHED, 2)


def test_run_of_a_busy_worker_is_left_alone(left: Run) -> None:
    def renew(step: str, done: int, total: int) -> None:
        attempt.renew_lease(left.pk, 1)

    (done,) = reference.score(reference.jobs(["floor"]), progress=renew)
    assert (done.outcome, done.why) == ("busy", "elsewhere:1 is scoring it.")


def test_failed_run_is_told_and_tried_again(benchmark_row: Benchmark, tmp_path: Path) -> None:
    behaviour = tmp_path / "net" / "behaviour.json"
    behaviour.write_text('{"error": {"code": "bad-upload", "what": "no layers.", "mend": "Name some."}}')
    out = StringIO()
    with pytest.raises(CommandError, match="2 runs failed"):
        call_command("score_reference_models", "--quiet", stdout=out)
    done = list(reference.score(reference.jobs(["net"])))
    assert [(d.outcome, d.why) for d in done] == [("failed", "no layers. Name some.")] * 2
    behaviour.write_text("{}")
    call_command("score_reference_models", stdout=out)
    assert out.getvalue() == "reference models: 1 reused, 2 scored\n"


def test_model_that_cannot_be_fetched_is_skipped(
    benchmark_row: Benchmark,
    catalogue_of_two: dict[str, catalogue.Reference],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(reference: catalogue.Reference, progress: Any) -> str:
        return "the weights cannot be fetched."

    monkeypatch.setattr(reference, "_fetch", away)
    assert outcomes() == ["skipped"] * 3
    assert not Submission.objects.exists()
