"""Your submissions: the list, who sees one, withdraw, delete, more benchmarks.

On the router of `submit`: an address that takes several methods has one.
"""

from typing import cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Field, Schema, Status
from ninja.pagination import paginate

from gyral_portal.api.auth import ManageToken, ReadToken
from gyral_portal.api.errors import NotFound
from gyral_portal.api.pages import Page
from gyral_portal.api.schemas import ErrorOut, ModelOut, RunOut
from gyral_portal.api.submit import FAULTS, benchmarks_called, router
from gyral_submissions import rules
from gyral_submissions.domain import dry_run
from gyral_submissions.domain import run as runs
from gyral_submissions.domain import submission as verbs
from gyral_submissions.domain.queries.trusted import with_scored
from gyral_submissions.enums import Visibility
from gyral_submissions.models import Run, Submission

# Larger numbers no database can look up.
_MOST = 2**31 - 1


class Changing(Schema):
    """What is to be changed of a submission."""

    visibility: Visibility = Field(description="private, unlisted (whoever has a run's address) or public")


class Scoring(Schema):
    """Where a submission is to be scored as well."""

    benchmarks: list[str] = Field(min_length=1, description="names or name@version")
    twin: bool = True


@router.get(
    "/submissions",
    auth=ReadToken(),
    tags=["manage"],
    response={200: list[ModelOut], 401: ErrorOut, 429: ErrorOut},
    operation_id="list_submissions",
    url_name="submission-list",
)
@paginate(Page)
def submissions(request: HttpRequest) -> QuerySet[Submission]:
    """All of yours, newest first, withdrawn ones too."""
    own = Submission.objects.filter(owner=cast(User, request.user), deleted=None)
    return with_scored(own).order_by("-created", "-pk")


@router.patch(
    "/submissions/{submission}",
    response={200: ModelOut, **FAULTS},
    auth=ManageToken(),
    tags=["manage"],
    operation_id="change_submission",
    url_name="submission-change",
)
def change(request: HttpRequest, submission: int, fields: Changing) -> Submission:
    """Publish one version, show it to whoever has its address, or hide it."""
    found = _own(request, submission)
    verbs.set_visibility(found, fields.visibility, by=request.user)
    found.refresh_from_db()
    return found


@router.post(
    "/submissions/{submission}/withdraw",
    response={200: ModelOut, **FAULTS},
    auth=ManageToken(),
    tags=["manage"],
    operation_id="withdraw_submission",
    url_name="submission-withdraw",
)
def withdraw(request: HttpRequest, submission: int) -> Submission:
    """Take one version off every board and cancel its runs; it cannot be put back."""
    found = _own(request, submission)
    verbs.withdraw(found, by=request.user)
    found.refresh_from_db()
    return found


@router.delete(
    "/submissions/{submission}",
    response={204: None, **FAULTS},
    auth=ManageToken(),
    tags=["manage"],
    operation_id="delete_submission",
    url_name="submission-delete",
)
def delete(request: HttpRequest, submission: int) -> Status[None]:
    """Delete files, runs, scores and records of one version for good; its name and number stay taken, spent quota spent."""
    verbs.delete(_own(request, submission), by=request.user)
    return Status(204, None)


@router.post(
    "/submissions/{submission}/runs",
    response={201: list[RunOut], **FAULTS},
    operation_id="score_submission",
    url_name="submission-score",
)
def score(request: HttpRequest, submission: int, fields: Scoring) -> Status[list[Run]]:
    """Queue a submission of yours on more benchmarks."""
    found = _own(request, submission)
    return Status(201, runs.create(found, benchmarks_called(fields.benchmarks), twin=fields.twin))


@router.post(
    "/submissions/{submission}/dry-run",
    response={201: RunOut, **FAULTS},
    operation_id="try_submission",
    url_name="submission-dry-run",
)
def try_out(request: HttpRequest, submission: int) -> Status[Run]:
    """Try a submission of yours on a small simulated benchmark: costs no evaluation, and only you see the result."""
    return Status(201, dry_run.begin(_own(request, submission)))


def _own(request: HttpRequest, submission: int) -> Submission:
    found = Submission.objects.filter(pk=submission, deleted=None).first() if 0 < submission <= _MOST else None
    if found is None or not rules.may_be_changed(found, request.user):
        raise NotFound(f"there is no submission {submission} of yours.", where="submission")
    return found
