import csv
import hashlib

import pytest

from gyral.cli.main import main
from gyral.datasets.catalogue import open_dataset


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main([str(a) for a in arguments])
    return left.value.code, *capsys.readouterr()


def test_stimuli_of_images_are_files_with_their_hashes(capsys, tmp_path):
    status, out, _ = run(capsys, "stimuli", "sim-vision", "--out", tmp_path / "out")
    assert status == 0
    assert out.startswith("320 stimuli of sim-vision@1")
    with (tmp_path / "out" / "stimuli.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    expected = open_dataset("sim-vision").stimuli
    assert tuple(r["id"] for r in rows) == expected.ids
    for row, digest in zip(rows, expected.hashes, strict=True):
        data = (tmp_path / "out" / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"] == digest


def test_stimuli_of_sentences_are_texts_with_their_hashes(capsys, tmp_path):
    (tmp_path / "out").mkdir()  # an empty folder will do
    assert run(capsys, "stimuli", "sim-language", "--out", tmp_path / "out", "--quiet") == (0, "", "")
    with (tmp_path / "out" / "stimuli.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    expected = open_dataset("sim-language").stimuli
    assert tuple(r["text"] for r in rows) == expected.texts
    assert tuple(r["group"] for r in rows) == expected.groups
    assert all(hashlib.sha256(r["text"].encode()).hexdigest() == r["sha256"] for r in rows)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["stimuli.csv"]


def test_stimuli_never_overwrites(capsys, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    status, _, err = run(capsys, "stimuli", "sim-vision", "--out", tmp_path)
    assert status == 1
    assert "there is something already. Name a new folder." in err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_stimuli_suggests_the_nearest_benchmark(capsys, tmp_path):
    status, _, err = run(capsys, "stimuli", "sim-vison", "--out", tmp_path / "out")
    assert status == 1
    assert "Did you mean 'sim-vision'" in err
    assert not (tmp_path / "out").exists()
