"""Archives: whole and safe, or refused with nothing left behind."""

import gzip
import io
import random
import struct
import tarfile
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


def tar_folder(folder: Path, target: Path, mode: str, **options: object) -> Path:
    with tarfile.open(target, f"w:{mode}", **options) as archive:  # type: ignore[call-overload]
        archive.add(folder, folder.name)
    return target


def tar_member(name: str, data: bytes = b"x", **fields: object) -> Make:
    def make(target: Path) -> Path:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        for field, value in fields.items():
            setattr(info, field, value)
        with tarfile.open(target, "w") as archive:
            archive.addfile(info, io.BytesIO(data))
        return target

    return make


def long_header(target: Path) -> Path:
    """A header that says it takes 4 GiB, gzipped zeros behind it."""
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30
    with gzip.open(target, "wb") as stream:
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        stream.write(bytes(1 << 20))
    return target


def gzipped_zeros(target: Path) -> Path:
    with tarfile.open(target, "w:gz") as archive:
        info = tarfile.TarInfo("zeros")
        info.size = 50 << 20
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    return target


@pytest.mark.parametrize("mode", ["", "gz"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar_of_a_folder_is_unwrapped_and_sound(mode: str, form: int, tmp_path: Path) -> None:
    archive = tar_folder(uploads.GOOD / "conv", tmp_path / "conv.bin", mode, format=form)
    folder = unpack_archive(archive, tmp_path / "out" / "model")
    assert {p.name for p in folder.iterdir()} == {"gyral.toml", "model.onnx"}
    assert (folder / "model.onnx").read_bytes() == (uploads.GOOD / "conv" / "model.onnx").read_bytes()
    assert check_folder(folder).ok


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_of_a_tar_are_read(form: int, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / f"{'n' * 150}.npy").write_bytes(b"x")
    (folder / "grün.npy").write_bytes(b"y")
    archive = tar_folder(folder, tmp_path / "a.tar", "", format=form)
    unpacked = unpack_archive(archive, tmp_path / "out")
    assert {p.name: p.read_bytes() for p in unpacked.iterdir()} == {f"{'n' * 150}.npy": b"x", "grün.npy": b"y"}


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
        (tar_member("../escaped"), "archive-path"),
        (tar_member("/etc/escaped"), "archive-path"),
        (tar_member("a" * 300), "archive-path"),
        (tar_member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "archive-link"),
        (tar_member("link", b"", type=tarfile.LNKTYPE, linkname="/etc/passwd"), "archive-link"),
        (tar_member("device", b"", type=tarfile.CHRTYPE), "archive-link"),
        (tar_member("pipe", b"", type=tarfile.FIFOTYPE), "archive-link"),
        (long_header, "archive-path"),
        (gzipped_zeros, "archive-ratio"),
        (lambda target: target.write_bytes(gzip.compress(b"no tar")) and target, "archive-unreadable"),
        (lambda target: target.write_bytes(b"PK\x03\x04 is no archive") and target, "archive-unreadable"),
        (lambda target: target.write_bytes(b"") or target, "archive-unreadable"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_hostile_archive_is_refused_and_leaves_nothing(make: Make, code: str, tmp_path: Path) -> None:
    archive = make(tmp_path / "hostile.zip")
    assert refused(archive, tmp_path).code == code
    assert not (tmp_path / "escaped").exists()


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_truncated_archive_is_refused(kind: str, tmp_path: Path) -> None:
    folder, target = uploads.GOOD / "bert", tmp_path / f"bert.{kind}"
    if kind == "zip":
        archive = uploads.zip_folder(folder, target)
    else:
        archive = tar_folder(folder, target, "gz" if kind == "tgz" else "")
    data = archive.read_bytes()
    for keep in (0.2, 0.5, 0.6 if kind == "tar" else 0.999):  # a tar ends in empty blocks
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
    """300 seeded damages: unpacked, or refused by name; never another exception."""
    rng = random.Random(1)
    good = [
        uploads.zip_folder(uploads.GOOD / "features", tmp_path / "good.zip").read_bytes(),
        tar_folder(uploads.GOOD / "features", tmp_path / "good.tar", "").read_bytes(),
        tar_folder(uploads.GOOD / "features", tmp_path / "good.tgz", "gz").read_bytes(),
    ]
    archive = tmp_path / "a.bin"
    for turn in range(300):
        spoiled = bytearray(good[turn % 3])
        for _ in range(rng.randint(1, 4)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        archive.write_bytes(spoiled)
        try:
            unpack_archive(archive, tmp_path / f"out-{turn}")
        except BadUpload as error:
            assert error.code.startswith("archive-")
