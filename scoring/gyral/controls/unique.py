"""Unique: what is left of a model's score when nuisances are taken out.

With R2 out of sample and pooled over folds, N what nuisances predict alone, M the model's chosen layers alone and
N + M both together (`gyral.controls.nuisance`):

    unique = R2(N + M) - R2(N)            for each unit; a region shows the median, with its interval
    omega  = 1 - unique / R2(M)           share of what the model explains that nuisances explain as well

Omega is given where R2(M) lies above two of its standard errors, and not clipped: below 0 both together explain more than
each for itself. Nothing is left where the interval of unique does not lie above 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.controls.nuisance import Joint
from gyral.record import CHOSEN, Row
from gyral.scores.conditional import Redraws
from gyral.scores.gain import Errors, block_errors
from gyral.scores.hierarchy import with_everyone
from gyral.scores.pairs import twice_beyond, widened_by
from gyral.scores.problem import Problem
from gyral.scores.region import names_of_values, score_blocks
from gyral.scores.resampling import Statistic

Array = NDArray[np.floating[Any]]

# Predictions behind `Errors`, by number; 0 is the training mean.
_NUISANCES, _MODEL, _BOTH = 1, 2, 3
# A share of nearly nothing says nothing: standard errors that R2 of the model must exceed.
_LEAST = 2.0


@dataclass(frozen=True, eq=False)
class Left:
    """What controls say of one region and each of its subjects ("all" first where there are several).

    Parameters
    ----------
    fields : dict of subject to dict
        Values of the fields of a `Row`.
    units : dict of str to array, one a unit
        Columns of ``units.parquet``.
    """

    fields: Mapping[str, Mapping[str, float | None]]
    units: Mapping[str, Array]


def what_is_left(
    problem: Problem,
    nuisances: Array,
    model: Mapping[str, Array],
    both: Mapping[str, Joint],
    gains: Mapping[str, Array | None],
    *,
    seed: int = 0,
) -> dict[str, Left]:
    """Unique variance of a model in every region.

    Parameters
    ----------
    problem : Problem
    nuisances : array, samples x units
        Out-of-fold predictions of nuisances alone.
    model : mapping of region to array, samples x its units
        Likewise of the model's chosen layers.
    both : mapping of region to Joint
        Of both together.
    gains : mapping of region to (array, folds x its units, or None)
        Noise gain of the model's predictions (`gyral.fitting.LayerFits.gains`).
    seed : int
        Of the redraws: the same for all models of a board.
    """
    rows, fold_of = score_blocks(problem)
    found = {}
    for region in problem.regions:
        measured = np.asarray(problem.responses[:, region.units])
        alone, joint = nuisances[:, region.units], both[region.name]
        errors = block_errors(
            measured, (alone, model[region.name], joint.predictions), problem.split, rows, fold_of
        )
        members = problem.members(region)
        added = twice_beyond(problem, region, alone, joint.predictions, joint.gain)
        whole = twice_beyond(problem, region, None, model[region.name], gains[region.name])
        unique = errors.redraws(_NUISANCES, _BOTH, members, seed=seed).wider(widened_by(added, members))
        explained = errors.redraws(0, _MODEL, members, seed=seed).wider(widened_by(whole, members))
        found[region.name] = _left(errors, unique, explained, members, names_of_values(problem, region))
    return found


def _left(
    errors: Errors,
    unique: Redraws,
    model: Redraws,
    members: Sequence[NDArray[np.int64]],
    names: Sequence[str],
) -> Left:
    intervals, explained = unique.intervals(), model.intervals()
    nuisance, both = ([_median(errors.r2(k)[m]) for m in members] for k in (_NUISANCES, _BOTH))
    if len(names) > len(members):
        (_, intervals), (_, explained) = with_everyone(unique), with_everyone(model)
        nuisance, both = ([_mean(v), *v] for v in (nuisance, both))
    fields = {
        name: {
            "nuisance_r2": _number(n),
            "joint_r2": _number(b),
            "unique_r2": _number(u.value),
            "unique_low": _number(u.low),
            "unique_high": _number(u.high),
            "omega": _number(1 - u.value / m.value) if m.value > _LEAST * m.se else None,
        }
        for name, n, b, u, m in zip(names, nuisance, both, intervals, explained, strict=True)
    }
    units = {
        "nuisance_r2": errors.r2(_NUISANCES),
        "joint_r2": errors.r2(_BOTH),
        "unique_r2": errors.gain(_NUISANCES, _BOTH),
    }
    return Left(fields, units)


def with_left(rows: Sequence[Row], left: Mapping[str, Left]) -> list[Row]:
    """Rows with what is left beside those of chosen layers."""
    return [
        row.model_copy(update=left[row.region].fields[row.subject])
        if row.layer == CHOSEN and row.region in left
        else row
        for row in rows
    ]


def _median(values: Array) -> float:
    return float(Statistic().of(values))


def _mean(values: Sequence[float]) -> float:
    return float(Statistic("mean").of(np.asarray(values)))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
