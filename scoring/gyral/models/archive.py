"""Archive: a model folder that arrives as a zip or a tar, unpacked under limits or not at all."""

import errno
import gzip
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

from gyral.errors import BadUpload, OutOfResources
from gyral.models.archive_members import ArchiveLimits
from gyral.models.archive_tar import unpack_tar
from gyral.models.archive_zip import unpack_zip

__all__ = ["ArchiveLimits", "is_archive", "looks_packed", "unpack_archive"]

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
LIMITS = ArchiveLimits()
_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error,
)  # fmt: skip


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked.

    >>> is_archive("Net.TGZ"), is_archive("net.onnx")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def looks_packed(head: bytes) -> bool:
    """Whether the first 512 bytes of a file are those of a zip, a gzip or a tar."""
    return head.startswith((_ZIP, _GZIP)) or head[257:262] == b"ustar"


def unpack_archive(archive: Path, into: Path, limits: ArchiveLimits = LIMITS) -> Path:
    """Unpack a zip, tar or tar.gz into the new folder ``into``; a single folder around everything is taken off.

    What it is, its first bytes say. Nothing appears at ``into`` unless the whole archive is good: it is unpacked
    beside it and renamed.

    Raises
    ------
    BadUpload
        ``archive-unreadable`` (no archive, truncated, damaged), ``archive-encrypted``, ``archive-path`` (absolute,
        ``..``, a control character ...), ``archive-link`` (link or device), ``archive-doubled``, ``archive-members``,
        ``archive-size``, ``archive-ratio``, ``archive-method``.
    OutOfResources
        The disk is full.
    """
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".unpack-", dir=into.parent))
    try:
        with archive.open("rb") as stream:
            head = stream.read(512)
        unpack = unpack_tar if looks_packed(head) and not head.startswith(_ZIP) else unpack_zip
        unpack(archive, scratch, limits)
        _unwrapped(scratch).rename(into)
    except _DAMAGED as error:
        raise _unreadable(archive, str(error)) from None
    except OSError as error:
        # An offset before the file's beginning; a member where another one is a folder, or the reverse.
        if error.errno in (errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            raise _unreadable(archive, error.strerror or "an offset is wrong") from None
        raise OutOfResources(
            f"the archive could not be unpacked: {error.strerror or error}.",
            where=archive.name,
            mend="Free some space.",
            code="disk-full",
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return into


def _unwrapped(folder: Path) -> Path:
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() else folder


def _unreadable(archive: Path, why: str) -> BadUpload:
    return BadUpload(
        f"not a zip or tar archive, or a truncated one ({why}).",
        where=archive.name,
        mend="Pack the model folder again as .zip, .tar or .tar.gz, and upload it whole.",
        code="archive-unreadable",
    )
