"""Trusted: how far a score can be trusted. Nothing is verified before the site has run the model itself."""

from django.db.models import Exists, OuterRef, QuerySet

from gyral_submissions.enums import State, Tier, Twin
from gyral_submissions.models import Run, Submission

_SCORED = {"state": State.FINISHED, "twin": Twin.NONE, "dry": False}


def with_scored(found: QuerySet[Submission]) -> QuerySet[Submission]:
    """The same submissions, each with ``scored``: whether a run of the model itself, no dry run, has finished."""
    return found.annotate(scored=_scored())


def tier_of(submission: Submission) -> str | None:
    """The tier; None for one that the site is to verify and has not scored.

    One query, none for what comes from `with_scored`.
    """
    if submission.tier != Tier.VERIFIED:
        return str(submission.tier)
    scored = getattr(submission, "scored", None)
    if scored is None:
        scored = submission.runs.filter(**_SCORED).exists()
    return str(Tier.VERIFIED) if scored else None


def tier_of_run(run: Run) -> str | None:
    """The tier of the model; None for one that the site is to verify, in a run that has not finished."""
    tier = str(run.submission.tier)
    return None if tier == Tier.VERIFIED and run.state != State.FINISHED else tier


def of_tier(found: QuerySet[Submission], tier: Tier) -> QuerySet[Submission]:
    """Those of which `tier_of` gives ``tier``."""
    found = found.filter(tier=tier)
    return found.filter(_scored()) if tier == Tier.VERIFIED else found


def runs_of_tier(found: QuerySet[Run], tier: Tier) -> QuerySet[Run]:
    """Those of which `tier_of_run` gives ``tier``."""
    found = found.filter(submission__tier=tier)
    return found.filter(state=State.FINISHED) if tier == Tier.VERIFIED else found


def _scored() -> Exists:
    return Exists(Run.objects.filter(submission=OuterRef("pk"), **_SCORED))
