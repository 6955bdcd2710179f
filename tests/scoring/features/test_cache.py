"""The cache notices what others did to its files, and several processes may use it at once."""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from array_model import ArrayModel
from gyral.datasets.stimulus import StimulusSet
from gyral.features import checksums
from gyral.features.cache import Entry
from gyral.features.extract import extract

STIMULI = StimulusSet.from_texts([f"sentence {i}" for i in range(30)])


def model(**changes) -> ArrayModel:
    rng = np.random.default_rng(0)
    arrays = {
        "maps": rng.standard_normal((30, 4, 3, 3)).astype(np.float32),
        "flat": rng.standard_normal((30, 5)).astype(np.float32),
    }
    return ArrayModel(STIMULI.ids, arrays, **changes)


def file_of(cache: Path, layer: str, ending: str = ".npy") -> Path:
    (found,) = (cache / "features").glob(f"*/{layer}-*{ending}")
    return found


def flip(file: Path) -> None:
    """Change one byte of the last row in place, and set the time back."""
    before = file.stat()
    with file.open("r+b") as stream:
        stream.seek(-3, os.SEEK_END)
        byte = stream.read(1)
        stream.seek(-3, os.SEEK_END)
        stream.write(bytes([byte[0] ^ 64]))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 8)


def other_header(file: Path) -> None:
    np.save(file, np.load(file).astype(np.float64)[:, :3].copy())


@pytest.mark.parametrize("harm", [flip, cut, other_header, Path.unlink], ids=lambda f: f.__name__)
def test_a_layer_that_was_changed_is_extracted_again_and_no_other(
    cold_cache: Path, caplog: pytest.LogCaptureFixture, harm
) -> None:
    extract(model(), STIMULI, ["maps", "flat"])
    harm(file_of(cold_cache, "flat"))
    again = model()
    with caplog.at_level(logging.WARNING, "gyral.features"):
        found = extract(again, STIMULI, ["maps", "flat"])
    np.testing.assert_array_equal(found["flat"].array, again.arrays["flat"])
    assert len(again.shown) == 30
    if harm is not Path.unlink:
        (line,) = caplog.messages
        assert "cached layer 'flat' is extracted again" in line and "flat-" in line
    third = model()
    extract(third, STIMULI, ["maps", "flat"])
    assert third.shown == []


def test_a_layer_that_was_only_touched_or_copied_is_read_once_and_kept(
    cold_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(model(), STIMULI, ["flat"])
    features = cold_cache / "features"
    shutil.copytree(features, cold_cache / "copy")
    shutil.rmtree(features)
    (cold_cache / "copy").rename(features)
    read: list[int] = []
    hashed = checksums._hash
    monkeypatch.setattr(checksums, "_hash", lambda stream, length: read.append(length) or hashed(stream, length))
    for _ in range(3):
        again = model()
        extract(again, STIMULI, ["flat"])
        assert again.shown == []
    assert read == [30 * 5 * 4], "read through once, then known by its stamp"


@pytest.mark.parametrize("harm", [flip, cut], ids=lambda f: f.__name__)
def test_an_unfinished_layer_that_was_changed_begins_anew(cold_cache: Path, harm) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract(model(die_after=2), STIMULI, ["flat"])
    part = file_of(cold_cache, "flat", ".part")
    if harm is flip:  # in a row that is done
        with part.open("r+b") as stream:
            stream.seek(140)
            stream.write(b"\x00\x01\x02")
    else:
        harm(part)
    again = model()
    found = extract(again, STIMULI, ["flat"])
    assert again.shown == list(STIMULI.ids)
    np.testing.assert_array_equal(found["flat"].array, again.arrays["flat"])


def test_an_unfinished_layer_is_seen_under_its_name_only_when_it_is_whole(cold_cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        extract(model(die_after=2), STIMULI, ["flat"])
    assert not list((cold_cache / "features").glob("*/*.npy"))
    extract(model(), STIMULI, ["flat"])
    assert not list((cold_cache / "features").glob("*/*.part"))


def test_who_has_a_layer_open_keeps_what_was_opened(cold_cache: Path) -> None:
    first = model()
    held = extract(first, STIMULI, ["flat"])["flat"].array
    file = file_of(cold_cache, "flat")
    with file.open("r+b") as stream:  # as who replaces the file would: another inode with other numbers
        content = stream.read()
    file.unlink()
    file.write_bytes(content[:-4] + b"\x00\x00\x00\x00")
    again = extract(model(), STIMULI, ["flat"])["flat"].array
    np.testing.assert_array_equal(held, first.arrays["flat"])
    np.testing.assert_array_equal(again, first.arrays["flat"])


def test_rows_that_are_written_again_are_hashed_again(cold_cache: Path) -> None:
    entry = Entry("key", 30)
    rows = model().arrays["flat"]
    with entry.locked():
        entry.write(0, {"a": rows[:8]}, full_precision=True)
        entry.write(8, {"a": rows[8:24]}, full_precision=True)
    with entry.locked():
        entry.write(0, {"b": rows[:16]}, full_precision=True)
    with entry.locked():
        assert entry.rows_done(("a", "b")) == 16
        entry.write(16, {"a": rows[16:], "b": rows[16:]}, full_precision=True)
    for file in entry.folder.glob("*.npy"):
        os.utime(file)  # so that it is read through
    with entry.locked():
        assert entry.rows_done(("a", "b")) == 30
        np.testing.assert_array_equal(entry.read("a"), rows)
        np.testing.assert_array_equal(entry.read("b"), rows)


def test_large_layers_have_a_checksum_a_block(cold_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksums, "BLOCK", 300)
    extract(model(batch=4), STIMULI, ["flat"])
    (state,) = (cold_cache / "features").glob("*/layers.json")
    blocks = json.loads(state.read_text())["flat"]["blocks"]
    assert [stop for stop, _ in blocks] == [16, 30]
    flip(file_of(cold_cache, "flat"))
    entry = Entry(state.parent.name, 30)
    with entry.locked():
        assert "rows 17 to 30" in checksums.why_changed(file_of(cold_cache, "flat"), entry._state["flat"])


def test_processes_at_once_do_the_work_once(cold_cache: Path) -> None:
    child = [sys.executable, str(Path(__file__).with_name("extracting_child.py"))]
    running = [subprocess.Popen([*child, *more], stdout=subprocess.PIPE) for more in ([], [], ["flat"], [])]
    said = [json.loads(p.communicate(timeout=120)[0]) for p in running]
    assert all(p.returncode == 0 for p in running)
    # once for both layers; once more where "flat" alone came first
    assert sum(s["shown"] for s in said) in (30, 60)
    flat = {h["flat"] for s in said for h in s["hashes"]}
    maps = {h["maps"] for s in said for h in s["hashes"] if "maps" in h}
    assert len(flat) == len(maps) == 1
