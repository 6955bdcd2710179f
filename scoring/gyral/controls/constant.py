"""Constant: what is left of predictions by any readout when those of nuisances are held constant.

Unique variance takes one fit of nuisances and layers together, by one kind of map (`gyral.controls.unique`). Other families
read positions, or several layers, and have no such fit. Of them what is left is the partial correlation of held-out
responses and predictions, given what nuisances predict (`gyral.scores.constant`). Two predictions of nuisances are held constant:
by banded ridge, and by the family itself, which reads all bands as one layer: else what a family reads better than ridge would
pass for the model's own. A region shows the median over its units, as it does for r.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.controls.unique import Left
from gyral.scores.confidence import Interval
from gyral.scores.constant import partial_sums, residuals
from gyral.scores.hierarchy import with_everyone
from gyral.scores.pairs import twice_beyond, widened_by
from gyral.scores.problem import Problem
from gyral.scores.region import names_of_values, score_blocks

Array = NDArray[np.floating[Any]]


def what_is_left_of_predictions(
    problem: Problem,
    nuisances: Sequence[Array],
    model: Mapping[str, Array],
    gains: Mapping[str, Array | None],
    *,
    seed: int = 0,
) -> dict[str, Left]:
    """Partial correlation of a model's predictions in every region.

    Parameters
    ----------
    problem : Problem
    nuisances : sequence of array, samples x units
        Out-of-fold predictions of nuisances alone.
    model : mapping of region to array, samples x its units
        Likewise of the model's chosen layers.
    gains : mapping of region to (array, folds x its units, or None)
        Noise gain of the model's predictions (`gyral.fitting.LayerFits.gains`), taken for that of what is left of them.
    seed : int
        Of the redraws: the same for all models of a board.
    """
    rows, fold_of = score_blocks(problem)
    found = {}
    for region in problem.regions:
        measured = np.asarray(problem.responses[:, region.units])
        constant, predicted = [n[:, region.units] for n in nuisances], model[region.name]
        sums = partial_sums(measured, predicted, constant, rows, fold_of)
        members = problem.members(region)
        shares = twice_beyond(
            problem, region, *residuals(measured, predicted, constant, problem.split), gains[region.name]
        )
        drawn = sums.redraws(members, seed=seed).wider(widened_by(shares, members))
        intervals = with_everyone(drawn)[1] if len(problem.subjects) > 1 else drawn.intervals()
        names = names_of_values(problem, region)
        fields = {name: partial_fields(own) for name, own in zip(names, intervals, strict=True)}
        found[region.name] = Left(fields, {"partial": sums.partial(np.ones((1, len(rows))))[0]})
    return found


def partial_fields(interval: Interval) -> dict[str, float | None]:
    """What a `Row` says of a partial correlation."""
    known = (interval.value, interval.low, interval.high)
    value, low, high = (float(v) if np.isfinite(v) else None for v in known)
    return {"partial": value, "partial_low": low, "partial_high": high}
