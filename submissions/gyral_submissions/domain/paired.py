"""Paired: differences between models on the same held-out stimuli, from the redraws that their records keep.

Redraws of all models of a board share their blocks and seed, so that differences are paired. The ranks of a board and the
comparison of a few of its models are both made here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gyral_submissions import conf
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.models import Run, Score

if TYPE_CHECKING:
    from gyral.scores.conditional import Redraws
    from gyral.scores.difference import Comparison

_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of one model in one region.

    Parameters
    ----------
    score : Score
        Of all subjects.
    subjects : sequence of Score
        Of each of them, where there are several.
    columns : mapping of int to int
        Column of each of these scores in ``redraws.npy``, by its id.
    """

    score: Score
    subjects: Sequence[Score]
    columns: Mapping[int, int]


def scored_regions(runs: Iterable[Run]) -> list[dict[str, Scored]]:
    """By run: its scores by region, each with its column in the run's redraws; one query."""
    found: dict[object, list[Score]] = {run.pk: [] for run in runs}
    for score in Score.objects.filter(run__in=list(found), layer=CHOSEN).select_related("run").order_by("id"):
        found[score.run_id].append(score)
    out = []
    for scores in found.values():
        # The order they were stored in is that of the record, and of the columns of its redraws.
        columns = {score.pk: column for column, score in enumerate(scores)}
        whole = {s.region: s for s in scores if s.subject == ALL}
        out.append(
            {
                region: Scored(score, [s for s in scores if s.region == region and s.subject != ALL], columns)
                for region, score in whole.items()
            }
        )
    return out


def compare_scored(models: Sequence[Scored]) -> "tuple[list[Scored], Comparison]":
    """Those that can be compared, and how: over new subjects where each brought an interval over subjects.

    Raises
    ------
    BadArrays
        None of them has redraws, or too few to tell anything apart.
    """
    from gyral.scores.difference import compare, compare_models
    from gyral.scores.hierarchy import crossed, normal_redraws

    over_subjects = all(m.score.interval_kind == "subjects" for m in models)
    pairs = [(m, _redraws(m, m.subjects if over_subjects else [m.score])) for m in models]
    known = [(m, r) for m, r in pairs if r is not None]
    # Records of another version of the statistics, seed or split have other redraws: the most common kind is compared.
    kinds = [(r.groups, len(r.drawn), r.drawn.shape[1], r.seed) for _, r in known]
    usual = max(set(kinds), key=kinds.count, default=None)
    kept = [m for (m, _), kind in zip(known, kinds, strict=True) if kind == usual]
    redraws = [r for (_, r), kind in zip(known, kinds, strict=True) if kind == usual]
    if over_subjects and len(redraws) > 0:
        found = crossed(redraws)
        return kept, compare(found.values, normal_redraws(found, draws=_DRAWS), df=found.df)
    return kept, compare_models(redraws)


def _redraws(model: Scored, scores: Sequence[Score]) -> "Redraws | None":
    """Redraws of some of the model's scores; None where its record has none."""
    import numpy as np

    from gyral.record import load_redraws
    from gyral.scores.conditional import Redraws

    run = scores[0].run if scores else None
    if run is None or any(s.value is None for s in scores):
        return None
    deviations = load_redraws(Path(conf.runs()) / run.record_path) if run.record_path else None
    columns = [model.columns[s.pk] for s in scores]
    if deviations is None or deviations.shape[1] <= max(columns):
        return None
    values = np.array([s.value for s in scores], float)
    drawn = values + np.asarray(deviations[:, columns], np.float64)
    seed = int((run.record or {}).get("provenance", {}).get("seed", 0))
    return Redraws(values, drawn, scores[0].interval_groups, seed=seed)
