"""The submission form."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.files import File
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from gyral.errors import UserError
from gyral_portal.portal.again import carried, find_earlier, next_version
from gyral_portal.portal.capped import TOO_LARGE
from gyral_portal.portal.forms import SubmitForm, upload_limit
from gyral_portal.portal.held import hold, let_go, open_held
from gyral_portal.portal.views.pieces import PIECE, find_upload
from gyral_submissions import rules
from gyral_submissions.domain import dry_run
from gyral_submissions.domain import run as runs
from gyral_submissions.domain import upload as uploads
from gyral_submissions.domain.intake import receive
from gyral_submissions.domain.payload import too_large
from gyral_submissions.domain.quota import quota_of
from gyral_submissions.enums import Format, Visibility
from gyral_submissions.models import Run, Submission, Upload

# Why a file that is sound may be refused: it is kept, to be sent again.
_NOT_THE_FILE = {"disk-full", "upload-busy", "duplicate", "unsandboxed"}


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def submit(request: HttpRequest) -> HttpResponse:
    """Take a model in and queue its runs; a form with mistakes comes back whole, its file included.

    ``?of=`` names a submission of yours that a new version is made from.
    """
    owner = cast(User, request.user)
    named = (request.POST if request.method == "POST" else request.GET).get("of", "")
    earlier = find_earlier(named, owner)
    if named and earlier is None:
        raise Http404("There is no such submission of yours.")
    if request.method != "POST":
        return _page(request, SubmitForm(owner=owner, earlier=earlier))
    sent = request.FILES.get("file")
    pieces = None if sent else find_upload(request.POST.get("upload", ""), owner)
    file = sent or (None if pieces else open_held(request.POST.get("held", ""), owner))
    try:
        return _take(
            request, SubmitForm(request.POST, request.FILES, owner=owner, earlier=earlier), file, sent, pieces
        )
    finally:
        if file is not None:
            file.close()


def _take(
    request: HttpRequest, form: SubmitForm, file: "File[bytes] | None", sent: Any, pieces: Upload | None
) -> HttpResponse:
    owner = form.owner
    token = request.POST.get("held", "")
    here = file or pieces
    form.is_valid()
    if pieces is not None:
        form.check_file(_name_of(form), uploads.head_of(pieces))
    if form.is_valid() and here is None:
        form.add_error("file", "The file is no longer here; choose it again.")
    if TOO_LARGE in request.META:
        form.errors.pop("file", None)
        form.add_user_error(too_large(upload_limit()))
    if form.is_valid() and here is not None:
        submission = _receive(owner, here, form)
        if submission is not None:
            let_go(token)
            if pieces is not None:
                uploads.forget(pieces)
            return _start(request, submission, form)
    if pieces is not None:
        codes = {error.code for error in form.errors.as_data().get("file", ())}
        wrong = bool(codes - _NOT_THE_FILE)
        if wrong:
            uploads.forget(pieces)
        name = "" if wrong else _name_of(form) or "your file"
        return _page(request, form, upload="" if wrong else str(pieces.pk), held_name=name)
    keep = file is not None and "file" not in form.errors
    if keep and sent is not None:
        token = hold(sent, owner)
    return _page(request, form, held=token if keep else "", held_name=str(file.name) if file and keep else "")


def _name_of(form: SubmitForm) -> str:
    """What a file that came in pieces is called; empty where the form does not say."""
    return str(form.data.get("upload_name", ""))[:200]


def _receive(owner: User, here: "File[bytes] | Upload", form: SubmitForm) -> Submission | None:
    format_, visibility = Format(form.cleaned_data["format"]), Visibility(form.cleaned_data["visibility"])
    try:
        if isinstance(here, Upload):
            return uploads.finish(
                here,
                form.card_fields(),
                visibility=visibility,
                format_=format_,
                after=form.earlier,
                name=_name_of(form),
            )
        return receive(owner, here, form.card_fields(), format=format_, visibility=visibility, after=form.earlier)
    except UserError as error:
        form.add_user_error(error)
        return None


def _start(request: HttpRequest, submission: Submission, form: SubmitForm) -> HttpResponse:
    """Queue the runs; the submission stands even where they cannot be queued."""
    try:
        if form.cleaned_data["dry_run"]:
            run = dry_run.begin(submission)
            messages.success(request, f"{submission} is here, and its dry run is queued.")
            return redirect("portal:run", run.pk)
        queued = runs.create(submission, form.cleaned_data["benchmarks"])
    except UserError as error:
        messages.error(request, f"The model is here, but nothing was queued: {error}")
        return redirect("portal:submission", submission.pk)
    messages.success(request, f"{submission} is here. Queued: {queued_words(queued)}.")
    models = [run for run in queued if not run.twin]
    return (
        redirect("portal:run", models[0].pk) if len(models) == 1 else redirect("portal:submission", submission.pk)
    )


def queued_words(queued: Sequence[Run]) -> str:
    """What was queued, as people count it: models, not runs."""
    count = sum(not run.twin for run in queued)
    what = "the model and its untrained twin" if len(queued) > count else "the model"
    return what if count == 1 else f"{what}, on {count} benchmarks"


def _page(
    request: HttpRequest, form: SubmitForm, *, held: str = "", held_name: str = "", upload: str = ""
) -> HttpResponse:
    left = [one for one in uploads.open_uploads(form.owner) if str(one.pk) != upload]
    context: dict[str, Any] = {
        "form": form,
        "held": held,
        "held_name": held_name,
        "upload": upload,
        "open_uploads": left,
        "piece": PIECE,
        "quota": quota_of(form.owner),
        "limit": upload_limit(),
        "earlier": form.earlier,
        "version": next_version(form.earlier) if form.earlier else 1,
        "carried": carried(form.earlier) if form.earlier else {},
        "runs_models": rules.may_upload(form.owner, Format.ONNX),
    }
    return render(request, "portal/submit.html", context, status=400 if form.is_bound else 200)
