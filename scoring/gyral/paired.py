"""Paired: what a model scores above a control of it, under the same redraws of stimuli and subjects."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gyral.encoding import EncodingScores
from gyral.record import CHOSEN, Row
from gyral.rows import number_or_none
from gyral.scores.conditional import Redraws
from gyral.scores.difference import compare, compare_models
from gyral.scores.hierarchy import crossed, normal_redraws

_DRAWS = 1000


class Difference(NamedTuple):
    """Value of a model less that of a control, with its 95 % interval; None where redraws are missing."""

    difference: float | None
    difference_low: float | None
    difference_high: float | None


def paired_differences(
    model: EncodingScores, control: EncodingScores, *, seed: int = 0
) -> dict[tuple[str, str], Difference]:
    """By region and subject; over new subjects where both have an interval over subjects.

    Parameters
    ----------
    model, control : EncodingScores
        Of one problem, redrawn with one seed, so that differences are paired.
    seed : int
        Of the redraws.
    """
    mine, others = (_by_cell(scores, seed) for scores in (model, control))
    out = {}
    for (region, subject), (row, redraws) in mine.items():
        if (region, subject) not in others:
            continue
        other, beside = others[region, subject]
        if row.interval_kind == other.interval_kind == "subjects":
            people = [s for r, s in mine if r == region and s != subject]
            pair = [_together([cells[region, s][1] for s in people]) for cells in (mine, others)]
        else:
            pair = [redraws, beside]
        out[region, subject] = _difference(pair, over_subjects=pair[0] is not redraws)
    return out


def _by_cell(scores: EncodingScores, seed: int) -> dict[tuple[str, str], tuple[Row, Redraws]]:
    chosen = [row for row in scores.rows if row.layer == CHOSEN]
    if scores.redraws is None or scores.redraws.shape[1] != len(chosen):
        return {}
    return {
        (row.region, row.subject): (row, _redraws(row, scores.redraws[:, [k]], seed))
        for k, row in enumerate(chosen)
    }


def _redraws(row: Row, deviations: np.ndarray, seed: int) -> Redraws:
    values = np.array([np.nan if row.value is None else row.value])
    return Redraws(values, values + np.asarray(deviations, np.float64), row.interval_groups or 0, seed=seed)


def _together(people: Sequence[Redraws]) -> Redraws:
    values = np.concatenate([p.values for p in people])
    drawn = np.concatenate([p.drawn for p in people], axis=1)
    return Redraws(values, drawn, people[0].groups, seed=people[0].seed)


def _difference(pair: Sequence[Redraws], *, over_subjects: bool) -> Difference:
    if not all(np.isfinite(p.values).all() for p in pair) or len({(p.groups, p.drawn.shape) for p in pair}) > 1:
        return Difference(None, None, None)
    if over_subjects:
        found = crossed(pair)
        comparison = compare(found.values, normal_redraws(found, draws=_DRAWS), df=found.df)
    elif pair[0].groups < 2:
        return Difference(float(pair[0].values[0] - pair[1].values[0]), None, None)
    else:
        comparison = compare_models(pair)
    told = (comparison.difference[0, 1], comparison.low[0, 1], comparison.high[0, 1])
    return Difference(*(number_or_none(float(v)) for v in told))
