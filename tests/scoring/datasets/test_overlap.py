"""Stimuli are found in training data, in whatever clothes, and nothing else is."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from gyral.cli.main import cli
from gyral.datasets import overlap
from gyral.datasets.catalogue import open_dataset
from gyral.datasets.overlap import search_folder
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset

_WORDS = [f"w{i}" for i in range(5000)]


def _prose(words: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(_WORDS, k=words))


def _texts(*texts: str) -> StimulusSet:
    return StimulusSet.from_texts(texts)


@pytest.fixture
def sentences() -> StimulusSet:
    return open_dataset("sim-language").stimuli


def test_sentences_are_found_in_prose_whatever_their_clothes(sentences: StimulusSet, tmp_path: Path) -> None:
    texts = sentences.texts or ()
    (tmp_path / "deep").mkdir()
    (tmp_path / "a.txt").write_text(f"{_prose(400, 1)} {texts[7].upper()!r} -- {_prose(300, 2)}", "utf-8")
    lines = [
        {"text": _prose(50, 3)},
        {"text": f"{_prose(9, 4)}\n{texts[20].replace(' ', '  ')}"},
        {"other": texts[30]},
    ]
    (tmp_path / "deep" / "b.jsonl").write_text("\n".join(map(json.dumps, lines)), "utf-8")
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    found = search_folder(sentences, tmp_path)
    assert [(h.stimulus, h.file) for h in found.hits] == [
        (sentences.ids[7], "a.txt"),
        (sentences.ids[20], "deep/b.jsonl"),
    ]
    assert (found.found, found.compared, found.files) == (2, len(sentences), 2)
    assert found.passed_over == {".parquet": 1}


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_passages_are_found_across_the_blocks_a_file_is_read_in(
    block: int, sentences: StimulusSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "_BLOCK", block)
    texts = sentences.texts or ()
    (tmp_path / "a.txt").write_text("\n".join(f"{_prose(11, i)} {t}" for i, t in enumerate(texts[:40])), "utf-8")
    found = search_folder(sentences, tmp_path)
    assert [h.stimulus for h in found.hits] == list(sentences.ids[:40])


def test_long_passage_is_found_by_seven_tenths_of_its_runs(tmp_path: Path) -> None:
    story = _prose(200, 1).split()
    for cut, there in ((0.8, True), (0.6, False)):
        (tmp_path / "a.txt").write_text(" ".join(story[: round(cut * 200)] + _prose(100, 2).split()), "utf-8")
        found = search_folder(_texts(" ".join(story)), tmp_path)
        assert bool(found.hits) is there
        assert not there or (found.hits[0].likeness == pytest.approx(153 / 193) and not found.hits[0].exact)


def test_words_in_another_order_and_short_stimuli_are_not_found(tmp_path: Path) -> None:
    stimuli = _texts("the dog chased the old cat home", "a dog", "one two three four")
    (tmp_path / "a.txt").write_text(
        "home the cat old the chased dog the; a dog. one two, three five four", "utf-8"
    )
    found = search_folder(stimuli, tmp_path)
    assert not found.hits and found.compared == 2


def test_images_are_found_in_another_size_and_encoding(tmp_path: Path) -> None:
    vision = open_dataset("sim-vision").stimuli
    (tmp_path / "train").mkdir()
    for row in (3, 11):
        with Image.open((vision.files or ())[row]) as image:
            image.convert("RGB").resize((300, 300)).save(tmp_path / "train" / f"x{row}.jpg", quality=80)
    (tmp_path / "train" / "same.png").write_bytes((vision.files or ())[5].read_bytes())
    (tmp_path / "train" / "broken.png").write_bytes(b"no image")
    part = vision.subset(range(100))
    found = search_folder(part, tmp_path)
    assert [(h.stimulus, h.file, h.exact) for h in found.hits] == [
        (vision.ids[3], "train/x3.jpg", False),
        (vision.ids[5], "train/same.png", True),
        (vision.ids[11], "train/x11.jpg", False),
    ]
    assert found.files == 3 and found.passed_over == {"unreadable": 1}


def test_folder_without_anything_to_compare_is_refused(sentences: StimulusSet, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(BadDataset, match=r"Files of these kinds are read: \.csv, \.jsonl"):
        search_folder(sentences, tmp_path)
    with pytest.raises(BadDataset, match="no such folder"):
        search_folder(sentences, tmp_path / "nowhere")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def test_command_tells_what_is_declared_and_what_is_found(sentences: StimulusSet, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{_prose(50, 1)} {(sentences.texts or ())[0]}", "utf-8")
    done = invoke("overlap", str(tmp_path), "-b", "sim-language", "--model", "glove-50")
    assert done.exit_code == 1
    assert "declared: no overlap. The stimuli were made by code" in done.output
    assert (
        f"found: 1 of {len(sentences)} stimuli, in 1 files\n  {sentences.ids[0]}: the same: a.txt" in done.output
    )
    (tmp_path / "a.txt").write_text(_prose(50, 1), "utf-8")
    done = invoke("overlap", str(tmp_path), "-b", "sim-language", "--json")
    assert done.exit_code == 0 and json.loads(done.output)["search"]["hits"] == []


def test_command_lists_collections_and_asks_for_what_is_missing() -> None:
    assert "imagenet-1k          image  ImageNet-1k" in invoke("overlap", "--list").output
    assert "coco" in json.loads(invoke("overlap", "--list", "--json").output)
    runner = CliRunner().invoke(cli, ["overlap", "-b", "sim-vision"])
    assert runner.exit_code == 2 and "a folder of training data, or a model" in runner.output
