"""Submitting: upload, log, cancel, retry. Every call needs a token; what changes something, the scope `submit`."""

import shutil
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest
from ninja import Field, File, Form, Router, Schema, Status
from ninja.files import UploadedFile
from pydantic import Json

from gyral.errors import UnknownName, UserError
from gyral.models.card import ModelCard
from gyral_portal.api.auth import ReadToken, SubmitToken
from gyral_portal.api.errors import Forbidden, NotFound
from gyral_portal.api.read import find_run
from gyral_portal.api.schemas import ErrorOut, LogOut, RunOut, SubmittedOut
from gyral_portal.portal.again import benchmarks_of, newest_of
from gyral_portal.portal.capped import TOO_LARGE
from gyral_submissions import conf, rules
from gyral_submissions.domain import dry_run
from gyral_submissions.domain import run as runs
from gyral_submissions.domain.intake import receive
from gyral_submissions.domain.log import read_log
from gyral_submissions.domain.payload import too_large
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

router = Router(auth=SubmitToken(), tags=["submit"])
FAULTS = dict.fromkeys((401, 403, 404, 409, 413, 422, 429), ErrorOut)


VISIBILITY = Field(None, description="private by default, or as the version before")
NEW_VERSION_OF = Field(
    None,
    pattern=ModelCard.model_json_schema()["properties"]["name"]["pattern"],
    description="a model of yours: its name stays, and what is not sent of card, benchmarks and visibility is as its newest "
    "version has it",
)


class Submitting(Schema):
    """Fields beside the file."""

    format: Format
    benchmarks: list[str] = []
    card: Json[dict[str, Any]] | None = None
    visibility: Visibility | None = VISIBILITY
    twin: bool = True
    dry_run: bool = False
    new_version_of: str | None = NEW_VERSION_OF


@router.post("/submissions", response={201: SubmittedOut, **FAULTS}, operation_id="submit")
def submit(
    request: HttpRequest,
    fields: Form[Submitting],
    file: UploadedFile | None = File(None),  # type: ignore[type-arg]  # noqa: B008 - ninja says so
) -> Status[dict[str, Any]]:
    """Upload a model (multipart: `file`, `format`, `benchmarks`, `card` as JSON) and queue its runs.

    `benchmarks` are names or `name@version`, repeated or separated by commas. Without `card` the
    archive's own `gyral.toml` is taken. Nothing is kept where anything is wrong. With `dry_run` the model is only tried, on a
    small simulated benchmark; send it again without, and the same version is scored. With `new_version_of` it becomes the
    next version of a model of yours; any model of a name that you have becomes one.
    """
    owner = cast(User, request.user)
    earlier = earlier_of(owner, fields.new_version_of)
    chosen = chosen_of(fields.benchmarks, dry=fields.dry_run, earlier=earlier)
    if TOO_LARGE in request.META:
        raise too_large(conf.UPLOAD_BYTES())
    if file is None:
        raise _missing("file")
    submission = receive(
        owner,
        file,
        fields.card,
        format=fields.format,
        visibility=visibility_of(fields.visibility, earlier),
        after=earlier,
    )
    queued = queue_or_forget(submission, chosen, twin=fields.twin, dry=fields.dry_run)
    return Status(201, {"submission": submission, "runs": queued})


@router.get("/runs/{run}/log", auth=ReadToken(), response={200: LogOut, **FAULTS}, operation_id="get_log")
def log(request: HttpRequest, run: UUID, after: int = 0) -> dict[str, Any]:
    """The log, all of it or what came after a position (in characters)."""
    found = find_run(request, run)
    if not rules.log_may_be_read(found, request.user):
        raise Forbidden("only the owner reads the log of a run.", where="run")
    text = read_log(found.pk)
    return {"text": text[max(0, after) :], "next": len(text), "ended": found.is_final}


@router.post("/runs/{run}/cancel", response={200: RunOut, **FAULTS}, operation_id="cancel_run")
def cancel(request: HttpRequest, run: UUID) -> Run:
    """Cancel an active run of yours, and with a model's run that of its twin."""
    found = _changeable(request, run)
    if not runs.cancel(found):
        raise UserError(f"the run had already ended: it is {found.state}.", where="run", code="not-active")
    found.refresh_from_db()
    return found


@router.post("/runs/{run}/retry", response={200: RunOut, **FAULTS}, operation_id="retry_run")
def retry(request: HttpRequest, run: UUID) -> Run:
    """Queue a failed or cancelled run of yours again; costs quota like a first one."""
    return runs.retry(_changeable(request, run))


def queue_or_forget(
    submission: Submission, chosen: list[Benchmark], *, twin: bool, dry: bool = False
) -> list[Run]:
    """The runs of a new submission; where none can be queued, nothing of it is kept."""
    queued: list[Run] = []
    try:
        queued = [dry_run.begin(submission)] if dry else runs.create(submission, chosen, twin=twin)
    finally:
        # One that was tried before keeps its dry run.
        if not queued and not submission.runs.exists():
            submission.delete()
            shutil.rmtree(conf.uploads() / submission.path, ignore_errors=True)
    return queued


def earlier_of(owner: User, name: str | None) -> Submission | None:
    """The version that a new one comes after; somebody else's model is as one that is not there."""
    if name is None:
        return None
    found = newest_of(name, owner)
    if found is None:
        raise NotFound(
            f"there is no model {name!r} of yours.",
            where="new_version_of",
            mend="`GET /submissions` lists yours; leave the field out to send a new model.",
        )
    return found


def visibility_of(asked: Visibility | None, earlier: Submission | None) -> Visibility:
    """Who may see what is sent: what was asked for, else whoever sees the version before."""
    return asked or (Visibility.PRIVATE if earlier is None else Visibility(earlier.visibility))


def chosen_of(names: list[str], *, dry: bool, earlier: Submission | None = None) -> list[Benchmark]:
    """Where to score, by default where ``earlier`` was; of a dry run none, and what is named there is only looked up."""
    if dry and not any(names):
        return []
    return benchmarks_called(names or (benchmarks_of(earlier) if earlier else []))


def benchmarks_called(names: list[str]) -> list[Benchmark]:
    """Benchmarks by name or ``name@version``, each name also a list with commas; at least one."""
    wanted = [name.strip() for part in names for name in part.split(",") if name.strip()]
    if not wanted:
        raise _missing("benchmarks")
    return [_benchmark(name) for name in wanted]


def _missing(field: str) -> UserError:
    return UserError(f"{field!r} is missing.", where=field, code="missing")


def _changeable(request: HttpRequest, run: UUID) -> Run:
    found = find_run(request, run)
    if not rules.may_be_changed(found.submission, request.user):
        raise Forbidden("only the owner does this to a run.", where="run")
    return found


def _benchmark(reference: str) -> Benchmark:
    known = {b.identifier: b for b in Benchmark.objects.filter(retired=False).order_by("version")}
    newest = {b.name: b for b in known.values()}
    found = known.get(reference) or newest.get(reference)
    if found is None:
        raise UnknownName("benchmark", reference, [*known, *newest])
    return found
