"""Odd-one-out choices from a table: the pack of things2020, and what is refused by name."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w
from click.testing import CliRunner

from gyral import places
from gyral.cli.main import cli
from gyral.datasets.catalogue import RECIPES
from gyral.datasets.pack import read_pack
from gyral.datasets.recipes import things2020
from gyral.errors import UserError

IDS = ("bee", "cup", "dog", "fox", "lemon", "hammer", "ox", "umbrella", "tea", "wheelbarrow", "yak", "zip")
ABOUT = {
    "name": "own-choices",
    "title": "Own choices",
    "description": "Which of three words is the odd one out.",
    "version": "1",
    "licence": "CC0-1.0",
    "citation": "Nobody (2026). Own choices.",
    "url": "https://example.org/",
    "species": "human",
    "display": "public",
}


def folder_of(tmp_path: Path, choices: pd.DataFrame, **triplets: Any) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    pd.DataFrame({"id": IDS, "word": IDS}).to_csv(folder / "stimuli.csv", index=False)
    choices.to_csv(folder / "choices.csv", index=False)
    fields = {
        "source": 1,
        "about": ABOUT,
        "stimuli": {"modality": "text", "table": "stimuli.csv", "text": "word"},
        "triplets": {"table": "choices.csv", "participant": "who"} | triplets,
        "split": {"kind": "contiguous", "folds": 2},
        "benchmark": {
            "name": "own-choices",
            "version": 1,
            "title": "Own choices",
            "dataset": "own-choices",
            "task": "triplets",
            "modality": "language",
            "metric": "triplet-cosine",
            "readout": "none",
            "ceiling": "none",
            "main_region": triplets.get("region", "odd-one-out"),
        },
    }
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    return folder


def choices(count: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    items = np.array([rng.permutation(IDS)[:3] for _ in range(count)])
    odd = items[np.arange(count), rng.integers(3, size=count)]
    who = rng.permutation([f"p{i % 3}" for i in range(count)])
    return pd.DataFrame(items, columns=["first", "second", "third"]).assign(odd=odd, who=who)


def built(folder: Path) -> Any:
    done = CliRunner().invoke(cli, ["data", "build", str(folder), "--quiet"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return read_pack(folder / "pack")


@pytest.mark.data
def test_things_enters_as_two_tables(tmp_path: Path) -> None:
    mirror = places.mirror()
    assert mirror is not None
    home = mirror / RECIPES.load("things2020").mirror.folder
    concepts = pd.read_csv(home / "concepts.csv", dtype=str, keep_default_na=False)
    table = pd.read_csv(home / "triplets.csv")
    folder = tmp_path / "own"
    folder.mkdir()
    words = concepts["word"].str.replace("_", " ")
    pd.DataFrame({"id": concepts["concept"], "word": words}).to_csv(folder / "stimuli.csv", index=False)
    items = table[["item1", "item2", "item3"]].to_numpy()
    names = concepts["concept"].to_numpy()
    chosen = names[items[np.arange(len(items)), table["odd_one"].to_numpy()]]
    pd.DataFrame(names[items], columns=["a", "b", "c"]).assign(out=chosen, who=table["participant"]).to_csv(
        folder / "choices.tsv", sep="\t", index=False
    )
    fields = {
        "source": 1,
        "about": {name: value for name, value in asdict(things2020.ABOUT).items() if value is not None},
        "stimuli": {"modality": "text", "table": "stimuli.csv", "text": "word"},
        "triplets": {"table": "choices.tsv", "items": ["a", "b", "c"], "odd": "out", "participant": "who"}
        | {"region": things2020.REGION},
        "split": {"kind": "contiguous", "folds": 5},
    }
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    assert built(folder).content_hash == RECIPES.load("things2020").content_hash


def test_choices_come_as_they_stand_and_a_floor_is_scored(tmp_path: Path) -> None:
    table = choices()
    dataset = built(folder_of(tmp_path, table))
    assert dataset.triplets is not None and len(dataset.triplets) == 200
    first = [IDS[k] for k in dataset.triplets.items[:, 0]]
    assert first == table["first"].tolist()
    odd = [IDS[row[k]] for row, k in zip(dataset.triplets.items, dataset.triplets.odd, strict=True)]
    assert odd == table["odd"].tolist()
    assert len(set(dataset.triplets.participants)) == 3
    assert [r.path for r in dataset.regions] == [("behaviour", "odd-one-out")]
    run = CliRunner()
    pack = str(tmp_path / "own" / "pack")
    assert run.invoke(cli, ["data", "check", pack], catch_exceptions=False).exit_code == 0
    installed = run.invoke(cli, ["data", "install", pack], catch_exceptions=False)
    assert installed.exit_code == 0, installed.output
    scored = run.invoke(cli, ["score", "word-length", "-b", "own-choices"], catch_exceptions=False)
    assert scored.exit_code == 0, scored.output
    assert "odd-one-out" in scored.output


@pytest.mark.parametrize(
    ("column", "value", "told", "code"),
    [
        ("odd", "bee", "row 4: the odd one, 'bee', is not one of its three", "triplets"),
        ("second", "cow", "column 'second', row 4: 'cow' is no id", "stimulus-unknown"),
        ("odd", "", "column 'odd', row 4: '' is no id", "stimulus-unknown"),
        ("first", None, "names a stimulus twice", "triplets"),
    ],
    ids=["odd", "unknown", "empty", "twice"],
)
def test_bad_choices_are_named(tmp_path: Path, column: str, value: str | None, told: str, code: str) -> None:
    table = choices()
    table.loc[3, ["first", "second", "third", "odd"]] = ["cup", "dog", "fox", "fox"]
    table.loc[3, column] = "dog" if value is None else value
    folder = str(folder_of(tmp_path, table))
    for command in (["data", "check", folder], ["data", "build", folder, "--quiet"]):
        done = CliRunner().invoke(cli, command)
        assert isinstance(done.exception, UserError), command
        assert told in str(done.exception) and "choices.csv" in str(done.exception) and done.exception.code == code
    assert not (tmp_path / "own" / "pack").exists()


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["data", "build", str(folder_of(tmp_path, choices(), odd="od"))])
    assert isinstance(done.exception, UserError) and "'odd'" in str(done.exception)


def test_audit_counts_people(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, choices())
    built(folder)
    done = CliRunner().invoke(cli, ["audit", str(folder / "pack"), "--quiet"])
    assert re.search(r"in +people +left out", done.output) and re.search(r"odd-one-out .* 3 +0", done.output)
