"""RDMs: what is left of a model's similarity when RDMs of nuisances are held constant.

Of every band (`gyral.controls.bands`) six RDMs are held constant: 1 - r between its columns, as a model's RDM is made; the
Euclidean distance of its scaled columns, which says how different two stimuli are in brightness or length where correlation does
not; and their cosine and inner product, about zero and about the mean, since nobody knows where units have their zero. Units
that mix a band's columns with weights of either sign have 1 - r near such a cosine, and near the inner product where noise is
added: without these a model of nuisances and of columns that no unit reads would leave .10, of one origin alone up to .05
(`tests/benchmarks/coverage_rsa.py partial`). Bands of fewer than three columns have their distance alone.
The partial correlation of RDMs (`gyral.rsa.partial`) is that of the chosen
layers, in the pairs that a fold holds out, mean over subjects; its interval is of the same kind as the score's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.controls.bands import Nuisances
from gyral.controls.constant import partial_fields
from gyral.controls.unique import Left
from gyral.datasets.responses import RegionRdms
from gyral.features.features import Features
from gyral.rsa.comparator import Mask, Product
from gyral.rsa.inference import pooled_interval
from gyral.rsa.partial import partial_redraws
from gyral.rsa.rdm import rdm
from gyral.rsa.vector import condensed
from gyral.scores.region import ALL

Array = NDArray[np.floating[Any]]

# Columns below which the angle between two stimuli says nothing.
_LEAST_COLUMNS = 3


def partial_beside(
    models: Array,
    picks: Mapping[str, Sequence[int]],
    measured: Mapping[str, RegionRdms],
    nuisances: Nuisances,
    masks: Sequence[Mask],
    comparator: Product,
    *,
    seed: int = 0,
) -> dict[str, Left]:
    """Partial similarity of the chosen layers with each region.

    Parameters
    ----------
    models : array, layers x pairs
    picks : mapping of region to layer of each fold
    measured : mapping of region to RegionRdms
    nuisances : Nuisances
    masks : sequence of bool array, pairs
        Pairs each fold is scored on.
    comparator : Product
    seed : int
        Of the redraws: the same for all models of a board.
    """
    constant = np.concatenate([rdms_of(space) for space in nuisances.spaces])
    subjects = {name: region.pooled() for name, region in measured.items()}
    drawn_of = partial_redraws(subjects, models, picks, constant, masks, comparator, seed=seed)
    found = {}
    for name, region in measured.items():
        drawn = drawn_of[name]
        intervals = {ALL: pooled_interval(drawn)}
        if len(subjects[name]) > 1:
            intervals |= dict(zip(region.subjects, drawn.intervals(), strict=True))
        found[name] = Left({subject: partial_fields(own) for subject, own in intervals.items()}, {})
    return found


def rdms_of(space: Features) -> Array:
    """RDMs of a band that are held constant: RDMs x pairs."""
    columns = np.asarray(space.flat(), np.float64)
    columns = columns[:, np.ptp(columns, axis=0) > 0]
    scaled = columns / columns.std(axis=0)
    kinds: list[Array] = [rdm(scaled, "euclidean")]
    if columns.shape[1] >= _LEAST_COLUMNS:
        kinds.append(rdm(columns, "correlation"))
        for about in (scaled, scaled - scaled.mean(axis=0)):
            kinds += [rdm(about, "cosine"), condensed(about @ about.T)]
    return np.stack(kinds)
