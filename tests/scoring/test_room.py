"""The cache's cap: oldest out, whatever they are, and nothing that somebody needs."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from gyral.room import KINDS, make_room, touch

DAY = 86_400


def held(cache: Path, name: str, days: float, *, lock: bool = False) -> Path:
    """A folder of 1,000 bytes, last used so many days ago."""
    folder = cache / name
    (folder / "deep").mkdir(parents=True)
    then = time.time() - days * DAY
    for file in (folder / "deep" / "file", *([folder / "lock"] if lock else [])):
        file.write_bytes(bytes(0 if file.name == "lock" else 1000))
        os.utime(file, (then, then))
    os.utime(folder, (then, then))
    return folder


def test_oldest_go_first_whatever_they_are(cold_cache: Path) -> None:
    folders = [held(cold_cache, f"{kind}/one", 9 - k) for k, kind in enumerate(KINDS)]
    make_room(cap=1000 * len(KINDS))
    assert all(f.exists() for f in folders)
    make_room(cap=2000)
    assert [f.exists() for f in folders] == [False] * (len(KINDS) - 2) + [True, True]
    assert not any(list(f.parent.iterdir()) for f in folders[:-2])


def test_what_is_asked_for_or_was_used_today_stays(cold_cache: Path) -> None:
    asked = held(cold_cache, "packs/asked", 9)
    recent = held(cold_cache, "weights/recent", 0.5)
    used = held(cold_cache, "packs/used", 8)
    touch(used)
    idle = held(cold_cache, "downloads/idle", 2)
    make_room(keep=asked, cap=0)
    assert [f.exists() for f in (asked, recent, used, idle)] == [True, True, True, False]


def test_features_go_though_they_are_new_unless_they_are_locked(cold_cache: Path) -> None:
    free, busy = (held(cold_cache, f"features/{n}", 0, lock=True) for n in ("free", "busy"))
    with (busy / "lock").open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        make_room(cap=0)
    assert (free.exists(), busy.exists()) == (False, True)


def test_cap_is_read_from_the_environment(cold_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = held(cold_cache, "packs/old", 9)
    monkeypatch.setenv("GYRAL_CACHE_GB", "0.000002")
    make_room()
    assert folder.exists()
    monkeypatch.setenv("GYRAL_CACHE_GB", "0.0000005")
    make_room()
    assert not folder.exists()
