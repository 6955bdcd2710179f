"""Exposure: how often a benchmark has answered, and whom.

Every score tells something of the data a benchmark holds back: who may ask often enough fits them without having seen
them (Dwork et al. 2015, doi:10.1126/science.aaa9375). Answers are counted on every benchmark, and limited a person
where the responses are private. Models of the catalogue, and untrained twins, which follow from their models, are not
counted; accounts are: one person with two of them is two.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count
from django.utils import timezone

from gyral.errors import UserError
from gyral_submissions.enums import ACTIVE, Twin
from gyral_submissions.models import Benchmark, Exposure, Run
from gyral_submissions.rules import Viewer, answer_limit, may_be_answered


class ExposureSpent(UserError):
    """A private benchmark has answered somebody as often as it may."""

    code = "exposure"


@dataclass(frozen=True)
class Exposed:
    """What a benchmark has told.

    Parameters
    ----------
    benchmark : Benchmark
    answered, people : int
        Submissions scored, and accounts they were of (those deleted since left out).
    yours : int or None
        Of the viewer; None for visitors.
    limit : int or None
        Most answers a person may have; None where there is no limit.
    """

    benchmark: Benchmark
    answered: int
    people: int
    yours: int | None
    limit: int | None


def note(run: Run) -> None:
    """Store that a run was answered; call in the transaction that stores its scores."""
    # A stale score that is made again asks nothing new.
    told = Exposure.objects.filter(run__submission=run.submission_id, benchmark=run.benchmark_id).exists()
    if run.twin == Twin.NONE and not run.submission.is_reference and not told:
        Exposure.objects.create(
            owner=run.submission.owner, benchmark=run.benchmark, run=run, created=timezone.now()
        )


def exposure_of(benchmark: Benchmark, viewer: Viewer = None) -> Exposed:
    """What one benchmark has told; two queries, one for visitors."""
    told = Exposure.objects.filter(benchmark=benchmark)
    totals = told.aggregate(answered=Count("pk"), people=Count("owner", distinct=True))
    known = viewer is not None and viewer.is_authenticated
    yours = told.filter(owner=viewer.pk).count() if viewer is not None and known else None
    return Exposed(benchmark, totals["answered"], totals["people"], yours, answer_limit(benchmark, viewer))


def exposures_of(owner: User) -> list[Exposed]:
    """What a person was told by each benchmark that ever answered them; two queries."""
    yours = {
        row["benchmark"]: row["n"]
        for row in Exposure.objects.filter(owner=owner).order_by().values("benchmark").annotate(n=Count("pk"))
    }
    answered = Benchmark.objects.filter(pk__in=yours).annotate(
        told=Count("exposures"), people=Count("exposures__owner", distinct=True)
    )
    found = answered.order_by("name", "version")
    return [Exposed(b, b.told, b.people, yours[b.pk], answer_limit(b, owner)) for b in found]


def require(owner: User, benchmarks: Sequence[Benchmark]) -> None:
    """Check that each benchmark may answer once more; call inside a transaction, after `quota.lock`.

    Raises
    ------
    ExposureSpent
        A private one may not, runs that are under way counted as answered.
    """
    for benchmark in benchmarks:
        answered = Exposure.objects.filter(owner=owner, benchmark=benchmark).count()
        waiting = Run.objects.filter(
            submission__owner=owner, benchmark=benchmark, twin=Twin.NONE, dry=False, state__in=ACTIVE
        ).count()
        if not may_be_answered(benchmark, owner, answered + waiting):
            limit = answer_limit(benchmark, owner)
            under_way = f", and {waiting} more {'is' if waiting == 1 else 'are'} under way" if waiting else ""
            raise ExposureSpent(
                f"{benchmark} holds data back: it scores at most {limit} submission{'s' if limit != 1 else ''} of each "
                f"person, and has scored {answered} of yours{under_way}.",
                where="benchmarks",
                mend="Choose between models on a benchmark with public data, and ask the operators if you need more.",
            )
