"""Your submissions: the list, one of them, and what you may do with it."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gyral.errors import UserError
from gyral_portal.leaderboard.views.model import card_facts, trust_words
from gyral_portal.portal.fault_pages import page_of
from gyral_portal.portal.forms import BenchmarksForm
from gyral_portal.portal.views.submit import queued_words
from gyral_submissions import rules
from gyral_submissions.domain import dry_run, notice
from gyral_submissions.domain import run as runs
from gyral_submissions.domain import submission as verbs
from gyral_submissions.domain.queries.profile import submission_runs
from gyral_submissions.domain.quota import quota_of
from gyral_submissions.enums import Fault, State, Visibility
from gyral_submissions.models import Submission

_SEEN = {
    Visibility.PRIVATE: "Only you see it now.",
    Visibility.UNLISTED: "Whoever has the address of one of its runs sees it now.",
    Visibility.PUBLIC: "Everybody sees it now.",
}


@require_safe
@login_required
@never_cache
def submissions(request: HttpRequest) -> HttpResponse:
    """All of yours, with counts of runs by state."""
    owner = cast(User, request.user)
    counts = {
        str(state): Count("runs", filter=Q(runs__state=state, runs__dry=False))
        for state in (State.QUEUED, State.RUNNING, State.FINISHED, State.FAILED)
    }
    counts |= {
        "scorings": Count("runs", filter=Q(runs__dry=False)),
        "tries": Count("runs", filter=Q(runs__dry=True)),
    }
    found = Submission.objects.filter(owner=owner, deleted=None).annotate(**counts)
    context = {"submissions": found, "quota": quota_of(owner), "notices": list(notice.unread_of(owner)[:20])}
    return render(request, "portal/submissions.html", context)


@require_safe
@login_required
@never_cache
def submission(request: HttpRequest, pk: int) -> HttpResponse:
    """One of them, with its runs."""
    return _page(request, find_own(request, pk))


@require_POST
@login_required
def visibility(request: HttpRequest, pk: int) -> HttpResponse:
    """Show it to everybody, to whoever has the address of a run, or to nobody else."""
    found = find_own(request, pk)
    wanted = request.POST.get("visibility", "")
    if wanted not in Visibility.values:
        messages.error(request, f"Visibility {wanted!r} is not known; it is private, unlisted or public.")
        return redirect("portal:submission", pk)
    try:
        verbs.set_visibility(found, Visibility(wanted), by=request.user)
        messages.success(request, _SEEN[Visibility(wanted)])
    except UserError as error:
        messages.error(request, f"Nothing was changed: {error}")
    return redirect("portal:submission", pk)


@require_POST
@login_required
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it off the boards."""
    found = find_own(request, pk)
    if request.POST.get("sure") != "1":
        messages.error(request, "Tick the box to say that you are sure; nothing was withdrawn.")
    elif verbs.withdraw(found, by=request.user):
        messages.success(request, f"{found} is withdrawn.")
    return redirect("portal:submission", pk)


@require_POST
@login_required
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove it for good."""
    found = find_own(request, pk)
    if request.POST.get("name", "").strip() != found.name:
        messages.error(request, f"Type its name, {found.name}, to say that you are sure; nothing was deleted.")
        return redirect("portal:submission", pk)
    verbs.delete(found, by=request.user)
    messages.success(request, f"{found} is deleted.")
    return redirect("portal:submissions")


@require_POST
@login_required
def read_notices(request: HttpRequest) -> HttpResponse:
    """Mark everything as read."""
    notice.read(cast(User, request.user))
    return redirect("portal:submissions")


@require_POST
@login_required
def score(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue runs on more benchmarks."""
    found = find_own(request, pk)
    form = BenchmarksForm(request.POST, owner=cast(User, request.user), submission=found)
    if not form.is_valid():
        return _page(request, found, form, status=400)
    try:
        queued = runs.create(found, form.cleaned_data["benchmarks"])
    except UserError as error:
        form.add_error(None, str(error))
        return _page(request, found, form, status=400)
    messages.success(request, f"Queued: {queued_words(queued)}.")
    return redirect("portal:submission", pk)


@require_POST
@login_required
def try_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a dry run."""
    found = find_own(request, pk)
    try:
        return redirect("portal:run", dry_run.begin(found).pk)
    except UserError as error:
        messages.error(request, f"Not queued: {error}")
    return redirect("portal:submission", pk)


def find_own(request: HttpRequest, pk: int) -> Submission:
    """The submission, if the viewer may change it; else 404, as if it did not exist."""
    found = Submission.objects.filter(pk=pk, deleted=None).first()
    if found is None or not rules.may_be_changed(found, request.user):
        raise Http404
    return found


def _page(
    request: HttpRequest, found: Submission, form: BenchmarksForm | None = None, *, status: int = 200
) -> HttpResponse:
    owner = cast(User, request.user)
    listed = list(submission_runs(found))
    context: dict[str, Any] = {
        "submission": found,
        "runs": [(r, page_of(r.fault_code) if r.fault == Fault.SUBMITTER else None) for r in listed],
        "trust": trust_words(
            found, scored=any(r.state == State.FINISHED and not r.twin and not r.dry for r in listed)
        ),
        "facts": card_facts(found),
        "form": form or BenchmarksForm(owner=owner, submission=found),
        "quota": quota_of(owner),
        "may_try": dry_run.may_begin(found),
    }
    return render(request, "portal/submission.html", context, status=status)
