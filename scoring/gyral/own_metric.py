"""Own metric: rows of a third party's metric of encoding in place of those of Pearson r.

A unit without a number in any fold has no score. Intervals come of the same redraws of blocks of held-out stimuli as those of r,
stretched and widened alike (`gyral.scores.conditional`, `gyral.scores.pairs`), so that models on a board stay paired; of the same fits
without each group of training rows for ``procedure``; and p of responses made unrelated in the same way (`gyral.scores.surrogate`).

There is no ceiling. What repeats say of noise becomes a bound by a formula of r alone: the metric of one half of the presentations
against the other says how well halves agree, which a model may exceed, since neither half is without noise.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.encoding import EncodingScores
from gyral.fitting import LayerFits
from gyral.metrics.metric import UnitMetric
from gyral.record import CHOSEN, Row
from gyral.redrawn_metric import RedrawnMetric, pooled
from gyral.retraining import Retrained
from gyral.rows import interval_fields, number_or_none, with_q
from gyral.scores.chance import complete_units, runs_and_null, twice_stretch
from gyral.scores.conditional import CALIBRATION_DRAWS, Redraws, calibrated
from gyral.scores.hierarchy import with_everyone
from gyral.scores.pairs import twice, widened_by
from gyral.scores.problem import Problem
from gyral.scores.pvalue import mean_before
from gyral.scores.region import names_of_values, region_blocks, score_blocks
from gyral.scores.resampling import DRAWS, Statistic, block_weights, unit_scores
from gyral.scores.surrogate import surrogates

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Of single layers, which are many; chosen ones have `gyral.scores.resampling.DRAWS`.
LAYER_DRAWS = 400
NULL_DRAWS = 1000


def score_own(
    encoded: EncodingScores,
    fits: Sequence[LayerFits],
    problem: Problem,
    measure: UnitMetric,
    *,
    metric: str,
    retrained: Retrained | None = None,
    seed: int = 0,
) -> EncodingScores:
    """Rows of a third party's metric in place of those of encoding.

    Parameters
    ----------
    encoded : EncodingScores
        Of the same fits; maps and predictions are kept, and so is what rows say of anything but their value.
    fits : sequence of LayerFits
        One a model draw.
    problem : Problem
    measure : UnitMetric
    metric : str
        Its name.
    retrained : Retrained, optional
        Values of the same metric of fits without each group of training rows.
    seed : int
        Of the redraws.

    Raises
    ------
    UserError
        The metric fails, or gives no number a unit (``plugin-failed``).
    """
    told: dict[tuple[str, str, str], dict[str, Any]] = {}
    scores: list[Floats] = []
    kept: list[Floats] = []
    blocks, fold_of = score_blocks(problem)
    for number, region in enumerate(problem.regions):
        picks = [fit.picks(problem, region) for fit in fits]
        single = [(name, [[k] * len(problem.split.folds)] * len(fits)) for k, name in enumerate(fits[0].layers)]
        for layer, used in [(CHOSEN, picks), *single]:
            predicted = [f.assembled(problem, region, p) for f, p in zip(fits, used, strict=True)]
            asked = RedrawnMetric(
                metric, measure, problem.responses[:, region.units], np.stack(predicted), blocks, fold_of
            )
            units = asked.under(np.ones(len(blocks), np.int64), strict=True)
            plain = region_blocks(problem, region, predicted, blocks, fold_of)
            r = unit_scores(plain, np.ones((1, len(blocks))), strict=True)[0]
            gains = [f.gains(region, p) for f, p in zip(fits, used, strict=True)]
            members = problem.members(region)
            factor = widened_by(twice(problem, region, predicted, gains, r), members)
            draws = DRAWS if layer == CHOSEN else LAYER_DRAWS
            found = _redrawn(asked, units, members, draws, seed).wider(factor)
            several = len(problem.subjects) > 1
            found, intervals = with_everyone(found) if several else (found, found.intervals())
            names = names_of_values(problem, region)
            spread = _spread(asked, members, several)
            fields = [
                interval_fields(interval) | {"spread": number_or_none(width)}
                for interval, width in zip(intervals, spread, strict=True)
            ]
            if layer == CHOSEN:
                fields = _with(fields, _chance(asked, problem, region, members, several, seed))
                if retrained is not None:
                    fields = _with(fields, _procedure(retrained, number, found, predicted))
            told |= {(region.name, name, layer): own for name, own in zip(names, fields, strict=True)}
            if layer == CHOSEN:
                kept.append(found.drawn - found.values)
                scores.append(units)
    guess = getattr(measure, "chance", None)
    rows = [_measured(row, told[row.region, row.subject, row.layer], metric, guess) for row in encoded.rows]
    notes = [f"there is no ceiling of {metric}: those that are known bound Pearson r"]
    notes += [f"curves over time are of Pearson r, not of {metric}"] if encoded.curves else []
    return replace(
        encoded,
        rows=with_q(rows),
        units=encoded.units.assign(score=np.concatenate(scores), ceiled=np.nan),
        redraws=np.concatenate(kept, axis=1).astype(np.float32),
        warnings=(*encoded.warnings, *notes),
    )


# What a row of encoding says of Pearson r, and what this metric has not, or has of its own.
_NOT_HERE: dict[str, Any] = {
    **dict.fromkeys(("p", "q", "null_kind", "procedure_low", "procedure_high")),
    **dict.fromkeys(("ceiling", "ceiling_low", "ceiling_high", "ceiling_unit", "ceiling_rows")),
    **dict.fromkeys(("ceiled", "ceiled_low", "ceiled_high")),
    "ceiling_kind": "none",
    "n_ceiled": 0,
}


def _measured(row: Row, value: dict[str, Any], metric: str, chance: float | None) -> Row:
    return row.model_copy(update=_NOT_HERE | value | {"metric": metric, "chance": chance})


def _with(fields: Sequence[dict[str, Any]], more: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [own | further for own, further in zip(fields, more, strict=True)]


def _chance(
    asked: RedrawnMetric,
    problem: Problem,
    region: Region,
    members: Sequence[NDArray[np.int64]],
    several: bool,
    seed: int,
    draws: int = NULL_DRAWS,
) -> list[dict[str, Any]]:
    """p of each value, that of all subjects first: could responses that are unrelated to the predictions score as well?

    None for draws of a twin. Null scores are stretched about their mean where folds train on one another's rows, as those of r are
    (`gyral.scores.chance`). A null score that is undefined counts as reached.
    """
    count = len(members) + several
    found = runs_and_null(problem)
    if found is None or len(asked.predicted) > 1:
        return [{}] * count
    runs, null = found
    tested, parts = complete_units(problem, region, asked.predicted[0], members, np.concatenate(runs))
    if not len(tested):
        return [{"null_kind": null}] * count
    own = asked.of_units(tested)

    def value(units: Floats) -> Floats:
        values = pooled(units, parts, Statistic())
        return mean_before(values) if several else values

    values = value(own.alone(0))
    others = surrogates(own.measured, runs, null, groups=problem.split.groups, draws=draws, seed=seed)
    nulls = np.stack([value(own.alone(0, measured)) for measured in others])
    centre = np.nanmean(np.where(np.isfinite(nulls).any(axis=0), nulls, 0.0), axis=0)
    nulls = centre + twice_stretch(problem) * (nulls - centre)
    reached = (np.isnan(nulls) | (nulls >= values - 1e-12)).sum(axis=0)
    p = np.where(np.isfinite(values), (1 + reached) / (1 + len(nulls)), np.nan)
    return [{"p": number_or_none(v), "null_kind": null} for v in p]


def _procedure(
    retrained: Retrained, number: int, found: Redraws, predicted: Sequence[Array]
) -> list[dict[str, Any]]:
    intervals = retrained.intervals(number, found, predicted)
    return [{"procedure_low": number_or_none(i.low), "procedure_high": number_or_none(i.high)} for i in intervals]


def _redrawn(
    asked: RedrawnMetric, units: Floats, members: Sequence[NDArray[np.int64]], draws: int, seed: int
) -> Redraws:
    """Redraws of each subject's median over units."""
    count = len(asked.lengths)
    values = pooled(units, members, Statistic())
    if count < 2:
        return Redraws(values, np.full((draws, len(values)), np.nan), count, seed=seed)
    missing = ~np.isfinite(units)
    weights = np.concatenate(list(block_weights(count, DRAWS, seed)))[:draws]

    def under(own: NDArray[np.integer[Any]]) -> Floats:
        return np.where(missing, np.nan, asked.under(own))

    each = np.stack([under(w) for w in weights])
    mean = Statistic("mean")
    left = np.stack([under(w) for w in 1 - np.eye(count, dtype=np.int64)])
    return calibrated(
        values,
        np.stack([pooled(u, members, Statistic()) for u in each]),
        np.stack([pooled(u, members, mean) for u in each[:CALIBRATION_DRAWS]]),
        np.stack([pooled(u, members, mean) for u in left]),
        seed=seed,
    )


def _spread(asked: RedrawnMetric, members: Sequence[NDArray[np.int64]], several: bool) -> Floats:
    """Standard deviation over model draws of each subject's value, that of all first where there are several."""
    count = len(asked.predicted)
    names = len(members) + several
    if count < 2:
        return np.full(names, np.nan)
    drawn = np.stack([pooled(asked.alone(d), members, Statistic()) for d in range(count)])
    if several:
        drawn = np.concatenate([drawn.mean(axis=1, keepdims=True), drawn], axis=1)
    return np.asarray(np.std(drawn, axis=0, ddof=1))
