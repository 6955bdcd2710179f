"""Tar archives, plain or gzipped, read from front to end.

Headers are decoded by `tarfile`, one block at a time; `tarfile.open` itself would read a long name of any length
into memory. Long names (GNU and POSIX) are bounded; links, devices and sparse files are refused.
"""

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from gyral.errors import BadUpload
from gyral.models.archive_members import ArchiveLimits, Unpacking, a_link, too_large, too_thin

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_HEADER = 1 << 16
_LONGEST_PADDING = 1 << 20  # behind the last member, bytes
_CHECKED_FROM = 1 << 20  # bytes after which the ratio of a gzipped archive is looked at


class _Source:
    """The unpacked stream, counted against the packed file's size."""

    def __init__(self, stream: BinaryIO, packed: int, limits: ArchiveLimits) -> None:
        self.stream, self.packed, self.limits, self.read_so_far = stream, packed, limits, 0

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes; fewer only at the end."""
        data = self.stream.read(size)
        self.read_so_far += len(data)
        if self.read_so_far > _CHECKED_FROM and self.read_so_far > self.limits.ratio * self.packed:
            raise too_thin("archive", self.limits)
        return data

    def exactly(self, size: int) -> bytes:
        """``size`` bytes and not one less."""
        data = self.read(size)
        if len(data) != size:
            raise tarfile.ReadError("its end is missing")
        return data

    def padded(self, size: int) -> None:
        """Skip what fills the last block of a member."""
        self.exactly(-size % _BLOCK)


def unpack_tar(archive: Path, folder: Path, limits: ArchiveLimits) -> None:
    """Unpack a tar or tar.gz into an empty folder; see `gyral.models.archive.unpack_archive`."""
    with archive.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        _unpack(_Source(stream, archive.stat().st_size, limits), Unpacking(folder, limits))


def _unpack(source: _Source, unpacking: Unpacking) -> None:
    name: str | None = None  # a long name stands in a block of its own, before its member
    size: int | None = None
    headers = 0
    while any(block := source.exactly(_BLOCK)):
        headers += 1
        if headers > 3 * unpacking.limits.members:
            raise tarfile.ReadError("too many headers")
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME):
            content = _header(source, info)
            if info.type == tarfile.GNUTYPE_LONGNAME:
                name = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif info.type == tarfile.XHDTYPE:
                fields = _fields(content)
                name, size = fields.get("path", name), _count(fields["size"]) if "size" in fields else size
            continue
        _member(source, unpacking, info, info.name if name is None else name, info.size if size is None else size)
        name = size = None
    # Reading on also checks the sum behind a gzipped stream.
    if len(source.read(_LONGEST_PADDING)) == _LONGEST_PADDING:
        raise tarfile.ReadError("something stands behind its end")


def _member(source: _Source, unpacking: Unpacking, info: tarfile.TarInfo, name: str, size: int) -> None:
    if size < 0:
        raise tarfile.ReadError("a size is below 0")
    if not (info.isdir() or info.type in (tarfile.REGTYPE, tarfile.AREGTYPE)):
        raise a_link(name)
    if name.strip("./") == "":
        return  # the packed folder itself: "." or "./"
    if size > unpacking.left:
        raise too_large(unpacking.limits)
    path = unpacking.place(name.removeprefix("./"))
    if info.isdir():
        if path is not None:
            unpacking.make_folder(path)
        return
    read = _reader(source, size)
    if path is None:
        while read(1 << 20):
            pass
    else:
        # The ratio is that of the whole archive: a member of a tar has no size of its own in it.
        unpacking.write(path, read, packed=max(1, size))
    source.padded(size)


def _reader(source: _Source, size: int) -> Callable[[int], bytes]:
    left = size

    def read(most: int) -> bytes:
        nonlocal left
        data = source.exactly(min(most, left))
        left -= len(data)
        return data

    return read


def _header(source: _Source, info: tarfile.TarInfo) -> bytes:
    if not 0 <= info.size <= _LONGEST_HEADER:
        raise BadUpload(
            "a path in it is too long.", where="archive", mend="Use shorter names.", code="archive-path"
        )
    content = source.exactly(info.size)
    source.padded(info.size)
    return content


def _fields(content: bytes) -> dict[str, str]:
    """Records of a POSIX header: ``LENGTH KEY=VALUE`` and a newline, the length counted with itself."""
    found: dict[str, str] = {}
    while content:
        length, space, rest = content.partition(b" ")
        if not space or not length.isdigit() or len(length) > 6:
            raise tarfile.ReadError("a header is damaged")
        end = int(length) - len(length) - 1
        key, equals, value = rest[: max(0, end)].partition(b"=")
        if end < 2 or end > len(rest) or not equals or not value.endswith(b"\n"):
            raise tarfile.ReadError("a header is damaged")
        found[key.decode("utf-8", "replace")] = value[:-1].decode("utf-8", "surrogateescape")
        content = rest[end:]
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise tarfile.ReadError("a size is no count")
    return int(text)
