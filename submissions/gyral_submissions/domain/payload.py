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

from gyral.errors import BadUpload, OutOfResources
from gyral.models.archive import looks_packed, unpack_archive
from gyral.models.card import ModelCard
from gyral.models.formats import refused_by_magic
from gyral.models.onnx_strip import strip_file
from gyral.models.toml_file import read_toml
from gyral_submissions import conf
from gyral_submissions.enums import Format

CARD = "gyral.toml"
FEATURES = "features.toml"


class Incoming(Protocol):
    """What a request hands over (Django's ``UploadedFile``)."""

    def chunks(self) -> Iterable[bytes]:
        """The content, piece by piece."""
        ...


@dataclass(frozen=True)
class Payload:
    """A file as it arrived: where it lies, its sha256 and its size in bytes."""

    path: Path
    sha256: str
    size: int


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
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as stream:
        for chunk in uploaded_file.chunks():
            size += len(chunk)
            if size > cap:
                raise too_large(cap)
            digest.update(chunk)
            stream.write(chunk)
    if not size:
        raise BadUpload("the file is empty.", where="file", code="empty")
    return Payload(path, digest.hexdigest(), size)


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
    with payload.path.open("rb") as stream:
        head = stream.read(512)
    packed = looks_packed(head)
    if not packed and (refused := refused_by_magic(head)):
        raise BadUpload(refused.what, where="file", mend=refused.mend, code=refused.code)
    if format_ == Format.ONNX and not packed:
        folder.mkdir()
        os.rename(payload.path, folder / "model.onnx")
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
