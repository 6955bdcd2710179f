"""Paired: differences between models on the same held-out stimuli, from the redraws that their records keep.

Redraws of all models of a board share their blocks and seed, so that differences are paired. The ranks of a board and the
comparison of a few of its models are both made here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from gyral_submissions import conf
from gyral_submissions.domain.queries.board import ALL, CHOSEN
from gyral_submissions.models import Run, Score

if TYPE_CHECKING:
    from gyral.scores.conditional import Redraws
    from gyral.scores.difference import Comparison

_DRAWS = 1000
_FIELDS = (
    *("run", "region", "subject", "layer", "value", "interval_kind", "interval_groups"),
    *("rank_best", "rank_worst", "tie_letters"),
)


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


@dataclass(frozen=True, eq=False)
class Compared:
    """Models of one region, compared in pairs.

    Parameters
    ----------
    models : sequence of Scored
        Those whose redraws belong together, in the order they were given.
    comparison : Comparison
        Of these, in their order.
    kind : str
        What is drawn anew, as in `Score.interval_kind`: "subjects" or "conditional".
    """

    models: Sequence[Scored]
    comparison: "Comparison"
    kind: str


def scored_regions(runs: Sequence[UUID]) -> list[dict[str, Scored]]:
    """By run, in their order: its scores by region, each with its column in the run's redraws; two queries."""
    there = Run.objects.defer("steps").in_bulk(runs)
    found: dict[UUID, list[Score]] = {pk: [] for pk in runs}
    for score in Score.objects.filter(run__in=runs, layer=CHOSEN).only(*_FIELDS).order_by("id"):
        score.run = there[score.run_id]
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


def compare_scored(models: Sequence[Scored]) -> Compared:
    """Compare models of one region: over new subjects where each brought an interval over subjects.

    Parameters
    ----------
    models : sequence of Scored
        Each with a value. Those whose redraws do not belong with the others' are left out of the result.

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
        comparison = compare(found.values, normal_redraws(found, draws=_DRAWS), df=found.df)
        return Compared(kept, comparison, "subjects")
    return Compared(kept, compare_models(redraws), "conditional")


def _redraws(model: Scored, scores: Sequence[Score]) -> "Redraws | None":
    """Redraws of some of the model's scores; None where its record has none."""
    import numpy as np

    from gyral.result import load_redraws
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
