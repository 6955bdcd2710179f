"""The part of a benchmark that is held back: apart from the public one, and of no use at home."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gyral.benchmarks.catalogue import BUNDLED
from gyral.cli.holdout import holdout
from gyral.datasets import simulated
from gyral.datasets.dataset import Dataset
from gyral.datasets.holdout import (
    has_holdout,
    holdout_folder,
    install_holdout,
    make_holdout,
    open_holdout,
    require_apart,
)
from gyral.datasets.pack import write_pack
from gyral.errors import BadDataset, Unavailable, UserError


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return simulated.make("sim-language", tmp_path_factory.mktemp("public"))


def test_who_has_no_part_of_it_is_told_so(public: Dataset) -> None:
    with pytest.raises(Unavailable, match="nobody can score on it at home") as error:
        open_holdout("sim-language", public)
    assert error.value.code == "no-holdout"
    assert "`gyral holdout make sim-language`" in str(error.value)
    real = replace(public, about=replace(public.about, simulated=False))
    with pytest.raises(Unavailable, match="`gyral holdout install sim-language PACK`"):
        open_holdout("sim-language", real)


def test_a_made_part_has_the_same_regions_other_stimuli_and_another_seed_each_time(public: Dataset) -> None:
    folder = make_holdout("sim-language", public)
    first = open_holdout("sim-language", public)
    assert [r.name for r in first.regions] == [r.name for r in public.regions]
    assert not set(first.stimuli.hashes) & set(public.stimuli.hashes)
    assert folder.parent.stat().st_mode & 0o077 == 0
    make_holdout("sim-language", public)
    assert open_holdout("sim-language", public).content_hash != first.content_hash


def test_a_seed_that_tells_a_public_stimulus_is_drawn_again(
    public: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = iter([0, 5])  # the public part is that of seed 0
    monkeypatch.setattr("gyral.datasets.holdout.secrets.randbits", lambda _: next(seeds))
    make_holdout("sim-language", public)
    assert not set(open_holdout("sim-language", public).stimuli.hashes) & set(public.stimuli.hashes)


def test_an_installed_part_must_be_another_part_of_the_same(public: Dataset, tmp_path: Path) -> None:
    other = simulated.make("sim-language", tmp_path / "made", seed=5)
    write_pack(other, tmp_path / "pack")
    install_holdout("sim-language", public, tmp_path / "pack")
    assert open_holdout("sim-language", public).stimuli.hashes == other.stimuli.hashes
    with pytest.raises(BadDataset, match="stands in the public part, too"):
        require_apart(public, replace(other, stimuli=public.stimuli))
    with pytest.raises(BadDataset, match="is in one part only"):
        require_apart(public, replace(other, regions=other.regions[1:]))
    with pytest.raises(BadDataset, match="one part has responses"):
        require_apart(public, replace(other, responses=None))
    write_pack(public, tmp_path / "same")
    with pytest.raises(BadDataset, match="stands in the public part, too"):
        install_holdout("sim-language", public, tmp_path / "same")
    assert has_holdout("sim-language"), "what was there stays"


def test_no_recording_can_be_made(public: Dataset) -> None:
    real = replace(public, about=replace(public.about, simulated=False))
    with pytest.raises(BadDataset, match="only simulated data can be made"):
        make_holdout("sim-language", real)
    assert not holdout_folder("sim-language").exists()


def test_declaring_a_part_changes_no_score() -> None:
    (found,) = [b for b in BUNDLED if b.name == "sim-language"]
    assert found.holdout
    assert replace(found, holdout=False).content_hash("0") == found.content_hash("0")


def test_the_command_line_says_what_is_missing(tmp_path: Path) -> None:
    def ask(benchmark: str) -> object:
        argv = ["score", "word-length", "-b", benchmark, "--out", str(tmp_path / "scores.json")]
        return CliRunner().invoke(holdout, argv).exception

    error = ask("sim-language")
    assert isinstance(error, UserError)
    assert error.code == "no-holdout"
    error = ask("kriegeskorte2008")
    assert isinstance(error, UserError)
    assert error.code == "holds-nothing-back"
    assert not (tmp_path / "scores.json").exists()


def test_scores_replace_scores_and_nothing_else(tmp_path: Path, public: Dataset) -> None:
    out = tmp_path / "scores.json"

    def ask(*more: str) -> object:
        argv = ["score", "word-length", "-b", "sim-language", "--out", str(out), "--progress", "none", *more]
        return CliRunner().invoke(holdout, argv).exception

    out.write_text("notes of a year")
    error = ask()
    assert isinstance(error, UserError) and error.code == "not-ours"
    assert out.read_text() == "notes of a year"
    make_holdout("sim-language", public)
    assert ask("--force") is None
    first = out.read_text()
    assert set(json.loads(first)) == {region.name for region in public.regions}
    assert ask() is None and out.read_text() == first
