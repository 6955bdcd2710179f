"""Intake: from a file somebody sends to a submission; all or nothing.

The file streams under a random name beside the accepted uploads, is unpacked and checked there, and becomes a
model folder by one rename; the row follows. Whatever fails on the way leaves nothing behind, and no quota is
touched: quota belongs to runs.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from gyral.errors import BadUpload, UserError
from gyral.hashing import hash_file, hash_json
from gyral.models.card import ModelCard
from gyral_submissions import conf
from gyral_submissions.domain import dry_run, quota, taken_name
from gyral_submissions.domain.announcement import require_open
from gyral_submissions.domain.fault import readable
from gyral_submissions.domain.payload import (
    CARD,
    FEATURES,
    Incoming,
    called_as_sent,
    features_manifest,
    lay_out,
    scratch_folder,
    stream,
)
from gyral_submissions.domain.run import cancel
from gyral_submissions.enums import ACTIVE, Format, Tier, Visibility
from gyral_submissions.models import Submission
from gyral_submissions.rules import may_upload

# What a checker calls an upload -> what the site calls it.
_FORMATS = {"onnx": Format.ONNX, "transformers": Format.SAFETENSORS, "features": Format.FEATURES}


class Refused(UserError):
    """An upload that is sound, but not welcome: a taken name, a duplicate, a closed door."""

    code = "refused"


def receive(
    owner: User,
    uploaded_file: Incoming,
    card_fields: Mapping[str, object] | None,
    *,
    format: Format,
    visibility: Visibility = Visibility.PRIVATE,
    sha256: str | None = None,
    after: Submission | None = None,
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
    sha256 : str, optional
        What the sender says the file's hash is, hex; it must be.
    after : Submission, optional
        The version of the owner's that this one comes after: its name stays, and its card is taken where none came.

    Returns
    -------
    Submission
        Version 1 of a new name, or the next version of a name that is already the owner's; the version that was there
        where the same model was only tried so far (`gyral_submissions.domain.dry_run`).

    Raises
    ------
    Refused
        The site does not run strangers' models (``unsandboxed``), the name is somebody else's
        (``name-taken``), a reference model's (``name-reserved``) or another than that of ``after`` (``name-differs``),
        or the owner has sent the same model before (``duplicate``).
    QuotaExceeded
        Too many of the names that the owner chose today were somebody else's (``quota-names``).
    BadUpload
        What is wrong with the file or the card, where, and how to mend it.
    OutOfResources
        Larger than the cap (``too-large``), or our disk is full (``disk-full``).
    """
    require_welcome(owner, format)
    card = ModelCard.checked(dict(card_fields)) if card_fields is not None else None
    if card is not None:
        _require_free(card.name, owner, after)
    with scratch_folder() as scratch:
        payload = stream(uploaded_file, scratch / "payload")
        if sha256 is not None and sha256.lower() != payload.sha256:
            raise BadUpload(
                f"{payload.size} bytes arrived, and their sha256 is {payload.sha256}.",
                where="sha256",
                mend="Compare both with the file; if they differ, send it again.",
                code="sha256-differs",
            )
        folder = scratch / "model"
        fallback = None if after is None else ModelCard.checked(after.card)
        with called_as_sent(payload):
            card = lay_out(payload, folder, card, format, fallback=fallback)
            _require_free(card.name, owner, after)
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
        return _insert(submission, owner)
    except BaseException:
        shutil.rmtree(kept, ignore_errors=True)
        raise


def require_welcome(owner: User, format_: Format) -> None:
    """Refuse what cannot be uploaded (``format``), or not by this person (``unsandboxed``)."""
    require_open()
    if format_ not in (Format.ONNX, Format.SAFETENSORS, Format.FEATURES):
        raise BadUpload(f"format {format_!r} cannot be uploaded.", code="format")
    if not may_upload(owner, format_):
        raise Refused(
            "this site does not run models of people it does not know: it cannot hold them firmly enough.",
            mend="Score the model at home with `gyral score`, send precomputed features, or host your own board.",
            code="unsandboxed",
        )


def _require_free(name: str, owner: User, after: Submission | None) -> None:
    """The name is nobody's, or the owner's own; of a new version it is that of the version before."""
    # Nested: the catalogue of reference models is needed here only.
    from gyral.models.catalogue import MODELS

    if after is not None and name != after.name:
        raise Refused(
            f"the card calls the model {name!r}, and it is to be a new version of {after.name!r}.",
            where="name",
            mend="Give it that name, or send it as a model of its own.",
            code="name-differs",
        )
    if name in MODELS:
        raise Refused(f"{name!r} is the name of a reference model.", where="name", code="name-reserved")
    _next_version(name, owner)


def _next_version(name: str, owner: User) -> int:
    # One query, so that name and version are seen at the same moment.
    taken = list(Submission.objects.filter(name=name).values_list("owner_id", "version"))
    if all(owner_id != owner.pk for owner_id, _ in taken):
        taken_name.require(owner)
    if any(owner_id != owner.pk for owner_id, _ in taken):
        taken_name.note(owner)
        # The same words whoever may see the other model, and where it is withdrawn or deleted.
        raise Refused(
            f"the name {name!r} is taken by somebody else; names are unique across the site.",
            where="name",
            mend="Choose another.",
            code="name-taken",
        )
    return max((version for _, version in taken), default=0) + 1


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
        hashes[FEATURES] = hash_json({k: v for k, v in features_manifest(files[FEATURES]).items() if k != "card"})
    return hash_json([hashes, card.decisive()])


def _insert(submission: Submission, owner: User) -> Submission:
    """Number the version and write the row; names and duplicates are looked at again under the owner's lock."""
    try:
        with transaction.atomic():
            quota.lock(owner)
            same = Submission.objects.filter(owner=owner, content_hash=submission.content_hash, withdrawn=None)
            if (before := same.first()) is not None:
                if before.name == submission.name and before.moderated is None and dry_run.was_only_tried(before):
                    return _taken_up(before, submission)
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
    return submission


def _taken_up(before: Submission, sent: Submission) -> Submission:
    """The version that was only tried, with the files and the card that came now; a dry run that still goes is ended."""
    for run in before.runs.filter(state__in=ACTIVE):
        cancel(
            run,
            why="The same model was sent again, and what was started with it came in the place of this dry run.",
        )
    old = conf.uploads() / before.path
    if sent.visibility == Visibility.PUBLIC != before.visibility:
        before.published = timezone.now()
    for field in ("title", "card", "visibility", "sha256", "size", "path"):
        setattr(before, field, getattr(sent, field))
    before.save()
    transaction.on_commit(lambda: shutil.rmtree(old, ignore_errors=True))
    return before
