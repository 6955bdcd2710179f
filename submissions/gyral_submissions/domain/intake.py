"""Intake: from a file somebody sends to a submission; all or nothing.

The file streams under a random name beside the accepted uploads, is unpacked and checked there, and becomes a
model folder by one rename; the row follows. Whatever fails on the way leaves nothing behind, and no quota is
touched: quota belongs to runs.
"""

import errno
import hashlib
import os
import secrets
import shutil
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import tomli_w
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from gyral.errors import BadUpload, OutOfResources, UserError
from gyral.hashing import hash_file, hash_json
from gyral.models.card import ModelCard
from gyral_submissions import conf
from gyral_submissions.domain import quota
from gyral_submissions.domain.fault import readable
from gyral_submissions.enums import Format, Tier, Visibility
from gyral_submissions.models import Submission
from gyral_submissions.rules import may_upload

CARD = "gyral.toml"
FEATURES = "features.toml"
_ZIP = b"PK\x03\x04"
# What a checker calls an upload -> what the site calls it.
_FORMATS = {"onnx": Format.ONNX, "transformers": Format.SAFETENSORS, "features": Format.FEATURES}
# Of the card, only what changes the features tells one upload from another.
_DECISIVE = {"modality", "layers", "image", "text"}


class Refused(UserError):
    """An upload that is sound, but not welcome: a taken name, a duplicate, a closed door."""

    code = "refused"


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


def receive(
    owner: User,
    uploaded_file: Incoming,
    card_fields: Mapping[str, object] | None,
    *,
    format: Format,
    visibility: Visibility = Visibility.PRIVATE,
) -> Submission:
    """Take in one upload.

    Parameters
    ----------
    owner : User
        Who sends it.
    uploaded_file : Incoming
        An ``.onnx`` file, or a zip of a model folder (any format).
    card_fields : mapping or None
        Fields of the model card; None to take the one in the archive.
    format : Format
        What the file is said to be.
    visibility : Visibility
        Who may see it.

    Returns
    -------
    Submission
        Version 1 of a new name, or the next version of a name that is already the owner's.

    Raises
    ------
    Refused
        The site does not run strangers' models (``unsandboxed``), the name is somebody else's
        (``name-taken``) or a reference model's (``name-reserved``), or the owner has sent the same model
        before (``duplicate``).
    BadUpload
        What is wrong with the file or the card, where, and how to mend it.
    OutOfResources
        Larger than the cap (``too-large``), or our disk is full (``disk-full``).
    """
    _require_welcome(owner, format)
    card = ModelCard.checked(dict(card_fields)) if card_fields is not None else None
    if card is not None:
        _require_free(card.name, owner)
    with _scratch() as scratch:
        payload = _stream(uploaded_file, scratch / "payload")
        folder = scratch / "model"
        card = _lay_out(payload, folder, card, format)
        _require_free(card.name, owner)
        _require_sound(folder, format)
        content_hash = _content_hash(folder, card)
        kept = conf.uploads() / secrets.token_hex(16)
        os.rename(folder, kept)
    submission = Submission(
        owner=owner,
        name=card.name,
        title=card.title[:200],
        modality=card.modality,
        format=format,
        tier=Tier.SELF_REPORTED if format == Format.FEATURES else Tier.VERIFIED,
        visibility=visibility,
        has_twin=format != Format.FEATURES,
        card=card.model_dump(mode="json"),
        sha256=payload.sha256,
        content_hash=content_hash,
        size=payload.size,
        path=kept.name,
    )
    try:
        _insert(submission, owner)
    except BaseException:
        shutil.rmtree(kept, ignore_errors=True)
        raise
    return submission


def _require_welcome(owner: User, format_: Format) -> None:
    if format_ not in (Format.ONNX, Format.SAFETENSORS, Format.FEATURES):
        raise BadUpload(f"format {format_!r} cannot be uploaded.", code="format")
    if not may_upload(owner, format_):
        raise Refused(
            "this site does not run models of people it does not know: it cannot hold them firmly enough.",
            mend="Score the model at home with `gyral score`, send precomputed features, or host your own board.",
            code="unsandboxed",
        )


def _require_free(name: str, owner: User) -> None:
    """The name is nobody's, or the owner's own."""
    # Nested: the catalogue of reference models is needed here only.
    from gyral.models.catalogue import MODELS

    if name in MODELS:
        raise Refused(f"{name!r} is the name of a reference model.", where="name", code="name-reserved")
    _next_version(name, owner)


def _next_version(name: str, owner: User) -> int:
    # One query, so that name and version are seen at the same moment.
    taken = list(Submission.objects.filter(name=name).values_list("owner_id", "version"))
    if any(owner_id != owner.pk for owner_id, _ in taken):
        raise Refused(
            f"the name {name!r} is taken by somebody else.",
            where="name",
            mend="Choose another.",
            code="name-taken",
        )
    return max((version for _, version in taken), default=0) + 1


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for one upload, gone at the end; a full disk becomes a sentence."""
    folder = conf.incoming() / secrets.token_hex(16)
    try:
        folder.mkdir()
        yield folder
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfResources(
                "the site's disk is full; nothing was kept.", mend="Try again later.", code="disk-full"
            ) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stream(uploaded_file: Incoming, path: Path) -> Payload:
    """Write the chunks, counting and hashing them; what the client says of its size is not believed."""
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


def too_large(cap: int) -> OutOfResources:
    """The refusal of an upload above ``cap`` bytes."""
    return OutOfResources(
        f"the file is larger than {cap / (1 << 20):g} MiB, the most this site takes.",
        where="file",
        mend="Send float16 weights, or a smaller model.",
        code="too-large",
    )


def _lay_out(payload: Payload, folder: Path, card: ModelCard | None, format_: Format) -> ModelCard:
    """Make the model folder of the payload, with the card that counts in it."""
    with payload.path.open("rb") as stream:
        is_archive = stream.read(4) == _ZIP
    if format_ == Format.ONNX and not is_archive:
        folder.mkdir()
        os.rename(payload.path, folder / "model.onnx")
    else:
        # Nested: archives are opened in few requests.
        from gyral.models.upload import unpack_archive

        unpack_archive(payload.path, folder)
    for name in (CARD, FEATURES):
        if (folder / name).exists() and not (folder / name).is_file():
            raise BadUpload("it must be a file.", where=name, code="card-file")
    if card is None:
        return _own_card(folder, format_)
    if format_ == Format.FEATURES:
        _replace_features_card(folder / FEATURES, card)
    else:
        card.write(folder / CARD)
    return card


def _own_card(folder: Path, format_: Format) -> ModelCard:
    """The card that came in the archive."""
    name = FEATURES if format_ == Format.FEATURES else CARD
    if not (folder / name).is_file():
        raise BadUpload("there is no model card.", where=name, mend="Fill in the form.", code="card-absent")
    if format_ != Format.FEATURES:
        return ModelCard.read(folder / name)
    return ModelCard.checked(dict(_features_manifest(folder / name).get("card", {})), where=name)


def _replace_features_card(path: Path, card: ModelCard) -> None:
    """Features carry their card in ``features.toml``; what was typed into the form counts."""
    if not path.is_file():
        raise BadUpload("the file is missing.", where=FEATURES, code="features-manifest")
    manifest = _features_manifest(path) | {"card": card.model_dump(mode="json", exclude_none=True)}
    path.write_text(tomli_w.dumps(manifest), "utf-8")


def _features_manifest(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadUpload(f"not valid TOML: {error}.", where=FEATURES, code="features-manifest") from None


def _require_sound(folder: Path, format_: Format) -> None:
    """Have a guest process look at the files: a stranger's bytes are never parsed where the database is open."""
    # Nested: it starts a guest, and brings numpy.
    from gyral.isolation.host import check

    report = check(folder)
    faults = [f for f in report.get("faults", []) if isinstance(f, dict)]
    if faults:
        first, more = faults[0], len(faults) - 1
        mend = f"{first.get('mend') or ''} ({more} more: run `gyral check`.)" if more else first.get("mend")
        raise BadUpload(
            readable(str(first.get("what") or "the file cannot be used.")),
            where=readable(str(first.get("where") or "")) or None,
            mend=readable(str(mend or "")).strip() or None,
            code=str(first.get("code") or "bad-upload"),
        )
    found = _FORMATS.get(str(report.get("kind")))
    if found != format_:
        raise BadUpload(
            f"this is {found.label if found else 'no model'}, and {format_.label} was chosen.",
            where="format",
            mend="Choose the other format.",
            code="format-differs",
        )


def _content_hash(folder: Path, card: ModelCard) -> str:
    """Of what decides the features: the files, and of card and manifest what is not only shown."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    hashes = {name: hash_file(path) for name, path in files.items() if name not in (CARD, FEATURES)}
    if FEATURES in files:
        hashes[FEATURES] = hash_json({k: v for k, v in _features_manifest(files[FEATURES]).items() if k != "card"})
    return hash_json([hashes, card.model_dump(mode="json", include=_DECISIVE)])


def _insert(submission: Submission, owner: User) -> None:
    """Number the version and write the row; names and duplicates are looked at again under the owner's lock."""
    try:
        with transaction.atomic():
            quota.lock(owner)
            same = Submission.objects.filter(owner=owner, content_hash=submission.content_hash, withdrawn=None)
            if (before := same.first()) is not None:
                raise Refused(
                    f"you sent the same model before, as {before}.",
                    mend="Start its runs from its page, or withdraw it first.",
                    code="duplicate",
                )
            submission.version = _next_version(submission.name, owner)
            submission.save(force_insert=True)
    except IntegrityError:
        # Somebody else took the name between our look and our write.
        _next_version(submission.name, owner)
        raise
