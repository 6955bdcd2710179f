"""Payload: the bytes somebody sends, streamed under a random name and laid out as a model folder."""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import tomli_w

from gyral.errors import BadUpload, OutOfResources, UserError
from gyral.models.archive import looks_packed, unpack_archive
from gyral.models.card import ModelCard
from gyral.models.formats import refused_by_magic, refused_by_name
from gyral.models.onnx_strip import strip_file
from gyral.models.toml_file import read_toml
from gyral_submissions import conf
from gyral_submissions.domain.fault import readable
from gyral_submissions.enums import Format

CARD = "gyral.toml"
FEATURES = "features.toml"
HEAD = 512  # first bytes that tell what a file is
_GRAPH = "model.onnx"
_ONNX = b"\x08"  # field 1 of its message, the version; exporters write it first


class Incoming(Protocol):
    """What a request hands over (Django's ``UploadedFile``)."""

    def chunks(self) -> Iterable[bytes]:
        """The content, piece by piece."""
        ...


@dataclass(frozen=True)
class Payload:
    """A file as it arrived: where it lies, its sha256, its size in bytes, what its sender calls it, and its first bytes."""

    path: Path
    sha256: str
    size: int
    name: str
    head: bytes


@contextmanager
def called_as_sent(payload: Payload) -> Iterator[None]:
    """Let errors name the file as its sender does, not as it is called here; ``file``, the field, where nobody said."""
    ours = {payload.path.name, "archive", *(() if looks_packed(payload.head) else (_GRAPH,))}
    try:
        yield
    except UserError as error:
        first, colon, rest = (error.where or "").partition(":")
        if first in ours:
            error.where = f"{payload.name or 'file'}{colon}{rest}"
        raise


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for one upload, gone at the end; a full disk becomes a sentence."""
    folder = conf.incoming() / secrets.token_hex(16)
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full() from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def stream(uploaded_file: Incoming, path: Path) -> Payload:
    """Write the chunks, counting and hashing them; what the client says of its size is not believed.

    Raises
    ------
    OutOfResources
        Larger than the cap (``too-large``), seen while it streams.
    BadUpload
        Nothing came (``empty``).
    """
    cap = conf.UPLOAD_BYTES()
    digest, size, head = hashlib.sha256(), 0, b""
    with path.open("xb") as stream:
        for chunk in uploaded_file.chunks():
            size += len(chunk)
            if size > cap:
                raise too_large(cap)
            digest.update(chunk)
            head += chunk[: HEAD - len(head)]
            stream.write(chunk)
    if not size:
        raise BadUpload("the file is empty.", where="file", code="empty")
    return Payload(path, digest.hexdigest(), size, _plain(getattr(uploaded_file, "name", None)), head)


def require_fit(head: bytes, format_: Format, name: str = "") -> None:
    """Refuse a file for its name or its first bytes, before anything is read; what passes may be wrong all the same.

    Parameters
    ----------
    head : bytes
        The first `HEAD` of the file, or all of it.
    format_ : Format
        What it is said to be.
    name : str, optional
        What its sender calls it.

    Raises
    ------
    BadUpload
        A pickle, a program, a file for another runtime, or no archive where one is needed (``archive-unreadable``).
    """
    where, packed = _plain(name) or "file", looks_packed(head)
    refused = None if packed else refused_by_magic(head)
    if refused is None and not head.startswith(_ONNX):
        refused = refused_by_name(name)
    if refused is not None:
        raise BadUpload(refused.what, where=where, mend=refused.mend, code=refused.code)
    if format_ != Format.ONNX and not packed:
        raise BadUpload(
            "it is not a zip or tar archive.",
            where=where,
            mend="Pack the model folder as .zip, .tar or .tar.gz; an .onnx file alone is sent as ONNX.",
            code="archive-unreadable",
        )


def disk_full() -> OutOfResources:
    """The refusal of an upload there is no room for."""
    return OutOfResources("the site's disk is full; nothing was kept.", mend="Try again later.", code="disk-full")


def too_large(cap: int) -> OutOfResources:
    """The refusal of an upload above ``cap`` bytes."""
    return OutOfResources(
        f"the file is larger than {cap / (1 << 20):g} MiB, the most this site takes.",
        where="file",
        mend="Send float16 weights, or a smaller model.",
        code="too-large",
    )


def lay_out(
    payload: Payload, folder: Path, card: ModelCard | None, format_: Format, *, fallback: ModelCard | None = None
) -> ModelCard:
    """Make the model folder of the payload, with the card that counts in it: ``card``, else its own, else ``fallback``.

    What an exporter noted of its user's paths and source leaves the graphs here: nobody needs to keep it.

    Raises
    ------
    BadUpload
        No archive, a hostile one, no or a wrong card, or a graph that is none.
    """
    require_fit(payload.head, format_, payload.name)
    if format_ == Format.ONNX and not looks_packed(payload.head):
        folder.mkdir()
        os.rename(payload.path, folder / _GRAPH)
    else:
        unpack_archive(payload.path, folder)
    _strip_graphs(folder)
    for name in (CARD, FEATURES):
        if (folder / name).exists() and not (folder / name).is_file():
            raise BadUpload("it must be a file.", where=name, code="card-file")
    if card is None and fallback is not None and not _has_card(folder, format_):
        card = fallback
    if card is None:
        return _own_card(folder, format_)
    if format_ == Format.FEATURES:
        _replace_features_card(folder / FEATURES, card)
    else:
        card.write(folder / CARD)
    return card


def _plain(name: object) -> str:
    """A file's name without the folders that some browsers and scripts send along; empty where nobody said."""
    return readable(Path(str(name or "")).name)[:100]


def _strip_graphs(folder: Path) -> None:
    for file in sorted(folder.glob("*.onnx")):
        if file.is_file():
            strip_file(file)


def _has_card(folder: Path, format_: Format) -> bool:
    if format_ != Format.FEATURES:
        return (folder / CARD).is_file()
    return (folder / FEATURES).is_file() and bool(features_manifest(folder / FEATURES).get("card"))


def _own_card(folder: Path, format_: Format) -> ModelCard:
    """The card that came in the archive."""
    name = FEATURES if format_ == Format.FEATURES else CARD
    if not (folder / name).is_file():
        raise BadUpload(
            "there is no model card.",
            where=name,
            mend=f"Fill in the form, put {name} into the archive, or name a card (`gyral submit --card FILE`).",
            code="card-absent",
        )
    if format_ != Format.FEATURES:
        return ModelCard.read(folder / name)
    return ModelCard.checked(features_manifest(folder / name).get("card", {}), where=name)


def _replace_features_card(path: Path, card: ModelCard) -> None:
    """Features carry their card in ``features.toml``; what was typed into the form counts."""
    if not path.is_file():
        raise BadUpload("the file is missing.", where=FEATURES, code="features-manifest")
    manifest = features_manifest(path) | {"card": card.model_dump(mode="json", exclude_none=True)}
    path.write_text(tomli_w.dumps(manifest), "utf-8")


def features_manifest(path: Path) -> dict[str, Any]:
    """``features.toml`` as plain fields; its values are checked by the guest that looks at the folder."""
    fields = read_toml(path, code="features-manifest")
    if not isinstance(fields.get("card", {}), dict):
        raise BadUpload(
            "card must be a table.", where=FEATURES, mend="It begins with [card].", code="features-manifest"
        )
    return fields
