"""Held files: what was uploaded with a form that had mistakes, kept a day so that nobody uploads it twice."""

import os
import re
import secrets
import shutil
from pathlib import Path

from django.contrib.auth.models import User
from django.core.files import File
from django.core.files.uploadedfile import TemporaryUploadedFile, UploadedFile
from django.core.signing import BadSignature, dumps, loads

from gyral_submissions import conf

SALT = "gyral.held"
DAY = 24 * 3600
_NAME = re.compile(r"held-[0-9a-f]{32}")


def hold(uploaded: "UploadedFile[bytes]", owner: User) -> str:
    """Keep a file; returns the token that gets it back, for its owner alone."""
    folder = conf.incoming() / f"held-{secrets.token_hex(16)}"  # a folder: the sweeper removes old ones
    folder.mkdir()
    path = folder / "file"
    if isinstance(uploaded, TemporaryUploadedFile):
        os.link(uploaded.temporary_file_path(), path)  # same file system: see FILE_UPLOAD_TEMP_DIR
    else:
        with path.open("xb") as target:
            for chunk in uploaded.chunks():
                target.write(chunk)
    return dumps({"folder": folder.name, "name": uploaded.name, "owner": owner.pk}, salt=SALT)


def open_held(token: str, owner: User) -> "File[bytes] | None":
    """The file behind a token, under the name it was sent with; None if it is gone or somebody else's."""
    try:
        held = loads(token, salt=SALT, max_age=DAY)
    except BadSignature:
        return None
    path = _path(held["folder"])
    if held["owner"] != owner.pk or path is None or not path.is_file():
        return None
    return File(path.open("rb"), name=held["name"])


def let_go(token: str) -> None:
    """Remove a held file that is no longer needed."""
    try:
        path = _path(loads(token, salt=SALT)["folder"])
    except BadSignature:
        return
    if path is not None:
        shutil.rmtree(path.parent, ignore_errors=True)


def _path(name: str) -> Path | None:
    return conf.incoming() / name / "file" if _NAME.fullmatch(name) else None
