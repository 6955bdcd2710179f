"""Sounds, from a folder of files to a score."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from gyral.datasets.pack import read_pack
from hearing_net import hearing_folder
from made_sounds import SOUND_BENCHMARK, ids_of, sound_folder, write_sound
from source_folder import ABOUT, describe


@pytest.fixture
def own(tmp_path):
    """A described folder of sounds; its tables."""
    tables = sound_folder(tmp_path / "own")
    about = ABOUT | {"display": "public", "ordered": False}
    describe(tmp_path / "own", **tables, about=about, benchmark=SOUND_BENCHMARK)
    return tables, tmp_path / "own"


def _score(gyral, model, *options):
    status, out, err = gyral("score", model, "-b", "own-sounds@0", "--no-controls", *options)
    assert status == 0, err
    return json.loads(Path(out.rpartition("record: ")[2].strip()).read_text())


def test_from_sounds_to_scores_of_what_hears_and_what_does_not(gyral, home, own, tmp_path):
    tables, folder = own
    assert "48 stimuli (sound)" in gyral("data", "check", folder)[1]
    assert gyral("data", "build", folder)[0] == 0
    pack = read_pack(folder / "pack")
    assert pack.stimuli.modality == "sound" and pack.stimuli.ids == tuple(ids_of(folder))
    assert (pack.stimuli.files[3]).read_bytes() == (folder / "clips" / "clip03.wav").read_bytes()
    status, out, _ = gyral("data", "check", folder / "pack")
    assert status == 0 and "None among 48 stimuli" in out
    assert gyral("data", "preview", folder / "pack", "--out", tmp_path / "own.html")[0] == 0
    page = (tmp_path / "own.html").read_text()
    assert re.search(r"0\.6\d to 1\.[12]\d s, \d\d s together, at 22050 Hz", page)
    assert page.count('<audio controls preload="none" src="data:audio/wav;base64,') == 12 and "<img" not in page
    assert gyral("data", "install", folder / "pack")[0] == 0
    status, _, err = gyral("score", "pixels", "-b", "own-sounds@0")
    assert status != 0 and "'pixels' is a vision model; benchmark own-sounds@0 shows sound stimuli" in err
    assert "audio: Own sounds" in gyral("list", "benchmarks")[1]
    heard = _main_score(_score(gyral, "spectrogram"))
    assert heard > 0.85
    features = tmp_path / "duration"
    assert gyral("stimuli", "own-sounds", "--out", features)[0] == 0
    (features / "stimuli.csv").rename(features / "ids.csv")
    sizes = [[file.stat().st_size] for file in sorted((features / "sounds").iterdir())]
    np.save(features / "duration.npy", np.array(sizes, np.float32))
    assert gyral("init", features)[0] == 0
    assert 'modality = "audio"' in (features / "features.toml").read_text()
    assert _main_score(_score(gyral, features)) < 0.2 < heard


def test_a_net_on_waveforms_is_described_checked_and_scored_in_the_sandbox(gyral, home, own, tmp_path):
    _, folder = own
    assert gyral("data", "build", folder)[0] == gyral("data", "install", folder / "pack")[0] == 0
    net = hearing_folder(tmp_path / "net")
    card = (net / "gyral.toml").read_text()
    (net / "gyral.toml").unlink()
    status, out, _ = gyral("init", net)
    written = (net / "gyral.toml").read_text()
    assert status == 0 and 'modality = "audio"' in written and "[sound]" in written
    assert "5512 samples at sound.rate, the last axis of" in written
    assert tomllib.loads(written)["sound"]["rate"] == 16_000, "nobody told, so it is asked"
    (net / "gyral.toml").write_text(card)
    assert gyral("check", net)[0] == 0
    record = _score(gyral, net, "--isolated")
    assert _main_score(record) > 0.7
    assert (record["model"]["modality"], record["benchmark"]["modality"]) == ("audio", "audio")
    status, _, err = gyral("score", net, "-b", "sim-vision@1", "--no-controls")
    assert status == 1 and "audio model" in err


def _main_score(record):
    return next(r["value"] for r in record["rows"] if r["region"] == "auditory" and r["subject"] == "all")


@pytest.mark.parametrize("listed", [False, True])
def test_init_recognises_a_folder_of_sounds(listed, gyral, own):
    _, folder = own
    (folder / "dataset.toml").unlink()
    if not listed:
        (folder / "stimuli.csv").unlink()
    status, out, _ = gyral("data", "init", folder)
    assert status == 0 and "48 sounds" in out
    written = (folder / "dataset.toml").read_text()
    told = tomllib.loads(written)["stimuli"]
    assert (told["modality"], told["table"]) == ("sound", "stimuli.csv")
    assert (told["file"], told.get("folder")) == (("clip", "clips") if listed else ("file", None))
    assert '# modality = "audio"' in written and "degrees" not in written
    if not listed:
        assert "clip00,clips/clip00.wav" in (folder / "stimuli.csv").read_text()


def test_a_story_that_goes_on_is_no_stimulus_of_its_own(gyral, tmp_path):
    write_sound(tmp_path / "story.wav", np.ones(61_000), 1_000)
    np.save(tmp_path / "responses.npy", np.zeros((4, 3), np.float32))
    status, out, _ = gyral("data", "init", tmp_path)
    assert status == 0 and "of 60 seconds at most; speech that goes on is a story of words" in out
    assert 'modality = "sound"' not in (tmp_path / "dataset.toml").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"degrees": 8.0}, "sound stimuli have no width in degrees"),
        ({"degrees": 8.0, "position": [1.0, 0.0]}, "sound stimuli have no width in degrees"),
        ({"encode": "png"}, "encode does not go with sounds"),
        ({"text": "kind"}, "text does not go with sounds"),
        ({"file": "kind"}, "there is no file 'k0'"),
    ],
)
def test_what_does_not_go_with_sounds_is_named(change, said, gyral, own):
    tables, folder = own
    describe(folder, **(tables | {"stimuli": tables["stimuli"] | change}))
    status, _, err = gyral("data", "check", folder)
    assert status == 1 and said in err


def test_a_broken_sound_is_named_before_anything_is_built(gyral, own):
    _, folder = own
    file = folder / "clips" / "clip07.wav"
    file.write_bytes(file.read_bytes()[:-100])
    status, _, err = gyral("data", "build", folder)
    assert status == 1 and "clip07.wav: the sound cannot be read to its end" in err


def test_a_benchmark_of_sounds_takes_no_model_that_sees(gyral, own):
    tables, folder = own
    describe(folder, **tables, benchmark=SOUND_BENCHMARK | {"modality": "vision"})
    status, _, err = gyral("data", "check", folder)
    assert status == 1
    assert "modality is 'vision', whose models take stimuli of modality 'image'; these are 'sound'" in err
