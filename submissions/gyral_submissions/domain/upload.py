"""Upload: a large file in pieces; a broken connection or a restarted site costs the last piece at most.

The row says how many bytes are safely here, the file may hold more: whoever was killed while writing told nobody.
The next piece is written over that rest.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gyral.errors import BadUpload, UserError
from gyral_submissions import conf
from gyral_submissions.domain import quota
from gyral_submissions.domain.intake import Refused, receive, require_welcome
from gyral_submissions.domain.payload import HEAD, disk_full, too_large
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Submission, Upload

_CHECKPOINT = 8 << 20  # bytes after which a piece's progress is noted
_BLOCK = 1 << 20
# Refusals of what a card says, where it is in the file itself.
_OF_THE_ARCHIVE = {"duplicate", "name-taken", "name-reserved", "name-differs"}


def begin(owner: User, format_: Format) -> Upload:
    """Open an upload; what would refuse the finished file anyway is said before its first byte.

    Raises
    ------
    Refused
        The site does not run strangers' models (``unsandboxed``), or the owner has too many uploads open
        (``uploads-open``).
    QuotaExceeded
        No evaluation is left to score it with.
    """
    require_welcome(owner, format_)
    with transaction.atomic():
        quota.lock(owner)
        quota.require(owner, evaluations=1, runs=1)
        count, most = open_uploads(owner).count(), conf.OPEN_UPLOADS()
        if count >= most:
            raise Refused(
                f"{count} of your uploads are open, the most there may be.",
                mend="Submit or delete one of them.",
                code="uploads-open",
            )
        made = Upload.objects.create(owner=owner, format=format_, touched=timezone.now())
    folder_of(made).mkdir()
    _payload(made).touch()
    return made


def open_uploads(owner: User) -> QuerySet[Upload]:
    """Uploads of ``owner`` that have not expired."""
    return Upload.objects.filter(owner=owner, touched__gt=_oldest())


def append(upload: Upload, pieces: Iterable[bytes], *, offset: int) -> Upload:
    """Write the next piece, as much of it as arrives; returns the row with what is here now.

    Parameters
    ----------
    upload : Upload
    pieces : iterable of bytes
        The body of the request. What its sender says of its length is not looked at.
    offset : int
        Where the sender takes it to begin, bytes.

    Raises
    ------
    Refused
        Bytes are missing before it or are here already (``upload-offset``), or another piece is being written
        (``upload-busy``).
    OutOfResources
        Larger than the cap (``too-large``), or our disk is full (``disk-full``).
    """
    with _locked(upload) as stream:
        upload.refresh_from_db()
        if offset != upload.received:
            raise Refused(
                f"the piece begins at byte {offset}, and {upload.received} bytes are here.",
                where="offset",
                mend=f"Send the file from byte {upload.received} on.",
                code="upload-offset",
            )
        stream.seek(upload.received)
        stream.truncate()
        try:
            _write(upload, stream, pieces)
        except OSError as error:
            # What came before the connection broke, or the disk was full, stays.
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise disk_full() from None
            _note(upload, stream)
            raise
    return upload


def finish(
    upload: Upload,
    card_fields: Mapping[str, object] | None,
    *,
    visibility: Visibility,
    sha256: str | None = None,
    format_: Format | None = None,
    after: Submission | None = None,
    name: str = "",
) -> Submission:
    """Take the whole file in as `gyral_submissions.domain.intake.receive` does; the upload stays until `forget`.

    Parameters
    ----------
    upload : Upload
    card_fields, visibility, sha256, after
        See `receive`.
    format_ : Format, optional
        Another than was said at the beginning.
    name : str, optional
        What the sender calls the file, for messages.

    Raises
    ------
    BadUpload
        The bytes that are here have another hash (``sha256-differs``), and what `receive` refuses.
    Refused
        A piece is being written (``upload-busy``), and what `receive` refuses.
    """
    with _locked(upload) as stream:
        upload.refresh_from_db()
        return receive(
            upload.owner,
            _Whole(stream, upload.received, name),
            card_fields,
            format=format_ or Format(upload.format),
            visibility=visibility,
            sha256=sha256,
            after=after,
        )


def head_of(upload: Upload) -> bytes:
    """The first bytes that are safely here, at most `HEAD`; none where the file is gone."""
    try:
        with _payload(upload).open("rb") as stream:
            return stream.read(min(HEAD, upload.received))
    except FileNotFoundError:
        return b""


def is_for_good(error: UserError, card_fields: Mapping[str, object] | None) -> bool:
    """Whether the very bytes were refused, so that only another file can be taken; a card beside them may be mended."""
    if card_fields is not None or error.code.startswith("card"):
        return False
    return error.code in _OF_THE_ARCHIVE or (isinstance(error, BadUpload) and error.code != "sha256-differs")


def forget(upload: Upload) -> None:
    """Remove an upload and its bytes."""
    folder = folder_of(upload)
    Upload.objects.filter(pk=upload.pk).delete()
    shutil.rmtree(folder, ignore_errors=True)


def forget_expired() -> int:
    """Remove what nobody has touched for too long; returns how many."""
    expired = list(Upload.objects.filter(touched__lte=_oldest()))
    for upload in expired:
        forget(upload)
    return len(expired)


def folder_of(upload: Upload) -> Path:
    """Where its bytes lie."""
    return conf.incoming() / f"upload-{upload.pk.hex}"


def expires(upload: Upload) -> datetime:
    """When it is removed if no further piece comes."""
    return upload.touched + timedelta(hours=conf.UPLOAD_HOURS())


class _Whole:
    """The bytes that are safely here, as intake takes them."""

    def __init__(self, stream: BinaryIO, size: int, name: str) -> None:
        self.stream, self.size, self.name = stream, size, name

    def chunks(self) -> Iterator[bytes]:
        """Block by block from the beginning."""
        self.stream.seek(0)
        left = self.size
        while left and (block := self.stream.read(min(_BLOCK, left))):
            left -= len(block)
            yield block


def _write(upload: Upload, stream: BinaryIO, pieces: Iterable[bytes]) -> None:
    size, noted, cap = upload.received, upload.received, conf.UPLOAD_BYTES()
    for piece in pieces:
        size += len(piece)
        if size > cap:
            raise too_large(cap)
        stream.write(piece)
        if size - noted >= _CHECKPOINT:
            _note(upload, stream)
            noted = size
    _note(upload, stream)


def _note(upload: Upload, stream: BinaryIO) -> None:
    stream.flush()
    os.fsync(stream.fileno())
    upload.received, upload.touched = stream.tell(), timezone.now()
    upload.save(update_fields=["received", "touched"])


@contextmanager
def _locked(upload: Upload) -> Iterator[BinaryIO]:
    """The file, for one request at a time; the lock goes with the process that holds it."""
    try:
        with _payload(upload).open("r+b") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    "another piece of this upload is being written.",
                    mend="Send one piece at a time; ask again where it stands.",
                    code="upload-busy",
                ) from None
            yield stream
    except FileNotFoundError:
        raise Refused(
            "the bytes of this upload are gone.", mend="Begin a new upload.", code="upload-gone"
        ) from None


def _payload(upload: Upload) -> Path:
    return folder_of(upload) / "payload"


def _oldest() -> datetime:
    return timezone.now() - timedelta(hours=conf.UPLOAD_HOURS())
