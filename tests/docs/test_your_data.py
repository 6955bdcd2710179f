"""docs/your_data.md, followed to the letter: its files are written, its commands run, in their order."""

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest

from database_url import database_url
from gyral.benchmarks.installed import find_benchmark
from gyral.cli.main import main
from gyral.datasets.holdout import has_holdout
from gyral.datasets.pack import read_pack
from gyral.datasets.readers import READERS
from gyral.datasets.source import TODO, parse_source, unfinished
from gyral_submissions.models import Benchmark
from source_folder import ABOUT, describe, image_stimuli, write_csv

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "your_data.md"
_BLOCK = re.compile(r"```(python|sh|toml)\n(.*?)```", re.DOTALL)
_MANAGE = "python manage.py"


def _run(command, folder):
    words = [str(Path(sys.executable).parent / "gyral"), *shlex.split(command)[1:]]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _manage(command):
    """What the site's own command printed, in a process of its own with the test's database and home."""
    words = [sys.executable, str(ROOT / "manage.py"), *shlex.split(command)[2:]]
    nowhere = "http://127.0.0.1:9"  # recordings that are not here are skipped, not downloaded
    environment = {k: v for k, v in os.environ.items() if k != "GYRAL_MIRROR"} | {
        "DATABASE_URL": database_url(),
        "http_proxy": nowhere,
        "https_proxy": nowhere,
    }
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def walked(tmp_path, home, monkeypatch):
    """Everything up to the site; what each command printed."""
    monkeypatch.chdir(tmp_path)
    printed = {}
    for kind, text in _BLOCK.findall(PAGE.read_text("utf-8")):
        if kind == "python":
            exec(text, {})
        elif kind == "toml" and text.startswith("source ="):
            target = tmp_path / "study" / "dataset.toml"
            printed["draft"] = tomllib.loads(target.read_text("utf-8"))
            target.write_text(text, "utf-8")
        elif kind == "sh":
            for command in text.strip().splitlines():
                if not command.startswith(_MANAGE):
                    printed[command] = _run(command, tmp_path)
    return printed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.django_db(transaction=True)
def test_page_leads_from_a_folder_to_a_board(walked, tmp_path, client):
    # what the page's file says is what init found, but for what it left to its owner
    draft, page = walked["draft"], tomllib.loads((tmp_path / "study" / "dataset.toml").read_text("utf-8"))
    assert unfinished(draft) == [
        "about.title",
        "about.description",
        "about.licence",
        "about.citation",
        "responses.unit",
    ]
    assert {k: v for k, v in draft["responses"].items() if v != TODO}.items() <= page["responses"].items()
    assert draft["stimuli"].items() <= page["stimuli"].items()
    assert [(r["name"], r["mask"]) for r in draft["regions"]] == [
        (r["name"], r["mask"]) for r in page["regions"] if "mask" in r
    ]
    assert "study: 48 stimuli, 64 units, 2 regions" in walked["gyral data build study"]
    assert "No canary refuses this split." in walked["gyral data check study/pack"]
    page = (tmp_path / "study-preview.html").read_text("utf-8")
    assert "Brightness of quarters" in page and page.count('alt="stimulus ') == 12
    assert find_benchmark("study-v1").dataset == "study"
    record = json.loads((tmp_path / "result" / "record.json").read_text("utf-8"))
    scored = {(r["region"], r["subject"]): r for r in record["rows"]}[("V1", "all")]
    assert scored["value"] > 0.7
    assert scored["ceiling_kind"] == "ncsnr"
    command = f"{_MANAGE} sync_benchmarks"
    assert command in PAGE.read_text("utf-8")
    out, told = _manage(command)
    # beside the page's own board stand the bundled ones whose data can be made here
    for board in ("study-v1@0", "sim-vision@1"):
        assert f"{board}: created" in out.splitlines(), told
    assert Benchmark.objects.get(name="study-v1").retired is False
    for address, words in (
        ("/boards/study-v1@0/", "V1"),
        ("/benchmarks/study-v1@0/", "Brightness of quarters"),
        ("/benchmarks/", "study-v1"),
    ):
        answer = client.get(address)
        assert answer.status_code == 200 and words in answer.content.decode(), address


@pytest.fixture
def cut_study(tmp_path):
    """A study whose stimuli are cut in two as the page says; the tables of its description, without the page's."""
    folder, draw, ids = tmp_path / "study", np.random.default_rng(0), [f"item{i:02d}" for i in range(48)]
    image_stimuli(folder, 48)
    for part, own in (("open", ids[:24]), ("held", ids[24:])):
        write_csv(folder / f"{part}.csv", id=own, picture=[f"{n}.png" for n in own])
    write_csv(folder / "trials.csv", stimulus=ids, part=["open"] * 24 + ["held"] * 24)
    np.save(folder / "s.npy", draw.normal(size=(48, 5)).astype(np.float32))
    responses = {"reader": "array", "kind": "fMRI", "unit": "z", "subjects": ["s"], "files": "s.npy"}
    board = {
        "name": "study-v1",
        "version": 0,
        "title": "Own",
        "modality": "vision",
        "dataset": "own",
        "task": "encoding",
    }
    return folder, {
        "about": {**ABOUT, "ordered": False},
        "stimuli": {"modality": "image", "file": "picture", "folder": "pictures"},
        "responses": {**responses, "trials": "trials.csv"},
        "regions": [{"name": "V1", "all": True}],
        "split": {"kind": "contiguous", "folds": 3},
        "benchmark": {**board, "metric": "pearson", "readout": "ridge", "ceiling": "none", "main_region": "V1"},
    }


def test_page_keeps_a_part_on_the_server(cut_study, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder, tables = cut_study

    def run(command):
        with pytest.raises(SystemExit) as left:
            main(shlex.split(command)[1:])
        out, err = capsys.readouterr()
        return left.value.code, out + err

    text = PAGE.read_text("utf-8")
    (added,) = [
        b
        for b in map(tomllib.loads, re.findall(r"```toml\n(.*?)```", text, re.DOTALL))
        if "where" in b.get("responses", {})
    ]
    (console,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    first, second, install, hold, sync = console.strip().splitlines()
    public = {
        name: table | added.get(name, {}) if isinstance(table, dict) else table for name, table in tables.items()
    }

    # a board that does not say that it holds back is told how it would
    describe(folder, **public | {"benchmark": tables["benchmark"]})
    assert run(first)[0] == run(install)[0] == 0
    status, said = run(hold)
    assert status == 1 and "it holds nothing back" in said and "`holdout = true`" in said

    describe(folder, **public)
    assert run(first)[0] == 0
    held = {**public, "stimuli": public["stimuli"] | {"table": "held.csv"}}
    held["responses"] = public["responses"] | {"where": {"part": "held"}}
    del held["benchmark"]
    describe(folder, **held)
    assert run(second)[0] == 0
    assert run(install)[0] == 0
    assert run(hold.replace("packs/held", "packs/open"))[0] == 1
    assert run(hold) == (0, "study-v1: installed its holdout part\n")
    assert sync == f"{_MANAGE} sync_benchmarks"
    parts = [read_pack(tmp_path / "packs" / part).stimuli.ids for part in ("open", "held")]
    assert [len(own) for own in parts] == [24, 24] and not set(parts[0]) & set(parts[1])
    assert has_holdout("study-v1")


def test_page_names_every_reader():
    text = PAGE.read_text("utf-8")
    for name in READERS.table:
        assert f"| `{name}` |" in text


def test_page_describes_recordings_in_fields_that_there_are():
    text = PAGE.read_text("utf-8")
    (block,) = re.findall(r"\n((?:    .*\n|\n)*    reader = \"mne\"(?:.*\n)(?:    .*\n|\n)*)", text)
    fields = tomllib.loads(textwrap.dedent(block))
    about = {"name": "x", "title": "x", "description": "x"}
    told = parse_source({"source": 1, "about": about, "stimuli": {"modality": "label"}, **fields}, "page")
    assert (told.epochs.picks, told.regions[0].sensors) == ("eeg", ("O*", "PO*"))


def test_page_describes_choices_in_fields_that_there_are():
    blocks = [tomllib.loads(t) for kind, t in _BLOCK.findall(PAGE.read_text("utf-8")) if kind == "toml"]
    (fields,) = [b for b in blocks if "triplets" in b]
    about = {"name": "x", "title": "x", "description": "x"}
    told = parse_source({"source": 1, "about": about, "stimuli": {"modality": "label"}, **fields}, "page")
    assert (told.triplets.table, told.triplets.participant) == ("choices.csv", "who")
