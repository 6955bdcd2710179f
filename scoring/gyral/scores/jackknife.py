"""Jackknife: standard errors from leaving groups out, for few groups and for refits.

The ``procedure`` interval rests on it: training (with its choice of layers and penalties) is repeated without each
group of stimuli (`gyral.scores.conditional.with_training`).
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Fold, Rows, Split
from gyral.errors import BadArrays
from gyral.scores.blocks import held_out_blocks
from gyral.scores.confidence import LEVEL, Interval, Kind, t_interval

Array = NDArray[np.floating[Any]]

DELETE_GROUPS = 20


def delete_groups(split: Split, count: int = DELETE_GROUPS) -> tuple[list[Rows], NDArray[np.int64]]:
    """Rows to delete from training in each refit: neighbours, whole groups, none across a border of folds.

    Each held-out row stands in exactly one of them. There are about ``count``; fewer where groups are fewer. Returned
    with the fold that holds each out, like `gyral.scores.blocks.held_out_blocks`.

    Raises
    ------
    BadArrays
        Fewer than three can be made: no standard error follows.
    """
    rows, fold_of = held_out_blocks(split, count)
    if len(rows) < 3:
        raise BadArrays(
            f"only {len(rows)} groups can be deleted; a jackknife needs at least 3.", where=f"split {split.name!r}"
        )
    return rows, fold_of


def trained_without(split: Split, rows: Rows) -> Split:
    """The split with some rows deleted from training; held-out rows stay.

    Raises
    ------
    BadArrays
        Nothing is left to train on in a fold.
    """
    folds = tuple(Fold(np.setdiff1d(f.train, rows), f.test) for f in split.folds)
    if not all(len(f.train) for f in folds):
        raise BadArrays("nothing is left to train on.", where=f"split {split.name!r}")
    return replace(split, folds=folds)


def jackknife_variance(left_out: Array) -> Array:
    """``(g - 1) / g sum (t_g - mean t)^2`` over groups: groups x ... -> ...; NaN with fewer than two."""
    count = len(left_out)
    if count < 2:
        return np.full(left_out.shape[1:], np.nan)
    return np.asarray((count - 1) / count * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))


def jackknife_interval(
    value: float, left_out: Array, *, kind: Kind = "procedure", level: float = LEVEL
) -> Interval:
    """t interval of a value on what leaving each group out gives; g - 1 degrees of freedom.

    The centre is the value, not the bias-corrected one: correcting would extrapolate to endless training data, and
    the score is that of a procedure with as many stimuli as there were.

    Parameters
    ----------
    value : float
        The score with nothing left out.
    left_out : array, groups
        The score with each group left out; groups without a score (NaN) make the interval NaN.
    """
    count = len(left_out)
    se = float(np.sqrt(jackknife_variance(np.asarray(left_out, np.float64))))
    return t_interval(kind, value, se, df=count - 1, groups=count, level=level)
