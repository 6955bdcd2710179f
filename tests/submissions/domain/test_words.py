"""Words of a dataset that change are carried into the database although the content is the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gyral.datasets.pack import write_pack
from gyral.places import home
from gyral_submissions.domain.benchmark import sync_benchmarks
from gyral_submissions.models import Benchmark
from planted_leaks import BENCHMARK, told

pytestmark = pytest.mark.django_db


def outcomes(name: str) -> list[str]:
    return [s.outcome for s in sync_benchmarks() if s.identifier.startswith(name)]


def test_new_words_of_an_installed_pack_reach_its_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gyral.benchmarks.installed.BUNDLED", ())
    dataset: Any = told(np.random.default_rng(0).normal(size=(60, 3)))
    dataset.extra["benchmark"] = BENCHMARK
    pack: Path = home() / "packs" / "told"
    write_pack(dataset, pack)
    assert outcomes("told") == ["created"]
    assert outcomes("told") == ["unchanged"]
    toml = pack / "dataset.toml"
    toml.write_text(toml.read_text("utf-8").replace('"For tests."', '"New words."'), "utf-8")
    assert outcomes("told") == ["refreshed"]
    assert Benchmark.objects.get().about["description"] == "New words."
    assert outcomes("told") == ["unchanged"]


@pytest.mark.data
def test_choices_among_three_have_bounds_and_people() -> None:
    assert "created" in outcomes("things2020")
    row = Benchmark.objects.get(name="things2020")
    (region,) = row.regions
    assert (round(region["ceiling_lower"], 3), round(region["ceiling"], 3)) == (0.644, 0.672)
    assert (region["ceiling_unit"], region["n_units"], row.about["audit"]["subjects"]) == ("share", 325, 325)
