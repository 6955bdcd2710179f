"""Zip archives: the table of contents bounded before it is read, every member checked before any is written."""

import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from gyral.errors import BadUpload
from gyral.models.archive_members import ArchiveLimits, Unpacking, a_link, shown, too_large, too_many

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def unpack_zip(archive: Path, folder: Path, limits: ArchiveLimits) -> None:
    """Unpack a zip into an empty folder; see `gyral.models.archive.unpack_archive`."""
    _refuse_large_directory(archive, limits)
    unpacking = Unpacking(folder, limits)
    with zipfile.ZipFile(archive) as opened:
        for info, path in _checked(opened, unpacking):
            if info.is_dir():
                unpacking.make_folder(path)
                continue
            with opened.open(info) as source:
                unpacking.write(path, source.read, info.compress_size)


def _refuse_large_directory(archive: Path, limits: ArchiveLimits) -> None:
    """Bound the table of contents before `zipfile` reads it whole into memory."""
    with archive.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - (1 << 16) - 200))
        tail = stream.read()
    if b"PK\x05\x06" not in tail:
        raise zipfile.BadZipFile("its end is missing")
    # Field offsets of the end records: zip at 12 (4 bytes), zip64 at 40 (8 bytes); every candidate counts.
    claims = [*_numbers(tail, b"PK\x05\x06", 12, 4), *_numbers(tail, b"PK\x06\x06", 40, 8)]
    most = limits.members * (limits.length * 4 + 512)
    if any(claim > most for claim in claims if claim != 0xFFFFFFFF):
        raise too_many(limits)


def _numbers(data: bytes, signature: bytes, offset: int, width: int) -> Iterator[int]:
    at = data.find(signature)
    while at >= 0:
        yield int.from_bytes(data[at + offset : at + offset + width], "little")
        at = data.find(signature, at + 1)


def _checked(opened: zipfile.ZipFile, unpacking: Unpacking) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = opened.infolist()
    if len(infos) > unpacking.limits.members:
        raise too_many(unpacking.limits)
    kept = []
    for info in infos:
        # `orig_filename` is what stands in the file: zipfile itself cuts at NUL and turns separators around.
        path = unpacking.place(info.orig_filename)
        if path is not None:
            _check_kind(info)
            kept.append((info, path))
    if sum(info.file_size for info, _ in kept) > unpacking.limits.total:
        raise too_large(unpacking.limits)
    return kept


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise a_link(info.filename)
    if info.flag_bits & 0x1:
        raise BadUpload(
            "it is encrypted.",
            where=shown(info.filename),
            mend="Zip without a password.",
            code="archive-encrypted",
        )
    if info.compress_type not in _METHODS:
        raise BadUpload(
            f"compression method {info.compress_type} is not read.",
            where=shown(info.filename),
            mend="Zip with deflate (the usual one), or without compression.",
            code="archive-method",
        )
