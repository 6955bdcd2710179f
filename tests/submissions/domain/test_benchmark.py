"""The registry carried into the database: idempotent, immutable, and quiet about what is away."""

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from gyral.audit import Audit
from gyral.benchmarks import installed
from gyral.benchmarks.catalogue import BUNDLED
from gyral.canaries.noise import autoregressive
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.pack import write_pack
from gyral_submissions.domain.benchmark import sync_benchmarks
from gyral_submissions.models import Benchmark
from planted_leaks import told

pytestmark = pytest.mark.django_db

SIMULATED = {b.name: b for b in BUNDLED if b.simulated}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets the registry hold other benchmarks than the bundled ones."""

    def hold(*benchmarks: Any) -> None:
        monkeypatch.setattr(installed, "BUNDLED", benchmarks)

    hold(SIMULATED["sim-vision"])
    return hold


def outcomes(**options: Any) -> dict[str, str]:
    return {synced.identifier: synced.outcome for synced in sync_benchmarks(**options)}


def test_sync_fills_the_row(registry: Callable[..., None]) -> None:
    assert outcomes() == {"sim-vision@1": "created"}
    row = Benchmark.objects.get(name="sim-vision")
    dataset = open_dataset("sim-vision")
    assert dataset.responses is not None
    assert row.content_hash == SIMULATED["sim-vision"].content_hash(dataset.content_hash)
    assert row.region_names == [region.name for region in dataset.regions]
    assert row.about["n_stimuli"] == len(dataset.stimuli)
    assert row.about["n_units"] == dataset.responses.n_units
    assert row.about["subjects"] == list(dataset.responses.subjects)
    assert row.about["physical_unit"] and row.about["licence"] and row.about["description"]
    assert (row.simulated, row.about["split"], row.about["species"]) == (True, dataset.split().name, "simulated")


def test_region_ceilings_are_those_of_the_units(registry: Callable[..., None]) -> None:
    from gyral.scores.problem import problem_of

    outcomes()
    dataset = open_dataset("sim-vision")
    problem = problem_of(dataset, "ncsnr")
    assert problem.ceiling is not None
    for region, row in zip(dataset.regions, Benchmark.objects.get().regions, strict=True):
        nc = problem.ceiling.held_out[region.units]
        assert row["ceiling"] == pytest.approx(np.mean([np.nanmedian(nc[m]) for m in problem.members(region)]))
        assert 0 < row["ceiling_high"] - row["ceiling_low"] < 0.2
        assert row["ceiling_low"] < row["ceiling"] < row["ceiling_high"]
        assert (row["ceiling_unit"], row["ceiling_kind"], row["n_units"]) == ("r2", "ncsnr", len(region))


def test_second_sync_changes_and_opens_nothing(
    registry: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes()
    before = Benchmark.objects.values().get()

    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("a pack was opened though nothing changed")

    monkeypatch.setattr("gyral.datasets.catalogue.open_dataset", refuse)
    assert outcomes() == {"sim-vision@1": "unchanged"}
    assert Benchmark.objects.values().get() == before


def test_titles_are_refreshed(registry: Callable[..., None]) -> None:
    outcomes()
    registry(replace(SIMULATED["sim-vision"], title="Another title"))
    assert outcomes() == {"sim-vision@1": "refreshed"}
    assert Benchmark.objects.get().title == "Another title"


def test_changed_content_under_an_old_version_is_refused(registry: Callable[..., None]) -> None:
    outcomes()
    before = Benchmark.objects.get()
    registry(replace(SIMULATED["sim-vision"], grid=9, title="Another title"))
    (synced,) = sync_benchmarks()
    assert synced.outcome == "refused" and "new version" in synced.why
    after = Benchmark.objects.get()
    assert (after.content_hash, after.title, after.retired) == (before.content_hash, before.title, True)
    registry(replace(SIMULATED["sim-vision"], grid=9, version=2), SIMULATED["sim-vision"])
    assert outcomes() == {"sim-vision@2": "created", "sim-vision@1": "refreshed"}
    assert Benchmark.objects.filter(retired=False).count() == 2


def test_benchmark_the_registry_dropped_is_retired(registry: Callable[..., None]) -> None:
    outcomes()
    registry()
    assert outcomes() == {"sim-vision@1": "retired"}
    assert outcomes() == {}
    assert Benchmark.objects.get().retired


def test_dataset_that_is_away_is_skipped_with_one_line(
    registry: Callable[..., None], monkeypatch: pytest.MonkeyPatch, cold_cache: Any
) -> None:
    monkeypatch.delenv("GYRAL_MIRROR", raising=False)
    registry(next(b for b in BUNDLED if b.name == "tuckute2024"))
    (synced,) = sync_benchmarks()
    assert (synced.outcome, "\n" in synced.why) == ("skipped", False)
    assert "GYRAL_MIRROR" in synced.why
    assert not Benchmark.objects.exists()


@pytest.mark.data
@pytest.mark.parametrize("name", ["cowley2023-v4", "tuckute2024", "kriegeskorte2008"])
def test_real_benchmarks_are_carried(name: str, registry: Callable[..., None]) -> None:
    recipe = next(b for b in BUNDLED if b.name == name)
    registry(recipe)
    assert outcomes() == {recipe.id: "created"}
    row = Benchmark.objects.get()
    main = next(r for r in row.regions if r["name"] == recipe.main_region)
    assert main["ceiling"] is not None
    assert row.about["licence"] and row.about["citation"]
    assert (row.display, row.simulated) == ("none", False)


def test_leaky_split_gets_no_board(registry: Callable[..., None], home: Path) -> None:
    """Runs of an installed pack stand on both sides of its folds."""
    drift = autoregressive(60, 3, np.random.default_rng(0), None, 0.9)
    leaky = told(drift, groups=[f"run-{i // 11}" for i in range(60)], split_kind="contiguous")
    write_pack(leaky, home / "packs" / "told")
    declared = replace(
        SIMULATED["sim-language"], name="told", dataset="told", main_region="all", ceiling="none", simulated=False
    )
    registry(declared)
    (synced,) = sync_benchmarks()
    assert (synced.outcome, synced.identifier) == ("refused", declared.id)
    assert "run-1" in synced.why and "gyral audit" in synced.why
    assert not Benchmark.objects.exists()


def test_board_whose_split_is_found_to_leak_takes_no_new_runs(
    registry: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes()
    report = Audit.model_validate(Benchmark.objects.get().about["audit"])
    assert not report.refused
    assert [c.region for c in report.ceilings] == Benchmark.objects.get().region_names
    sung = report.findings[0].model_copy(update={"verdict": "refuse", "reason": "It sings."})
    refused = report.model_copy(update={"findings": (sung, *report.findings[1:])})
    monkeypatch.setattr("gyral.audit.audit", lambda *args, **options: refused)
    (synced,) = sync_benchmarks(force=True)
    assert synced.outcome == "refused" and "It sings." in synced.why
    assert Benchmark.objects.get().retired


def test_command_says_what_happened(registry: Callable[..., None]) -> None:
    out, err = StringIO(), StringIO()
    call_command("sync_benchmarks", stdout=out, stderr=err)
    assert out.getvalue() == "sim-vision@1: created\n"
    registry(replace(SIMULATED["sim-vision"], grid=9))
    call_command("sync_benchmarks", stdout=out, stderr=err)
    assert err.getvalue().startswith("sim-vision@1: refused: ")
    with pytest.raises(CommandError, match="1 benchmarks changed"):
        call_command("sync_benchmarks", "--strict", stdout=out, stderr=err)
