"""Rules: who may do what, as sentences that are true or false.

``user`` is anybody, signed in or not; operators are staff.
"""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser

from gyral.isolation.tier import Tier, examine, is_enough
from gyral_submissions import conf
from gyral_submissions.enums import FINAL, Format, State, Visibility
from gyral_submissions.models import Benchmark, Run, Submission

Viewer = AbstractBaseUser | AnonymousUser | None

RUNS_CODE = (Format.ONNX, Format.SAFETENSORS)


def is_operator(user: Viewer) -> bool:
    """True for active staff."""
    return bool(user and user.is_active and getattr(user, "is_staff", False))


def owns(user: Viewer, submission: Submission) -> bool:
    """True if ``user`` put ``submission`` in."""
    return bool(user and user.is_authenticated and submission.owner_id == user.pk)


def may_be_seen(submission: Submission, user: Viewer) -> bool:
    """Public submissions are everybody's, unlisted ones theirs who have the address; others the owner's and the operators'.

    For addresses that nobody can guess: lists, names and boards begin at `domain.queries.visible`, where unlisted ones are
    their owner's alone.
    """
    is_open = submission.visibility != Visibility.PRIVATE and submission.withdrawn is None
    return is_open or owns(user, submission) or is_operator(user)


def run_may_be_seen(run: Run, user: Viewer) -> bool:
    """Runs of submissions that may be seen; a dry run is for those alone who may change the submission."""
    if run.dry:
        return may_be_changed(run.submission, user)
    return may_be_seen(run.submission, user)


def may_be_changed(submission: Submission, user: Viewer) -> bool:
    """Owners and operators start, cancel and retry runs, publish and withdraw."""
    return owns(user, submission) or is_operator(user)


def may_be_shown(submission: Submission, user: Viewer) -> bool:
    """Those who may change it, unless operators hid it: then operators alone."""
    return is_operator(user) or (owns(user, submission) and submission.moderated is None)


def may_be_cancelled(run: Run, user: Viewer) -> bool:
    """Active runs, by those who may change the submission."""
    return run.is_active and may_be_changed(run.submission, user)


def may_be_retried(run: Run, user: Viewer) -> bool:
    """Runs that ended without a score, by those who may change the submission."""
    ended = run.state in FINAL and run.state != State.FINISHED
    return ended and run.submission.withdrawn is None and may_be_changed(run.submission, user)


def answer_limit(benchmark: Benchmark, user: Viewer = None) -> int | None:
    """Most submissions of ``user`` that a private benchmark scores, ever; None where there is no limit.

    Operators have none: the data are theirs to see.
    """
    limit = conf.ANSWERS()
    return limit if limit and benchmark.about.get("private") and not is_operator(user) else None


def may_be_answered(benchmark: Benchmark, user: Viewer, answered: int) -> bool:
    """Whether ``benchmark``, having scored ``answered`` submissions of ``user``, may score one more."""
    limit = answer_limit(benchmark, user)
    return limit is None or answered < limit


def log_may_be_read(run: Run, user: Viewer) -> bool:
    """A log may name files of the submission: owners and operators, and everybody for reference models."""
    return run.submission.is_reference or may_be_changed(run.submission, user)


def may_upload(user: Viewer, format_: str) -> bool:
    """Signed-in people; models that must be run only from staff, where this machine cannot hold others' firmly enough."""
    if user is None or not user.is_authenticated or not user.is_active:
        return False
    return format_ not in RUNS_CODE or is_operator(user) or is_enough(examine().tier, conf.LEAST_TIER())


def may_be_held(submission: Submission, tier: Tier) -> bool:
    """Whether a sandbox of ``tier`` is firm enough to run the submission; what staff sends is trusted."""
    return (
        submission.format not in RUNS_CODE or is_operator(submission.owner) or is_enough(tier, conf.LEAST_TIER())
    )
