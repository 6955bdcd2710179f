"""The page of a run: it lives by polling, and by reloading where there is no JavaScript."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gyral.errors import UserError
from gyral_portal.portal.fault_pages import page_of
from gyral_portal.portal.forms import BenchmarksForm
from gyral_submissions import rules
from gyral_submissions.domain import notice
from gyral_submissions.domain import run as runs
from gyral_submissions.domain.log import read_log
from gyral_submissions.domain.queries.profile import expected_seconds, queue_place
from gyral_submissions.enums import State
from gyral_submissions.models import Run


@require_safe
@never_cache
def run(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The whole page; what its owner was told of the run is read with it."""
    found = find_run(request, pk)
    if rules.owns(request.user, found.submission):
        notice.read(cast(User, request.user), run=found)
    return render(request, "portal/run.html", _context(request, found))


@require_safe
@never_cache
def live(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The part that changes; it asks for itself again until the run has ended."""
    return render(request, "portal/run_live.html", _context(request, find_run(request, pk)))


@require_safe
@never_cache
def log(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The whole log as text, for those who may read it."""
    found = find_run(request, pk)
    if not rules.log_may_be_read(found, request.user):
        raise Http404
    return HttpResponse(read_log(found.pk), content_type="text/plain; charset=utf-8")


@require_POST
@login_required
def cancel(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Cancel an active run of yours."""
    found = _changeable(request, pk)
    if runs.cancel(found):
        messages.success(request, "The run is cancelled.")
    else:
        messages.error(request, "The run had already ended.")
    return redirect("portal:run", pk)


@require_POST
@login_required
def retry(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Queue a failed or cancelled run of yours again."""
    found = _changeable(request, pk)
    try:
        runs.retry(found)
        messages.success(request, "The run is queued again.")
    except UserError as error:
        messages.error(request, f"Not queued: {error}")
    return redirect("portal:run", pk)


def find_run(request: HttpRequest, pk: uuid.UUID) -> Run:
    """The run, if the viewer may see its submission; else 404, as if it did not exist."""
    found = Run.objects.select_related("submission", "benchmark").filter(pk=pk).first()
    if found is None or not rules.run_may_be_seen(found, request.user):
        raise Http404
    return found


def _changeable(request: HttpRequest, pk: uuid.UUID) -> Run:
    found = find_run(request, pk)
    if not rules.may_be_changed(found.submission, request.user):
        raise Http404
    return found


def _context(request: HttpRequest, found: Run) -> dict[str, Any]:
    readable = rules.log_may_be_read(found, request.user)
    return {
        "run": found,
        "steps": [_step(step, current=n == len(found.steps)) for n, step in enumerate(found.steps, 1)],
        "fault_page": page_of(found.fault_code),
        "place": queue_place(found),
        "expected": expected_seconds(found),
        "readable": readable,
        "log": read_log(found.pk) if readable else "",
        "may_cancel": rules.may_be_cancelled(found, request.user),
        "may_retry": rules.may_be_retried(found, request.user),
        "twin": _sibling(found),
        "tried": _tried(found) if found.dry and found.state == State.FINISHED else [],
        "form": _scoring(request, found),
    }


def _tried(found: Run) -> list[dict[str, Any]]:
    """Rows of a dry run's result, in the benchmark's order, with the regions' titles."""
    rows = {row["region"]: row for row in (found.record or {}).get("rows", ())}
    return [
        {**rows[region["name"]], "title": region.get("title") or region["name"]}
        for region in found.benchmark.regions
        if region["name"] in rows
    ]


def _scoring(request: HttpRequest, found: Run) -> BenchmarksForm | None:
    """Where to go on after a dry run that went well."""
    done = found.dry and found.state == State.FINISHED and found.submission.withdrawn is None
    if not done or not rules.owns(request.user, found.submission):
        return None
    return BenchmarksForm(owner=cast(User, request.user), submission=found.submission)


def _step(step: dict[str, Any], *, current: bool) -> dict[str, Any]:
    done, total = int(step.get("done", 0)), int(step.get("total", 0))
    return {**step, "share": round(100 * done / total) if total else 0, "current": current and done < total}


def _sibling(found: Run) -> Run | None:
    """The run of the twin beside a model's run, or the model's run beside its twin's; none beside a dry run."""
    if found.dry:
        return None
    others = Run.objects.filter(submission_id=found.submission_id, benchmark_id=found.benchmark_id, dry=False)
    return others.exclude(twin=found.twin).defer("record", "steps").order_by("-created").first()
