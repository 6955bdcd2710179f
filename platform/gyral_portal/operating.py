"""For whoever runs the site: whether it can work, and numbers to watch, in Prometheus' text format.

``/health`` says that the process answers, ``/health/ready`` that it can work, ``/metrics`` how busy the site is. The last is not
there unless ``GYRAL_METRICS_TOKEN`` is set, and answers only who sends it as a bearer token.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator

from django.db import DatabaseError, connection
from django.db.models import Count, Min
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gyral.places import home
from gyral_portal import conf
from gyral_submissions.enums import State
from gyral_submissions.models import Benchmark, Notice, Run, Submission, Upload

# Below this nothing can be uploaded, and a run may not be stored.
_LEAST_FREE = 256 << 20
TEXT = "text/plain; version=0.0.4; charset=utf-8"


@require_safe
@never_cache
def health(request: HttpRequest) -> HttpResponse:
    """Answers while the process can answer; asks no database."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:
    """200 where database and disk are fit for work, else 503; says which is not, and no more."""
    found = {"database": _database_works(), "disk": _disk_works()}
    return JsonResponse(
        {name: "ok" if works else "failing" for name, works in found.items()},
        status=200 if all(found.values()) else 503,
    )


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Gauges of the queue, the disk and what is due."""
    token = conf.METRICS_TOKEN()
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not token or not secrets.compare_digest(sent.encode(), token.encode()):
        raise Http404
    return HttpResponse("".join(_lines()), content_type=TEXT)


def _lines() -> Iterator[str]:
    counted = dict(Run.objects.order_by().values_list("state").annotate(n=Count("pk")))
    yield from _gauge(
        "gyral_runs", "Runs by state.", [(f'{{state="{s}"}}', counted.get(s, 0)) for s in State.values]
    )
    now = timezone.now()
    oldest = Run.objects.filter(state=State.QUEUED).aggregate(at=Min("published"))["at"]
    waited = (now - oldest).total_seconds() if oldest else 0
    yield from _gauge(
        "gyral_queue_oldest_seconds", "How long the run that waits longest has waited.", [("", waited)]
    )
    lapsed = Run.objects.filter(state=State.RUNNING, lease_until__lt=now).count()
    yield from _gauge(
        "gyral_leases_lapsed", "Running runs that no worker renews; a sweeper should leave none.", [("", lapsed)]
    )
    due = Benchmark.objects.filter(ranks_wanted__isnull=False).count()
    yield from _gauge("gyral_boards_due", "Boards that wait for their ranks.", [("", due)])
    mails = Notice.objects.filter(mailed=None).count()
    yield from _gauge("gyral_mails_due", "Mails that wait to be sent.", [("", mails)])
    yield from _gauge("gyral_uploads_open", "Uploads in pieces that are open.", [("", Upload.objects.count())])
    models = Submission.objects.filter(withdrawn=None).count()
    yield from _gauge("gyral_submissions", "Submissions that stand.", [("", models)])
    yield from _gauge(
        "gyral_disk_free_bytes", "Free space where GYRAL_HOME lies.", [("", shutil.disk_usage(home()).free)]
    )


def _gauge(name: str, meaning: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {meaning}\n# TYPE {name} gauge\n"
    for labels, value in values:
        yield f"{name}{labels} {value:g}\n" if isinstance(value, float) else f"{name}{labels} {value}\n"


def _database_works() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return True
    except DatabaseError:
        return False


def _disk_works() -> bool:
    return os.access(home(), os.W_OK) and shutil.disk_usage(home()).free > _LEAST_FREE
