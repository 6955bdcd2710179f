"""Archive: a model folder that arrives as a zip, unpacked under limits or not at all."""

import errno
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gyral.errors import BadUpload, OutOfResources

_CHUNK = 1 << 20
_DEFLATED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may unpack to.

    Parameters
    ----------
    members : int
        Files and folders.
    total : int
        Bytes of all files, counted while they are unpacked (the archive's own claims are not believed).
    ratio : float
        Unpacked over packed bytes of one member, looked at from 1 MiB on.
    depth, length : int
        Folders in a path, and its characters.
    """

    members: int = 512
    total: int = 4 << 30
    ratio: float = 100.0
    depth: int = 4
    length: int = 200


def unpack_archive(archive: Path, into: Path, limits: ArchiveLimits = ArchiveLimits()) -> Path:
    """Unpack a zip into the new folder ``into``; a single folder around everything is taken off.

    Nothing appears at ``into`` unless the whole archive is good: it is unpacked beside it and renamed.

    Raises
    ------
    BadUpload
        ``archive-unreadable`` (no zip, truncated, damaged), ``archive-encrypted``, ``archive-path`` (absolute, ``..``,
        a control character ...), ``archive-link`` (link or device), ``archive-doubled``, ``archive-members``,
        ``archive-size``, ``archive-ratio``, ``archive-method``.
    OutOfResources
        The disk is full.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=into.parent))
    try:
        _refuse_large_directory(archive, limits)
        with zipfile.ZipFile(archive) as opened:
            members = _checked(opened, limits)
            left = limits.total
            for info, path in members:
                left -= _unpack(opened, info, scratch / path, left, limits)
        inner = _unwrapped(scratch)
        inner.rename(into)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        raise _unreadable(archive, str(error)) from None
    except OSError as error:
        if error.errno == errno.EINVAL:  # an offset that points before the file's beginning
            raise _unreadable(archive, "an offset is wrong") from None
        raise OutOfResources(
            f"the archive could not be unpacked: {error.strerror or error}.",
            where=archive.name,
            mend="Free some space.",
            code="disk-full",
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return into


def _refuse_large_directory(archive: Path, limits: ArchiveLimits) -> None:
    """Bound the table of contents before `zipfile` reads it whole into memory."""
    with archive.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - (1 << 16) - 200))
        tail = stream.read()
    if b"PK\x05\x06" not in tail:
        raise _unreadable(archive, "its end is missing")
    # Field offsets of the end records: zip at 12 (4 bytes), zip64 at 40 (8 bytes); every candidate counts.
    claims = [*_numbers(tail, b"PK\x05\x06", 12, 4), *_numbers(tail, b"PK\x06\x06", 40, 8)]
    most = limits.members * (limits.length * 4 + 512)
    if any(claim > most for claim in claims if claim != 0xFFFFFFFF):
        raise _too_many(archive, limits)


def _numbers(data: bytes, signature: bytes, offset: int, width: int) -> Iterator[int]:
    at = data.find(signature)
    while at >= 0:
        yield int.from_bytes(data[at + offset : at + offset + width], "little")
        at = data.find(signature, at + 1)


def _checked(opened: zipfile.ZipFile, limits: ArchiveLimits) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Members with their safe relative paths; macOS's resource forks are left out."""
    infos = opened.infolist()
    if len(infos) > limits.members:
        raise _too_many(Path(opened.filename or "archive"), limits)
    kept, seen = [], set[str]()
    for info in infos:
        path = _safe_path(info, limits)
        if path.parts[0] == "__MACOSX" or path.name == ".DS_Store":
            continue
        if str(path).casefold() in seen:
            raise BadUpload("the name stands twice in the archive.", where=info.filename, code="archive-doubled")
        seen.add(str(path).casefold())
        _check_kind(info)
        kept.append((info, path))
    if sum(info.file_size for info, _ in kept) > limits.total:
        raise _too_large(limits)
    return kept


def _safe_path(info: zipfile.ZipInfo, limits: ArchiveLimits) -> PurePosixPath:
    # `orig_filename` is what stands in the file: zipfile itself cuts at NUL and turns separators around.
    name = info.orig_filename
    path = PurePosixPath(name)
    bad = (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in name
        or not name.isprintable()
        or len(path.parts) > limits.depth
        or len(name) > limits.length
    )
    if bad:
        raise BadUpload(
            f"the path {name[:100]!r} is not allowed.",
            where="archive",
            mend=f"Paths are relative, without '..', at most {limits.depth} deep and {limits.length} characters long.",
            code="archive-path",
        )
    return path


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BadUpload(
            "it is a link or a device.", where=info.filename, mend="Put the file itself in.", code="archive-link"
        )
    if info.flag_bits & 0x1:
        raise BadUpload(
            "it is encrypted.", where=info.filename, mend="Zip without a password.", code="archive-encrypted"
        )
    if info.compress_type not in _DEFLATED:
        raise BadUpload(
            f"compression method {info.compress_type} is not read.",
            where=info.filename,
            mend="Zip with deflate (the usual one), or without compression.",
            code="archive-method",
        )


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, left: int, limits: ArchiveLimits) -> int:
    """Write one member; returns its true size."""
    if info.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(info) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > left:
                raise _too_large(limits)
            if written > _CHUNK and written > limits.ratio * max(1, info.compress_size):
                raise BadUpload(
                    f"it unpacks to more than {limits.ratio:g} times its size.",
                    where=info.filename,
                    mend="Weights hardly compress: zip without padding or zeros.",
                    code="archive-ratio",
                )
            sink.write(chunk)
    return written


def _unwrapped(folder: Path) -> Path:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _unreadable(archive: Path, why: str) -> BadUpload:
    return BadUpload(
        f"not a zip archive, or a truncated one ({why}).",
        where=archive.name,
        mend="Zip the model folder again and upload it whole.",
        code="archive-unreadable",
    )


def _too_many(archive: Path, limits: ArchiveLimits) -> BadUpload:
    return BadUpload(f"more than {limits.members} files.", where=archive.name, code="archive-members")


def _too_large(limits: ArchiveLimits) -> BadUpload:
    return BadUpload(
        f"it unpacks to more than {limits.total / (1 << 30):.3g} GiB.", where="archive", code="archive-size"
    )
