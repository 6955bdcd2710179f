"""Transition: how a run moves from state to state.

::

    create ─► QUEUED ──start──► RUNNING ──finish──► FINISHED
                │  ▲               │ │
                │  └─expire (+1)───┘ ├──fail────► FAILED ────┐
                │                    │                       ├─retry (+1)─► QUEUED
                └──────cancel────────┴──cancel──► CANCELLED ─┘

Every move is one UPDATE that names the state and the attempt it comes from, so that of two workers, a late
message and an impatient owner exactly one has its way, on SQLite as on PostgreSQL. Delivery may be repeated,
lost or late: the outcome is the same. People's moves are in `domain.run`, the worker's in `domain.attempt`,
the sweeper's in `domain.sweeper`.
"""

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from gyral_submissions import conf
from gyral_submissions.enums import Fault, Format, Queue, State, Twin
from gyral_submissions.models import Run

logger = logging.getLogger(__name__)

_BLANK: dict[str, Any] = {
    "lease_until": None,
    "worker": "",
    "step": "",
    "progress": 0.0,
    "remaining_seconds": None,
    "steps": [],
    "fault": Fault.NONE,
    "fault_code": "",
    "fault_text": "",
    "fault_where": "",
    "fault_mend": "",
    "reference": "",
    "started": None,
    "finished": None,
}


def move(run_id: uuid.UUID, attempt: int, states: Sequence[State], /, **changes: Any) -> bool:
    """Compare-and-set: True if the run was in one of ``states`` at this attempt, and now is changed."""
    return Run.objects.filter(pk=run_id, attempt=attempt, state__in=states).update(**changes) == 1


def twin_of(run: Run) -> Run | None:
    """Newest run of the untrained twin beside a model's ``run``; None beside a twin's, and beside a dry run."""
    if run.twin or run.dry:
        return None
    same = Run.objects.filter(submission_id=run.submission_id, benchmark_id=run.benchmark_id, readout=run.readout)
    return same.exclude(twin=Twin.NONE).defer("record").order_by("-created").first()


def queued_again(run: Run, now: datetime) -> dict[str, Any]:
    """Columns of the attempt after ``run``'s: queued, with everything of the one before forgotten."""
    return {**_BLANK, "state": State.QUEUED, "attempt": run.attempt + 1, "published": now}


def ended(state: State, now: datetime) -> dict[str, Any]:
    """Columns of a run that has come to a final state."""
    return {"state": state, "finished": now, "lease_until": None, "remaining_seconds": None}


def lease_from(now: datetime) -> datetime:
    """When a lease taken or renewed now runs out."""
    return now + timedelta(seconds=conf.LEASE_SECONDS())


def publish(run_id: uuid.UUID, attempt: int) -> None:
    """Hand the run to a worker; where the broker cannot be reached, the sweeper does it later."""
    # Nested: tasks import the domain.
    from kombu.exceptions import OperationalError

    from gyral_submissions.tasks import evaluate_run

    # Nobody waits for a reference model: a person's upload must not queue behind them.
    is_reference = Run.objects.filter(pk=run_id, submission__format=Format.REFERENCE).exists()
    queue = Queue.BACKGROUND if is_reference else Queue.FOREGROUND
    try:
        evaluate_run.apply_async(
            kwargs={"run_id": str(run_id), "attempt": attempt}, queue=queue.value, retry=False
        )
    except (OperationalError, OSError) as error:
        logger.warning("run %s attempt %s could not be published: %s", run_id, attempt, error)


def publish_on_commit(run_id: uuid.UUID, attempt: int) -> None:
    """`publish` once the transaction is committed: a worker must find what it is told of."""
    transaction.on_commit(lambda: publish(run_id, attempt))
