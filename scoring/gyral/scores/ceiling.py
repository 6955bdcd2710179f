"""Ceiling: the bound for one (dataset, split, metric, estimator), in ``r2``.

Units are admitted by what repeats of the *training* rows say (noise ceiling of at least ``FLOOR`` with a
lower bound above 0) and divided by the noise ceiling of the *held-out* rows, fold by fold: selecting and
dividing on the same rows lets 26-38 % of pure-noise units through.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.estimate import loso, ncsnr, split_half
from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows, Split

Array = NDArray[np.floating[Any]]

FLOOR = 0.05


@dataclass(frozen=True, eq=False)
class Ceiling:
    """Noise ceilings of all units.

    Parameters
    ----------
    kind : str
        "ncsnr", "split-half", "loso" or "published".
    held_out : array, folds x units
        Noise ceiling (r2) of the held-out rows.
    admitted : bool array, folds x units
        Whether training rows admit the unit in that fold.
    """

    kind: str
    held_out: Array
    admitted: NDArray[np.bool_]

    def of(self, units: NDArray[np.integer[Any]]) -> "Ceiling":
        """The same for some units only."""
        return Ceiling(self.kind, self.held_out[:, units], self.admitted[:, units])

    def ceiled(self, r: Array, rows: NDArray[np.integer[Any]]) -> Array:
        """Signed r2 over noise ceiling of each unit, over the folds that admit it; NaN for units never admitted.

        Parameters
        ----------
        r : array, folds x units
        rows : int array, one a fold
            Held-out rows, as weights.
        """
        weight = np.where(self.admitted & np.isfinite(r) & np.isfinite(self.held_out), rows[:, None], 0.0)
        total = weight.sum(axis=0)
        safe = np.where(total > 0, total, 1.0)
        mean_r = (weight * np.nan_to_num(r)).sum(axis=0) / safe
        nc = (weight * np.nan_to_num(self.held_out)).sum(axis=0) / safe
        fine = (total > 0) & (nc >= FLOOR)
        return np.where(fine, np.sign(mean_r) * mean_r**2 / np.where(fine, nc, 1.0), np.nan)

    def value(self) -> Array:
        """Noise ceiling of each unit, mean over folds; NaN where undefined."""
        with np.errstate(invalid="ignore"):
            known = np.isfinite(self.held_out)
            total = np.where(known, self.held_out, 0.0).sum(axis=0)
            return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)


def from_repeats(repeats: Array, split: Split, estimator: Literal["ncsnr", "split-half"] = "ncsnr") -> Ceiling:
    """Ceiling from single presentations: samples x repeats x units, NaN where missing."""
    if estimator == "split-half":
        return _by_fold(estimator, split, lambda rows: split_half(repeats[rows], 0))
    return _by_fold(estimator, split, lambda rows: ncsnr(repeats[rows]))


def from_subjects(values: Mapping[str, Array], split: Split) -> Ceiling:
    """Ceiling of each subject from the mean of the others; one array a subject, samples x units.

    Raises
    ------
    BadArrays
        Fewer than three subjects, or subjects that do not share samples and units.
    """
    return _by_fold("loso", split, lambda rows: loso({s: v[rows] for s, v in values.items()}, target="subject"))


def _by_fold(kind: str, split: Split, estimate: Callable[[Rows], Reliability]) -> Ceiling:
    held, admitted = [], []
    for fold in split.folds:
        train = estimate(fold.train)
        admitted.append((train.noise_ceiling >= FLOOR) & (train.lower > 0))
        held.append(estimate(fold.test).noise_ceiling)
    return Ceiling(kind, np.stack(held), np.stack(admitted))


def published(values: Array, folds: int) -> Ceiling:
    """Ceiling from the literature, one a unit in r2, NaN where there is none."""
    held = np.tile(values, (folds, 1))
    return Ceiling("published", held, np.isfinite(held) & (held >= FLOOR))
