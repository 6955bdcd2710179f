"""Visible: what a viewer may see at all. Every list, count, export and feed begins here."""

from django.db.models import Q, QuerySet

from gyral_submissions.enums import State, Twin, Visibility
from gyral_submissions.models import Run, Submission
from gyral_submissions.rules import Viewer, is_operator


def visible_submissions(viewer: Viewer = None) -> QuerySet[Submission]:
    """Submissions that stand and that ``viewer`` may see: public ones, and their own private ones.

    Operators see all (`gyral_submissions.rules.may_be_seen` says the same of one).
    """
    return Submission.objects.filter(_seen_by(viewer, ""), withdrawn=None)


def visible_runs(viewer: Viewer = None) -> QuerySet[Run]:
    """Runs of visible submissions, without their records; no dry runs."""
    return _listed(Run.objects.filter(_seen_by(viewer, "submission__"), dry=False))


def own_runs(viewer: Viewer) -> QuerySet[Run]:
    """A person's runs, their dry runs too; none of visitors."""
    if viewer is None or not viewer.is_authenticated:
        return Run.objects.none()
    return _listed(Run.objects.filter(submission__owner=viewer.pk))


def _listed(runs: QuerySet[Run]) -> QuerySet[Run]:
    runs = runs.filter(submission__withdrawn=None)
    return runs.select_related("submission", "benchmark").defer("record", "steps", "benchmark__about")


def scored_names() -> QuerySet[Run, str]:
    """Names of the models that everybody finds on some board, each once."""
    scored = visible_runs().filter(state=State.FINISHED, twin=Twin.NONE).order_by()
    return scored.values_list("submission__name", flat=True).distinct()


def _seen_by(viewer: Viewer, prefix: str) -> Q:
    if is_operator(viewer):
        return Q()
    public = Q(**{f"{prefix}visibility": Visibility.PUBLIC})
    if viewer is None or not viewer.is_authenticated:
        return public
    return public | Q(**{f"{prefix}owner": viewer})
