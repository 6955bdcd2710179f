"""Curves of similarity: how alike the RDMs of layers and of a group of sensors are at every time.

The chosen layers are those of the row, scored in each fold on the pairs that it holds out, single layers on all pairs: what
`gyral.similarity` does for the window, at each time by itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.curves import ALPHA, LAYER_DRAWS, Curve, curves_of
from gyral.datasets.responses import RegionRdms
from gyral.rdm_problem import RdmProblem, Scored
from gyral.record import CHOSEN
from gyral.rsa.inference import pair_redraws
from gyral.rsa.permutation import permuted, with_mean
from gyral.scores.conditional import Redraws

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Orders of the stimuli whose largest value over times a curve is held against.
_ORDERS = 400


def similarity_curves(
    problem: RdmProblem,
    region: RegionRdms,
    measured: Floats,
    times: tuple[float, ...],
    layers: Sequence[str],
    picks: Sequence[Sequence[int]],
) -> list[Curve]:
    """Curves of a region: the chosen layers (all subjects, then each), and every layer (all subjects).

    Parameters
    ----------
    problem : RdmProblem
    region : RegionRdms
    measured : array, subjects x times x pairs
    times : tuple of float
        Seconds after stimulus onset.
    layers : sequence of str
    picks : model draws x folds
        Which layer the region chose.

    Returns
    -------
    list of Curve
        ``ceiling`` is the square of the upper bound that subjects set at each time, NaN with one.
    """
    count, every = measured.shape[:2]
    flat = measured.reshape(count * every, -1)
    ceiling = np.full((count + (count > 1), every), np.nan)
    if count > 1:
        upper = [problem.comparator.bounds(measured[:, t])[1] for t in range(every)]
        ceiling[0] = np.square(upper)

    def curves(layer: str, scored: Scored) -> list[Curve]:
        found = _redraws(scored, (count, every), problem.seed)
        return curves_of(region.region, times, region.subjects, layer, found, ceiling)

    chosen = curves(CHOSEN, problem.scored(flat, picks, draws=LAYER_DRAWS))
    if problem.exchangeable:
        chosen = _tested(problem, region.region, flat, (count, every), chosen, picks[0])
    single = problem.whole(flat, draws=LAYER_DRAWS)
    return chosen + [curves(layer, scored)[0] for layer, scored in zip(layers, single, strict=True)]


def _redraws(scored: Scored, shape: tuple[int, int], seed: int) -> Redraws:
    """One part a subject and time, subject after subject; stretched at each time as a row's are."""
    every, values = shape[1], scored.values.mean(axis=0)
    drawn = np.empty_like(scored.drawn)
    for t in range(every):
        here = slice(t, None, every)
        (own,) = pair_redraws(
            values[here, None], scored.drawn[:, here, None], scored.left_out[:, here, None], seed=seed
        )
        drawn[:, here] = own.drawn
    return Redraws(values, drawn, len(scored.left_out), seed=seed)


def _tested(
    problem: RdmProblem,
    region: str,
    flat: Array,
    shape: tuple[int, int],
    curves: list[Curve],
    picks: Sequence[int],
) -> list[Curve]:
    """The curves with p over all their times, by giving the model's stimuli to each other (maximum statistic)."""
    scores = permuted(
        problem.comparator,
        {region: flat},
        problem.models[0],
        {region: picks},
        problem.pairs.held_out,
        draws=_ORDERS,
        seed=problem.seed,
    )
    values, *drawn = (np.stack([with_mean(v) for v in one[region].reshape(shape).T], axis=1) for one in scores)
    null = np.stack(drawn)
    reached = (null.max(axis=2)[:, :, None] >= values - 1e-12).sum(axis=0)
    p, line = (1 + reached) / (1 + _ORDERS), np.quantile(null, 1 - ALPHA, axis=0)
    return [Curve(**{**vars(c), "p": p[k], "line": line[k]}) for k, c in enumerate(curves)]
