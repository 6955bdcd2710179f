"""Run: what people do with evaluations; create, cancel, retry. How states move: `domain.transition`."""

import uuid
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from gyral.errors import UserError
from gyral.models.card import A_MODEL
from gyral_submissions.domain import exposure, log, quota
from gyral_submissions.domain.announcement import require_open
from gyral_submissions.domain.transition import ended, move, publish_on_commit, queued_again, twin_of
from gyral_submissions.enums import ACTIVE, State, Twin
from gyral_submissions.models import Benchmark, Run, Submission


class CannotRun(UserError):
    """A run that may not be created or retried."""

    code = "cannot-run"


def create(
    submission: Submission,
    benchmarks: Sequence[Benchmark],
    *,
    twin: bool = True,
    dry: bool = False,
    publish: bool = True,
) -> list[Run]:
    """Queue an evaluation on each benchmark, and by default one of the untrained twin beside it.

    Quota is checked and spent, and the runs are written, in one transaction; messages leave on commit
    (none with ``publish=False``: the caller runs them). With ``dry`` they are dry runs, which have no twins
    (`gyral_submissions.domain.dry_run`).

    Raises
    ------
    CannotRun
        The submission is withdrawn or of another modality, or the same evaluation is active or finished.
    gyral_submissions.domain.quota.QuotaExceeded
        The owner's quota does not allow it; nothing is created.
    gyral_submissions.domain.exposure.ExposureSpent
        A private benchmark has scored as many of the owner's submissions as it may.
    """
    require_open()
    _require_standing(submission)
    for benchmark in benchmarks:
        _require_fitting(submission, benchmark)
    twins = [Twin.NONE, Twin.UNTRAINED] if twin and submission.has_twin and not dry else [Twin.NONE]
    published = timezone.now() if publish else None
    planned = [
        Run(submission=submission, benchmark=b, twin=t, readout=b.readout, dry=dry, published=published)
        for b in benchmarks
        for t in twins
    ]
    with transaction.atomic():
        if submission.owner is not None:
            quota.lock(submission.owner)
            _require_quota(submission.owner, len(benchmarks), runs=len(planned), dry=dry)
            if not dry:
                exposure.require(submission.owner, benchmarks)
        for run in planned:
            _require_unscored(run)
            _insert(run)
            quota.charge(run)
            if publish:
                publish_on_commit(run.pk, run.attempt)
    return planned


def cancel(run: Run, *, why: str = "") -> bool:
    """Cancel an active run, and with a model's run that of its twin; the worker ends what is running.

    Parameters
    ----------
    run : Run
    why : str
        A sentence for the owner, where it is not the owner who cancels; shown on the run's page and in its log.

    Returns
    -------
    bool
        False where it had ended before.
    """
    cancelled = _cancel(run.pk, why)
    if cancelled and why:
        said = f"Cancelled: {why[:1].lower()}{why[1:]}"
        transaction.on_commit(lambda: log.note(run.pk, run.attempt, said))
    if not run.twin and not run.dry:
        twins = Run.objects.filter(
            submission_id=run.submission_id, benchmark_id=run.benchmark_id, readout=run.readout, state__in=ACTIVE
        ).exclude(twin=Twin.NONE)
        for twin in twins.values_list("pk", flat=True):
            _cancel(twin, why)
    return cancelled


def retry(run: Run) -> Run:
    """Queue a new attempt of a failed or cancelled run; it costs quota like a first one.

    With a model's run that of its twin is queued again, if it was cancelled.

    Raises
    ------
    CannotRun
        The run is active or finished, or was retried by somebody else.
    gyral_submissions.domain.quota.QuotaExceeded, gyral_submissions.domain.exposure.ExposureSpent
        The owner's quota, or what a private benchmark may still tell them, does not allow it.
    """
    require_open()
    _require_standing(run.submission)
    with transaction.atomic():
        twin = twin_of(run)
        if twin is not None and twin.state != State.CANCELLED:
            twin = None
        if run.submission.owner is not None:
            quota.lock(run.submission.owner)
            evaluations, count = (0 if run.twin else 1), (1 if twin is None else 2)
            _require_quota(run.submission.owner, evaluations, runs=count, dry=run.dry)
            if not run.twin and not run.dry:
                exposure.require(run.submission.owner, [run.benchmark])
        for one in filter(None, (run, twin)):
            _queue_again(one)
            one.refresh_from_db()
            quota.charge(one)
            publish_on_commit(one.pk, one.attempt)
    return run


def _require_quota(owner: User, count: int, *, runs: int, dry: bool) -> None:
    quota.require(owner, evaluations=0 if dry else count, dry_runs=count if dry else 0, runs=runs)


def _queue_again(run: Run) -> None:
    try:
        with transaction.atomic():
            moved = move(run.pk, run.attempt, (State.FAILED, State.CANCELLED), **queued_again(run, timezone.now()))
    except IntegrityError:
        raise CannotRun("the same evaluation is already queued or running.", code="already-active") from None
    if not moved:
        raise CannotRun("only a failed or cancelled run can be retried.", code="not-retriable")


def _cancel(run_id: uuid.UUID, why: str) -> bool:
    # QUEUED twice: between two looks the sweeper may have put a running one back.
    for state in (State.QUEUED, State.RUNNING, State.QUEUED):
        with transaction.atomic():
            active = Run.objects.filter(pk=run_id, state=state)
            if active.update(**ended(State.CANCELLED, timezone.now()), fault_text=why) == 1:
                if state == State.QUEUED:
                    quota.refund(run_id)
                return True
    return False


def _require_standing(submission: Submission) -> None:
    if submission.withdrawn is not None:
        raise CannotRun(f"{submission} is withdrawn.", code="withdrawn")


def _require_fitting(submission: Submission, benchmark: Benchmark) -> None:
    if benchmark.retired:
        raise CannotRun(f"{benchmark} is retired and takes no new runs.", code="retired")
    if benchmark.modality != submission.modality:
        raise CannotRun(
            f"{benchmark} scores {benchmark.modality} models, and {submission} is {A_MODEL[submission.modality]}.",
            code="modality",
        )


def _require_unscored(run: Run) -> None:
    """Uploads never change, so a second score could only repeat the first; reference models may change."""
    if run.submission.is_reference:
        return
    same = Run.objects.filter(
        submission=run.submission,
        benchmark=run.benchmark,
        twin=run.twin,
        readout=run.readout,
        dry=run.dry,
        state=State.FINISHED,
        stale=None,
    )
    if same.exists() and run.dry:
        raise CannotRun(
            f"{run.submission} went through its dry run already.",
            mend="Score it on the benchmarks you want.",
            code="already-scored",
        )
    if same.exists():
        raise CannotRun(
            f"{run.submission} has a score on {run.benchmark} already.",
            mend="A score repeats exactly; upload a new version to score something else.",
            code="already-scored",
        )


def _insert(run: Run) -> None:
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError:
        raise CannotRun(
            f"{run.submission} is already queued or running on {run.benchmark}.", code="already-active"
        ) from None
