"""Archives: whole and safe, or refused with nothing left behind."""

import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import uploads
from gyral.errors import BadUpload
from gyral.models.archive import ArchiveLimits, unpack_archive
from gyral.models.upload import check_folder

Make = Callable[[Path], Path]


def members(*pairs: tuple[str | zipfile.ZipInfo, bytes]) -> Make:
    return lambda target: uploads.zip_of(target, pairs)


def refused(archive: Path, tmp_path: Path, limits: ArchiveLimits | None = None) -> BadUpload:
    into = tmp_path / "out" / "model"
    with pytest.raises(BadUpload) as caught:
        unpack_archive(archive, into, limits or ArchiveLimits())
    assert not into.exists()
    assert list(into.parent.iterdir()) == []
    return caught.value


def test_archive_of_a_folder_is_unwrapped_and_sound(tmp_path: Path) -> None:
    archive = uploads.zip_folder(uploads.GOOD / "conv", tmp_path / "conv.zip")
    folder = unpack_archive(archive, tmp_path / "out" / "model")
    assert {p.name for p in folder.iterdir()} == {"gyral.toml", "model.onnx"}
    assert (folder / "model.onnx").read_bytes() == (uploads.GOOD / "conv" / "model.onnx").read_bytes()
    assert check_folder(folder).ok
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["model"]


def test_archive_of_bare_files_is_unpacked_and_resource_forks_are_left_out(tmp_path: Path) -> None:
    archive = uploads.zip_of(tmp_path / "a.zip", [("gyral.toml", b"x"), ("__MACOSX/._gyral.toml", b"y"), ("a/.DS_Store", b"z")])  # fmt: skip
    assert [p.name for p in unpack_archive(archive, tmp_path / "model").iterdir()] == ["gyral.toml"]


def doubled(target: Path) -> Path:
    with pytest.warns(UserWarning, match="Duplicate name"):
        return uploads.zip_of(target, [("a", b"1"), ("a", b"2")])


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (members(("../escaped", b"x")), "archive-path"),
        (members(("a/../../escaped", b"x")), "archive-path"),
        (members(("/etc/escaped", b"x")), "archive-path"),
        (members(("C:\\escaped", b"x")), "archive-path"),
        (members(("a\\..\\escaped", b"x")), "archive-path"),
        (members(("a\nb", b"x")), "archive-path"),
        (members(("a/b/c/d/e/f", b"x")), "archive-path"),
        (members(("x" * 300, b"x")), "archive-path"),
        (members(uploads.link_member("link", "/etc/passwd")), "archive-link"),
        (members(("A", b"1"), ("a", b"2")), "archive-doubled"),
        (doubled, "archive-doubled"),
        (members(*((str(n), b"x") for n in range(600))), "archive-members"),
        (members(("zeros", bytes(50 << 20))), "archive-ratio"),
        (lambda target: target.write_bytes(b"PK\x03\x04 is no archive") and target, "archive-unreadable"),
        (lambda target: target.write_bytes(b"") or target, "archive-unreadable"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_hostile_archive_is_refused_and_leaves_nothing(make: Make, code: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "hostile.zip")
    assert refused(archive, tmp_path).code == code
    assert not (tmp_path / "escaped").exists()


def test_truncated_archive_is_refused(tmp_path: Path) -> None:
    archive = uploads.zip_folder(uploads.GOOD / "bert", tmp_path / "bert.zip")
    data = archive.read_bytes()
    for keep in (0.2, 0.7, 0.999):
        archive.write_bytes(data[: int(len(data) * keep)])
        assert refused(archive, tmp_path).code == "archive-unreadable"


def test_damaged_member_is_refused(tmp_path: Path) -> None:
    archive = uploads.zip_of(tmp_path / "a.zip", [("weights", bytes(range(256)) * 40)])
    data = bytearray(archive.read_bytes())
    data[60] ^= 0xFF
    archive.write_bytes(data)
    assert refused(archive, tmp_path).code == "archive-unreadable"


def test_encrypted_member_is_refused(tmp_path: Path) -> None:
    archive = uploads.zip_of(tmp_path / "a.zip", [("weights", b"x")])
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(data)
    assert refused(archive, tmp_path).code == "archive-encrypted"


def test_total_is_counted_and_not_believed(tmp_path: Path) -> None:
    """A member that says it has 10 bytes and unpacks to a million."""
    noise = random.Random(0).randbytes(1_000_000)
    archive = uploads.zip_of(tmp_path / "a.zip", [("weights", noise)])
    assert refused(archive, tmp_path, ArchiveLimits(total=500_000)).code == "archive-size"
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 10)
    archive.write_bytes(data)
    assert refused(archive, tmp_path, ArchiveLimits(total=500_000)).code in ("archive-size", "archive-unreadable")


def test_long_table_of_contents_is_refused_before_it_is_read(tmp_path: Path) -> None:
    archive = uploads.zip_of(tmp_path / "a.zip", [("weights", b"x")])
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\x05\x06") + 12
    data[at : at + 4] = struct.pack("<I", 0x7FFFFFFF)
    archive.write_bytes(data)
    assert refused(archive, tmp_path).code == "archive-members"


def test_every_cut_and_flip_ends_in_words(tmp_path: Path) -> None:
    """200 seeded damages: unpacked, or refused by name; never another exception."""
    rng = random.Random(1)
    data = uploads.zip_folder(uploads.GOOD / "features", tmp_path / "good.zip").read_bytes()
    archive = tmp_path / "a.zip"
    for turn in range(200):
        spoiled = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        archive.write_bytes(spoiled)
        try:
            unpack_archive(archive, tmp_path / f"out-{turn}")
        except BadUpload as error:
            assert error.code.startswith("archive-")
