"""Standing: rank intervals, ties and Borda points of a board, from paired differences between its models.

A board is ranked anew after every change of what stands on it (`want`), by the sweeper, among public models only: what
its owner alone sees neither has a rank nor moves anybody's.
"""

import logging
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gyral_submissions.domain.paired import Scored, compare_scored, scored_regions
from gyral_submissions.domain.queries.grid import read_grid
from gyral_submissions.models import Benchmark, Run, Score

logger = logging.getLogger(__name__)

# Letters of more models than this say nothing that anybody could read.
_MOST_LETTERS = 100


def want(benchmarks: QuerySet[Benchmark]) -> None:
    """Have boards read anew, and ranked anew by the next round of the sweeper."""
    benchmarks.update(ranks_wanted=timezone.now(), edition=uuid.uuid4())


def renew(benchmarks: QuerySet[Benchmark]) -> None:
    """Have boards read anew: something that everybody sees on them changed, but nobody's rank."""
    benchmarks.update(edition=uuid.uuid4())


def rank_due() -> int:
    """Rank every board that changed; returns how many."""
    due = list(Benchmark.objects.filter(ranks_wanted__isnull=False))
    for benchmark in due:
        rank(benchmark)
    return len(due)


def rank(benchmark: Benchmark) -> None:
    """Rank a board as it stands; a change in the meantime leaves it due."""
    wanted = benchmark.ranks_wanted
    benchmark.refresh_from_db(fields=["edition"])
    grid = read_grid([benchmark])
    there = Run.objects.in_bulk([grid.run(0, facts.pk) for facts in grid.facts])
    runs = list(there.values())
    columns = scored_regions(list(there))
    changed: list[Score] = []
    for region in benchmark.region_names:
        changed += _rank_region([found.get(region) for found in columns])
    points = _borda(columns, benchmark.region_names)
    for run, share in zip(runs, points, strict=True):
        run.borda = share
    with transaction.atomic():
        ranked = Score.objects.filter(run__benchmark=benchmark, rank_best__isnull=False)
        ranked.update(rank_best=None, rank_worst=None, tie_letters="")
        Run.objects.filter(benchmark=benchmark, borda__isnull=False).update(borda=None)
        Score.objects.bulk_update(changed, ["rank_best", "rank_worst", "tie_letters"], batch_size=200)
        Run.objects.bulk_update(runs, ["borda"], batch_size=200)
        Benchmark.objects.filter(pk=benchmark.pk, ranks_wanted=wanted).update(ranks_wanted=None)
        renew(Benchmark.objects.filter(pk=benchmark.pk))


def _rank_region(columns: Sequence[Scored | None]) -> list[Score]:
    from gyral.errors import BadArrays
    from gyral.scores.rank import letters, rank_intervals

    there = [c for c in columns if c is not None and c.score.value is not None]
    if not there:
        return []
    try:
        found = compare_scored(there)
    except BadArrays as error:
        logger.warning("%s / %s: not ranked: %s", there[0].score.run.benchmark, there[0].score.region, error)
        return []
    there = list(found.models)
    shown = letters(found.comparison) if len(there) <= _MOST_LETTERS else [None] * len(there)
    for column, interval, letter in zip(there, rank_intervals(found.comparison), shown, strict=True):
        column.score.rank_best, column.score.rank_worst = interval or (None, None)
        column.score.tie_letters = letter or ""
    return [c.score for c in there]


def _borda(columns: Sequence[dict[str, Scored]], regions: Sequence[str]) -> list[float | None]:
    """Share of other models left behind, mean over regions; None for all where any model lacks a region."""
    import numpy as np

    from gyral.scores.rank import Borda, borda

    if len(columns) < 2 or len(regions) < 2:
        return [None] * len(columns)
    values = [[found[r].score.value if r in found else None for r in regions] for found in columns]
    found = borda(np.array(values, float))
    return list(found.points) if isinstance(found, Borda) else [None] * len(columns)
