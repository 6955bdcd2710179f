"""Attempt: what a worker does with a run it holds; start, report, finish, fail.

Each returns False (or None) where the run is no longer this attempt's: cancelled, taken up by another worker,
or ended. Nothing is changed then, and the worker stops.
"""

import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import CharField
from django.utils import timezone

from gyral.errors import EngineError
from gyral.isolation.tier import Tier
from gyral_submissions.domain import exposure, log, notice, quota, standing
from gyral_submissions.domain.fault import Fault
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.domain.step import Step, remaining_seconds
from gyral_submissions.domain.transition import ended, lease_from, move, twin_of
from gyral_submissions.enums import Fault as By
from gyral_submissions.enums import State, Visibility
from gyral_submissions.enums import Tier as Trust
from gyral_submissions.models import Benchmark, Run, Score, Submission

if TYPE_CHECKING:
    from gyral.record import Record

_HELD = (State.RUNNING,)


def start(run_id: uuid.UUID, attempt: int, worker: str) -> Run | None:
    """Take the run, with a lease; what an attempt before was held by is forgotten."""
    now = timezone.now()
    taken = {
        "state": State.RUNNING,
        "worker": worker[:100],
        "started": now,
        "lease_until": lease_from(now),
        "sandbox": "",
    }
    if not move(run_id, attempt, (State.QUEUED,), **taken):
        return None
    return Run.objects.select_related("submission", "benchmark").get(pk=run_id)


def note_sandbox(run_id: uuid.UUID, attempt: int, tier: Tier) -> bool:
    """Store which sandbox will hold the model."""
    return move(run_id, attempt, _HELD, sandbox=tier)


def is_held(run_id: uuid.UUID, attempt: int) -> bool:
    """True while the run is running and this attempt's."""
    return Run.objects.filter(pk=run_id, attempt=attempt, state__in=_HELD).exists()


def renew_lease(run_id: uuid.UUID, attempt: int) -> bool:
    """Keep the run."""
    return move(run_id, attempt, _HELD, lease_until=lease_from(timezone.now()))


def release(run_id: uuid.UUID, attempt: int) -> bool:
    """Let the lease run out now: this worker is going away and another may take the run up."""
    return move(run_id, attempt, _HELD, lease_until=timezone.now())


def report(run_id: uuid.UUID, attempt: int, steps: Sequence[Step]) -> bool:
    """Store where the evaluation stands, and keep the run; callers do so at most once a second.

    Parameters
    ----------
    run_id : UUID
        The run.
    attempt : int
        The attempt that reports.
    steps : sequence of Step
        Steps so far, the current one last.
    """
    current = steps[-1]
    return move(
        run_id,
        attempt,
        _HELD,
        lease_until=lease_from(timezone.now()),
        step=current["step"],
        progress=current["done"] / current["total"] if current["total"] else 0.0,
        remaining_seconds=remaining_seconds(current),
        steps=list(steps),
    )


def finish(run_id: uuid.UUID, attempt: int, folder: Path) -> bool:
    """Keep the record in ``folder``: the folder is renamed into place, then rows and state are written at once.

    A worker that dies between the two leaves a folder that no row names; the next attempt writes its own and
    clears that one away.

    Raises
    ------
    EngineError
        The record is not of this run.
    gyral.errors.BadUpload
        There is no record in ``folder``, or it is not of the schema.
    """
    # Nested: gyral.record brings pandas, which the site's processes need not load.
    from gyral.result import load_record

    held = Run.objects.select_related("benchmark", "submission").filter(
        pk=run_id, attempt=attempt, state__in=_HELD
    )
    run = held.first()
    if run is None:
        return False
    record = load_record(folder)
    _require_of(record, run)
    kept = log.run_folder(run_id) / f"record-{attempt}"
    _sync(folder)
    os.rename(folder, kept)
    if not _store(run_id, attempt, record, kept):
        shutil.rmtree(kept, ignore_errors=True)
        return False
    for other in kept.parent.glob("record-*"):
        if other != kept:
            shutil.rmtree(other, ignore_errors=True)
    return True


def fail(run_id: uuid.UUID, attempt: int, fault: Fault) -> bool:
    """End the run with a reason; what was the site's fault costs no quota.

    What a submitter has to mend would stop the untrained twin as well: one that still waits is cancelled.
    """
    with transaction.atomic():
        moved = move(run_id, attempt, _HELD, **ended(State.FAILED, timezone.now()), **fault.columns())
        if moved and fault.by == By.SITE:
            quota.refund(run_id)
        if moved:
            notice.note_end(run_id)
    if moved and fault.by == By.SUBMITTER:
        _cancel_waiting_twin(run_id)
    return moved


def _cancel_waiting_twin(run_id: uuid.UUID) -> None:
    model = Run.objects.defer("record").get(pk=run_id)
    twin = twin_of(model)
    if twin is not None and move(twin.pk, twin.attempt, (State.QUEUED,), **ended(State.CANCELLED, timezone.now())):
        log.note(twin.pk, twin.attempt, "Cancelled: the model itself cannot be scored.")


def _store(run_id: uuid.UUID, attempt: int, record: "Record", kept: Path) -> bool:
    dry = Run.objects.filter(pk=run_id, dry=True).exists()
    # What has no scores can stand on no board.
    scores = [] if dry else _scores(run_id, record)
    summary = record.model_dump(mode="json", exclude={"rows"})
    if dry:
        summary["rows"] = [row.model_dump(mode="json") for row in record.chosen if row.subject == ALL]
    with transaction.atomic():
        stored = move(
            run_id,
            attempt,
            _HELD,
            **ended(State.FINISHED, timezone.now()),
            progress=1.0,
            record_path=f"{run_id}/{kept.name}",
            record=summary,
            multiply_adds=record.model.multiply_adds,
        )
        if stored and not dry:
            written = Score.objects.bulk_create(scores, batch_size=500)
            Run.objects.filter(pk=run_id).update(by_region=by_region(written))
            _show(run_id)
        if stored:
            notice.note_end(run_id)
    return stored


def by_region(scores: Iterable[Score]) -> dict[str, tuple[int, float | None, float | None]]:
    """What boards order a run by: ids, values and spreads of stored scores over all subjects, layers chosen inside training rows."""
    return {s.region: (s.pk, s.value, s.spread) for s in scores if s.subject == ALL and s.layer == CHOSEN}


def _show(run_id: uuid.UUID) -> None:
    """Count the answer, and renew the board where everybody sees the run."""
    run = Run.objects.select_related("submission").get(pk=run_id)
    exposure.note(run)
    # Locked, so that a version that is published just now is not overlooked by both.
    if Submission.objects.select_for_update().get(pk=run.submission_id).visibility == Visibility.PUBLIC:
        board = Benchmark.objects.filter(pk=run.benchmark_id)
        (standing.renew if run.twin else standing.want)(board)


def _require_of(record: "Record", run: Run) -> None:
    found = (record.benchmark.id, record.benchmark.hash, record.model.twin or "", record.model.features)
    # Nothing the site ran may pass for features somebody sent, nor the other way round.
    features = "given" if run.submission.tier == Trust.SELF_REPORTED else "computed"
    asked = (run.benchmark.identifier, run.benchmark.content_hash, str(run.twin), features)
    if found != asked:
        raise EngineError(f"the record is of {found}, the run of {asked}")


def _scores(run_id: uuid.UUID, record: "Record") -> list[Score]:
    rows = (row.model_dump() for row in record.rows)
    # Words that a row leaves out are empty in the database, as Django has it.
    words = [f.name for f in Score._meta.get_fields() if isinstance(f, CharField)]
    return [Score(run_id=run_id, **{**row, **{w: row[w] or "" for w in words if w in row}}) for row in rows]


def _sync(folder: Path) -> None:
    """Have the files on disk before a row says that they are there."""
    for path in (*folder.iterdir(), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
