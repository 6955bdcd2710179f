"""Standing: rank intervals, ties and Borda points of a board, from paired differences between its models.

A board is ranked anew after every change of what stands on it (`want`), by the sweeper, among public models only: what
its owner alone sees neither has a rank nor moves anybody's. Redraws of all models of a board are read from their
records; they share their blocks and seed, so that differences are paired.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from gyral_submissions import conf
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.domain.queries.grid import read_grid
from gyral_submissions.models import Benchmark, Run, Score

if TYPE_CHECKING:
    from gyral.scores.conditional import Redraws
    from gyral.scores.difference import Comparison

logger = logging.getLogger(__name__)

# Letters of more models than this say nothing that anybody could read.
_MOST_LETTERS = 100
_DRAWS = 1000


@dataclass(frozen=True)
class _Column:
    """Scores of one model in one region: that of all subjects, and each subject's where there are several."""

    score: Score
    subjects: Sequence[Score]


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
    there = Run.objects.in_bulk([grid.runs[0][facts.pk] for facts in grid.facts])
    runs = list(there.values())
    columns = _columns(runs)
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


def _columns(runs: Sequence[Run]) -> list[dict[str, _Column]]:
    """By model: its scores by region, each with its column in ``redraws.npy``."""
    found: dict[Any, list[Score]] = {run.pk: [] for run in runs}
    for score in Score.objects.filter(run__in=list(found), layer=CHOSEN).select_related("run").order_by("id"):
        found[score.run_id].append(score)
    out = []
    for scores in found.values():
        # The order they were stored in is that of the record, and of the columns of its redraws.
        for column, score in enumerate(scores):
            score.column = column  # type: ignore[attr-defined]
        whole = {s.region: s for s in scores if s.subject == ALL}
        out.append(
            {
                region: _Column(score, [s for s in scores if s.region == region and s.subject != ALL])
                for region, score in whole.items()
            }
        )
    return out


def _rank_region(columns: Sequence[_Column | None]) -> list[Score]:
    from gyral.errors import BadArrays
    from gyral.scores.rank import letters, rank_intervals

    there = [c for c in columns if c is not None and c.score.value is not None]
    if not there:
        return []
    try:
        there, comparison = _comparison(there)
    except BadArrays as error:
        logger.warning("%s / %s: not ranked: %s", there[0].score.run.benchmark, there[0].score.region, error)
        return []
    shown = letters(comparison) if len(there) <= _MOST_LETTERS else [None] * len(there)
    for column, interval, letter in zip(there, rank_intervals(comparison), shown, strict=True):
        column.score.rank_best, column.score.rank_worst = interval or (None, None)
        column.score.tie_letters = letter or ""
    return [c.score for c in there]


def _comparison(columns: Sequence[_Column]) -> "tuple[list[_Column], Comparison]":
    """Those that can be compared, and how: over new subjects where each brought an interval over subjects."""
    from gyral.scores.difference import compare, compare_models
    from gyral.scores.hierarchy import crossed, normal_redraws

    over_subjects = all(c.score.interval_kind == "subjects" for c in columns)
    pairs = [(c, _redraws(c.subjects if over_subjects else [c.score])) for c in columns]
    known = [(c, r) for c, r in pairs if r is not None]
    # Records of another version of the statistics, seed or split have other redraws: the most common kind is ranked.
    kinds = [(r.groups, len(r.drawn), r.drawn.shape[1], r.seed) for _, r in known]
    usual = max(set(kinds), key=kinds.count, default=None)
    kept = [c for (c, _), kind in zip(known, kinds, strict=True) if kind == usual]
    redraws = [r for (_, r), kind in zip(known, kinds, strict=True) if kind == usual]
    if over_subjects and len(redraws) > 0:
        found = crossed(redraws)
        return kept, compare(found.values, normal_redraws(found, draws=_DRAWS), df=found.df)
    return kept, compare_models(redraws)


def _redraws(scores: Sequence[Score]) -> "Redraws | None":
    """Redraws of some scores of one run; None where its record has none."""
    import numpy as np

    from gyral.record import load_redraws
    from gyral.scores.conditional import Redraws

    run = scores[0].run if scores else None
    if run is None or any(s.value is None for s in scores):
        return None
    deviations = load_redraws(Path(conf.runs()) / run.record_path) if run.record_path else None
    columns = [s.column for s in scores]  # type: ignore[attr-defined]
    if deviations is None or deviations.shape[1] <= max(columns):
        return None
    values = np.array([s.value for s in scores], float)
    drawn = values + np.asarray(deviations[:, columns], np.float64)
    seed = int((run.record or {}).get("provenance", {}).get("seed", 0))
    return Redraws(values, drawn, scores[0].interval_groups, seed=seed)


def _borda(columns: Sequence[dict[str, _Column]], regions: Sequence[str]) -> list[float | None]:
    """Share of other models left behind, mean over regions; None for all where any model lacks a region."""
    import numpy as np

    from gyral.scores.rank import Borda, borda

    if len(columns) < 2 or len(regions) < 2:
        return [None] * len(columns)
    values = [[found[r].score.value if r in found else None for r in regions] for found in columns]
    found = borda(np.array(values, float))
    return list(found.points) if isinstance(found, Borda) else [None] * len(columns)
