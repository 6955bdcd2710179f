"""Records: what a finished run stored, to look at and to download."""

import re
import uuid

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gyral_submissions import conf
from gyral_submissions.enums import State
from gyral_submissions.models import Run, Submission
from gyral_submissions.rules import may_be_seen

# Files of a record, and the media type each is sent as.
FILES = {
    "record.json": "application/json",
    "units.parquet": "application/vnd.apache.parquet",
    "predictions.npy": "application/octet-stream",
}


@require_safe
def record(request: HttpRequest, run: uuid.UUID) -> HttpResponse:
    """Table of all rows, provenance and the command that makes the record again."""
    found = find_finished(request, run)
    folder = conf.runs() / found.record_path
    context = {
        "run": found,
        "record": found.record or {},
        "command": command_at_home(found.submission, (found.record or {}).get("provenance", {}).get("command")),
        "scores": found.scores.order_by("region", "subject", "id"),
        "files": [name for name in FILES if (folder / name).is_file()],
    }
    return render(request, "leaderboard/record.html", context)


def command_at_home(submission: Submission, command: str | None) -> str:
    """The command that makes a record again; the name of an upload means nothing elsewhere, its files do."""
    if submission.is_reference:
        return command or ""
    return re.sub(r"(?<=^gyral score )[^\s:]+", "PATH-OF-YOUR-MODEL", command or "")


@require_safe
def download(request: HttpRequest, run: uuid.UUID, name: str) -> FileResponse:
    """One file of the record, as an attachment."""
    found = find_finished(request, run)
    path = conf.runs() / found.record_path / name
    if name not in FILES or not path.is_file():
        raise Http404
    label = f"{found.submission.name}-{found.benchmark.name}-{found.benchmark.version}-{name}"
    return FileResponse(path.open("rb"), as_attachment=True, filename=label, content_type=FILES[name])


def find_finished(request: HttpRequest, run: uuid.UUID) -> Run:
    """The finished run, if the viewer may see its submission; else 404, as if it did not exist."""
    found = Run.objects.select_related("submission", "benchmark").filter(pk=run, state=State.FINISHED).first()
    if found is None or not may_be_seen(found.submission, request.user):
        raise Http404
    return found
