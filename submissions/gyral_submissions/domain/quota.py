"""Quota: how many evaluations and dry runs a person may start in a day, and how many runs may be active.

A day is a calendar day in UTC. An evaluation is a model on a benchmark; its untrained twin is a control and
costs nothing. What failed by the site's fault, or was cancelled before it started, is given back.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Count
from django.utils import timezone

from gyral.errors import UserError
from gyral_submissions import conf
from gyral_submissions.enums import ACTIVE, Twin
from gyral_submissions.models import Allowance, Charge, Run


class QuotaExceeded(UserError):
    """More evaluations than a day, or more active runs than a person, allows."""

    code = "quota"


@dataclass(frozen=True)
class Quota:
    """Where a person stands.

    Parameters
    ----------
    limit, used, remaining : int
        Evaluations a day, those spent today, and those left (never below 0).
    resets : datetime
        Next midnight, UTC.
    active, active_limit : int
        Runs queued or running now, and how many there may be.
    dry_limit, dry_remaining : int
        Dry runs a day, and those left.
    """

    limit: int
    used: int
    remaining: int
    resets: datetime
    active: int
    active_limit: int
    dry_limit: int
    dry_remaining: int


def quota_of(owner: User) -> Quota:
    """Three queries: what is granted, what is spent and what is active."""
    now = timezone.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    limit, active_limit = _limits(owner)
    spent = Charge.objects.filter(owner=owner, created__gte=today, refunded=None).order_by()
    counted = dict(spent.values_list("dry").annotate(n=Count("pk")))
    used, tried, tries = counted.get(False, 0), counted.get(True, 0), conf.DRY_RUNS_PER_DAY()
    active = Run.objects.filter(submission__owner=owner, state__in=ACTIVE).count()
    tomorrow = today + timedelta(days=1)
    return Quota(limit, used, max(0, limit - used), tomorrow, active, active_limit, tries, max(0, tries - tried))


def _limits(owner: User) -> tuple[int, int]:
    granted = Allowance.objects.filter(owner=owner).first()
    day, active = (granted.runs_per_day, granted.active_runs) if granted else (None, None)
    return conf.RUNS_PER_DAY() if day is None else day, conf.ACTIVE_RUNS() if active is None else active


def seconds_to_reset() -> int:
    """Whole seconds until the next day begins (UTC), at least 1."""
    now = timezone.now()
    tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return max(1, ceil((tomorrow - now).total_seconds()))


def lock(owner: User) -> None:
    """Let nobody else spend this person's quota until the transaction ends.

    PostgreSQL locks the person's row; on SQLite the transaction itself holds the one write lock
    (``transaction_mode`` IMMEDIATE).
    """
    get_user_model().objects.select_for_update().only("pk").get(pk=owner.pk)


def require(owner: User, *, evaluations: int, runs: int, dry_runs: int = 0) -> None:
    """Check that ``evaluations``, ``dry_runs`` and ``runs`` more fit; call inside a transaction, after ``lock``.

    Raises
    ------
    QuotaExceeded
        They do not; the sentence says what is left and when more comes.
    """
    quota = quota_of(owner)
    if quota.active + runs > quota.active_limit:
        raise QuotaExceeded(
            f"{quota.active} of your runs are queued or running, and {runs} more would pass the limit of "
            f"{quota.active_limit}.",
            mend="Wait until some have ended, or cancel them.",
            code="quota-active",
        )
    if evaluations > quota.remaining:
        raise QuotaExceeded(
            f"{evaluations} evaluation{'s' if evaluations != 1 else ''} asked for, {quota.remaining} of "
            f"{quota.limit} left today.",
            mend=f"New ones come at {quota.resets:%Y-%m-%d %H:%M} UTC.",
            code="quota-day",
        )
    if dry_runs > quota.dry_remaining:
        raise QuotaExceeded(
            f"your {quota.dry_limit} dry run{'s' if quota.dry_limit != 1 else ''} of today are spent."
            if quota.dry_limit
            else "this site has no dry runs.",
            mend=f"New ones come at {quota.resets:%Y-%m-%d %H:%M} UTC." if quota.dry_limit else None,
            code="quota-dry",
        )


def charge(run: Run) -> None:
    """Take one evaluation, or dry run, for this attempt of ``run``; twins and reference models cost nothing."""
    owner = run.submission.owner
    if owner is not None and run.twin == Twin.NONE:
        Charge.objects.create(owner=owner, run=run, attempt=run.attempt, dry=run.dry, created=timezone.now())


def refund(run_id: uuid.UUID) -> None:
    """Give back what the newest charged attempt of a run took."""
    newest = Charge.objects.filter(run_id=run_id).order_by("-attempt").values_list("pk", flat=True).first()
    if newest is not None:
        Charge.objects.filter(pk=newest, refunded=None).update(refunded=timezone.now())
