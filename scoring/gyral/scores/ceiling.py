"""Ceiling: the bound for one (dataset, split, metric, estimator), in ``r2``.

Units are admitted by what the *training* rows of a fold say (noise ceiling of at least ``FLOOR`` with a lower bound
above 0) and divided by the noise ceiling of the *held-out* rows of the folds that admit them: selecting and dividing on
the same rows lets 26-38 % of pure-noise units through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows, Split
from gyral.errors import BadArrays
from gyral.scores.halves import halves
from gyral.scores.repeats import Repeats, require_repeats
from gyral.scores.subjects import between_subjects, require_shared

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Units = NDArray[np.integer[Any]]

FLOOR = 0.05
LEAST_REPEATED = 4


class Evidence(Protocol):
    """What a ceiling is estimated from, and estimated again from redrawn stimuli."""

    @property
    def kind(self) -> str:
        """Name of the estimator."""

    @property
    def units(self) -> int:
        """Number of units."""

    def training(self, folds: Sequence[Rows], fold: int, train: Rows) -> list[Rows]:
        """Rows (in folds) that decide whether a fold admits a unit; ``folds`` are the held-out rows of all."""

    def reliability(self, folds: Sequence[Rows], units: Units) -> Reliability:
        """Ceilings of some units from some rows."""

    def under(self, blocks: Sequence[Rows], fold_of: NDArray[np.int64], weights: Array, units: Units) -> Floats:
        """Ceilings with blocks of rows counted as often as ``weights`` says: weightings x units."""


@dataclass(frozen=True, eq=False)
class Ceiling:
    """Noise ceilings of all units, in r2.

    Parameters
    ----------
    kind : str
        "ncsnr", "split-half", "loso", "extrapolation", "consistency" or "published".
    held_out : array, units
        Of all held-out rows; NaN where undefined.
    low, high : array, units
        Its 95 % interval for new stimuli; NaN where there is none (``published``).
    divisor : array, units
        Of the held-out rows of folds that admit the unit; NaN where none does.
    admitted : bool array, folds x units
        Whether training rows admit the unit in that fold.
    evidence : Evidence, optional
        From which it is estimated anew when stimuli are redrawn; None for ``published``.
    chosen : int array, optional
        Units of the evidence; default all.
    """

    kind: str
    held_out: Array
    low: Array
    high: Array
    divisor: Array
    admitted: NDArray[np.bool_]
    evidence: Evidence | None = None
    chosen: Units | None = None

    @property
    def units(self) -> int:
        """Number of units."""
        return len(self.held_out)

    def of(self, units: Units) -> "Ceiling":
        """The same for some units only."""
        chosen = units if self.chosen is None else self.chosen[units]
        rest = (self.held_out[units], self.low[units], self.high[units], self.divisor[units])
        return Ceiling(self.kind, *rest, self.admitted[:, units], self.evidence, chosen)

    def under(self, blocks: Sequence[Rows], fold_of: NDArray[np.int64], weights: Array) -> Floats:
        """`held_out` with blocks of held-out rows counted as often as ``weights`` says: weightings x units.

        Without evidence nothing is redrawn.
        """
        if self.evidence is None:
            return np.tile(self.held_out, (len(weights), 1))
        chosen = np.arange(self.units) if self.chosen is None else self.chosen
        return self.evidence.under(blocks, fold_of, weights, chosen)

    def ceiled(self, r: Array, rows: NDArray[np.integer[Any]]) -> Array:
        """Signed r2 over noise ceiling of each unit, over the folds that admit it.

        NaN for units that no fold admits, and those whose held-out ceiling is below `FLOOR`.

        Parameters
        ----------
        r : array, folds x units
        rows : int array, one a fold
            Held-out rows, as weights.
        """
        weight = np.where(self.admitted & np.isfinite(r), rows[:, None], 0.0)
        total = weight.sum(axis=0)
        mean_r = (weight * np.nan_to_num(r)).sum(axis=0) / np.where(total > 0, total, 1.0)
        fine = (total > 0) & (np.nan_to_num(self.divisor) >= FLOOR)
        return np.where(fine, np.sign(mean_r) * mean_r**2 / np.where(fine, self.divisor, 1.0), np.nan)

    def value(self) -> Array:
        """Noise ceiling of each unit; NaN where undefined."""
        return self.held_out


def ceiling_from(evidence: Evidence, split: Split) -> Ceiling:
    """Admit units fold by fold by training rows, and bound them by held-out ones."""
    folds = [f.test for f in split.folds]
    every = np.arange(evidence.units)
    admitted = np.zeros((len(folds), len(every)), bool)
    for k, fold in enumerate(split.folds):
        found = evidence.reliability(evidence.training(folds, k, fold.train), every)
        with np.errstate(invalid="ignore"):
            admitted[k] = (found.noise_ceiling >= FLOOR) & (found.lower > 0)
    held = evidence.reliability(folds, every)
    divisor = np.where(admitted.all(axis=0), held.noise_ceiling, np.nan)
    # Few patterns of admission occur: one estimate for the units of each.
    patterns, which = np.unique(admitted, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        if pattern.any() and not pattern.all():
            units = np.flatnonzero(which.ravel() == k)
            some = [folds[f] for f in np.flatnonzero(pattern)]
            divisor[units] = evidence.reliability(some, units).noise_ceiling
    return Ceiling(evidence.kind, held.noise_ceiling, held.low, held.high, divisor, admitted, evidence)


def from_repeats(repeats: Array, split: Split, estimator: Literal["ncsnr", "split-half"] = "ncsnr") -> Ceiling:
    """Ceiling from single presentations: samples x repeats x units, NaN where missing.

    Raises
    ------
    BadArrays
        Not three axes, or fewer than four stimuli were presented twice (``no-repeats``).
    """
    require_repeats(repeats)
    twice = int((np.isfinite(repeats).any(axis=2).sum(axis=1) > 1).sum())
    if twice < LEAST_REPEATED:
        raise BadArrays(
            f"{twice or 'none'} of {len(repeats)} stimuli {'was' if twice == 1 else 'were'} presented more than once; "
            f"{estimator!r} needs two repeats of at least {LEAST_REPEATED}.",
            where="repeats",
            mend="Without repeats there is no such ceiling: leave it out.",
            code="no-repeats",
        )
    return ceiling_from(Repeats(repeats) if estimator == "ncsnr" else halves(repeats, 0), split)


def from_subjects(values: Mapping[str, Array], split: Split) -> Ceiling:
    """Ceiling of each subject from the mean of the others; one array a subject, samples x units.

    Raises
    ------
    BadArrays
        Fewer than three subjects (``too-few-subjects``), or subjects that do not share samples and units
        (``subjects-differ``).
    """
    evidence = between_subjects(values)
    require_shared(values, [f.test for f in split.folds])
    return ceiling_from(evidence, split)


def published(values: Array, folds: int) -> Ceiling:
    """Ceiling from the literature, one a unit in r2, NaN where there is none."""
    none = np.full(len(values), np.nan)
    admitted = np.tile(np.isfinite(values) & (np.nan_to_num(values) >= FLOOR), (folds, 1))
    return Ceiling("published", values, none, none, np.where(admitted[0], values, np.nan), admitted)
