"""Celery tasks: they take ids by keyword, and delegate."""

import uuid
from functools import cache
from typing import TYPE_CHECKING

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown

if TYPE_CHECKING:
    from gyral_submissions.domain.standby import Standby


# Acknowledged late, so that a busy worker holds no second message back; that a broker delivers it again after
# its own time limit does no harm, because only one delivery can start the attempt.
@shared_task(name="gyral_submissions.evaluate_run", acks_late=True, ignore_result=True)
def evaluate_run(*, run_id: str, attempt: int) -> None:
    """Evaluate one attempt of a run; a repeated or late message changes nothing."""
    # Nested: the site publishes this task without loading what executes it.
    from gyral_submissions.domain.execution import Interrupted, execute

    try:
        execute(uuid.UUID(run_id), attempt, is_stopping=_is_stopping, standby=_standby())
    except Interrupted:
        return


@worker_ready.connect
def say_how_guests_are_held(**_: object) -> None:
    """Find out at the start, and write into the worker's log, how firmly this machine holds models."""
    # Nested: only a worker tries it.
    from gyral.isolation.tier import examine

    examine()


@cache
def _standby() -> "Standby":
    """Where this worker's next child waits."""
    # Nested: only a worker needs it.
    from gyral_submissions.domain.standby import Standby

    return Standby()


@worker_shutdown.connect
def end_what_waits(**_: object) -> None:
    """Leave nothing behind."""
    if _standby.cache_info().currsize:
        _standby().end()


def _is_stopping() -> bool:
    """True once this worker was told to end (the solo pool runs tasks in the process that gets the signal)."""
    # Nested: only a worker needs it.
    from celery.worker import state

    return state.should_stop is not None or state.should_terminate is not None
