"""Redrawn metric: a third party's metric of encoding, of one region's units under any redraw of held-out stimuli.

The metric is asked about one held-out fold at a time; folds are weighted by their rows, as those of r are.
"""

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import GyralError, UserError
from gyral.metrics import METRICS
from gyral.metrics.metric import UnitMetric
from gyral.scores.blocks import each_fold
from gyral.scores.resampling import Statistic

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
_LEAST_ROWS = 3


class RedrawnMetric:
    """A metric of one region's units under any redraw of held-out blocks.

    Parameters
    ----------
    name : str
    measure : UnitMetric
    measured : array, samples x units
        NaN where missing.
    predicted : array, model draws x samples x units
        Out of fold; a unit that was not predicted everywhere has no score.
    blocks, fold_of
        From `gyral.scores.region.score_blocks`.
    """

    def __init__(
        self,
        name: str,
        measure: UnitMetric,
        measured: Array,
        predicted: Array,
        blocks: Sequence[NDArray[np.int64]],
        fold_of: NDArray[np.int64],
    ) -> None:
        self.name, self.measure = name, measure
        self.folds = list(each_fold(blocks, fold_of))
        self.lengths = np.array([len(b) for b in blocks])
        self.measured, self.predicted = np.asarray(measured, np.float64), np.asarray(predicted, np.float64)
        self.units = self.measured.shape[1]

    def of_units(self, units: NDArray[np.integer[Any]]) -> "RedrawnMetric":
        """The same of some units only."""
        found = copy(self)
        found.measured, found.predicted = self.measured[:, units], self.predicted[:, :, units]
        found.units = len(units)
        return found

    def under(self, weights: NDArray[np.integer[Any]], *, strict: bool = False) -> Floats:
        """Score of each unit if each block came as often as ``weights`` says; mean over model draws.

        ``strict``: NaN where a fold has no number (the rule of a score); else the mean of the other folds (that of a redraw).
        """
        return np.mean([self._of(draw, weights, strict) for draw in self.predicted], axis=0)  # type: ignore[no-any-return]

    def left_out(self) -> Floats:
        """Scores with each block left out: blocks x units; NaN where the unit has no score."""
        count = len(self.lengths)
        missing = ~np.isfinite(self.under(np.ones(count, np.int64), strict=True))
        found = np.stack([self.under(weights) for weights in 1 - np.eye(count, dtype=np.int64)])
        return np.where(missing, np.nan, found)

    def alone(self, draw: int, measured: Array | None = None) -> Floats:
        """Score of each unit by one model draw, of other responses if they are given."""
        return self._of(self.predicted[draw], np.ones(len(self.lengths), np.int64), strict=True, measured=measured)

    def _of(
        self,
        predicted: Array,
        weights: NDArray[np.integer[Any]],
        strict: bool,
        measured: Array | None = None,
    ) -> Floats:
        measured = self.measured if measured is None else measured
        total, summed = np.zeros(self.units), np.zeros(self.units)
        undefined = np.zeros(self.units, bool)
        for own, rows, _ in self.folds:
            drawn = np.repeat(rows, np.repeat(weights[own], self.lengths[own]))
            if not len(drawn):
                continue
            values = self._fold(measured[drawn], predicted[drawn])
            known = np.isfinite(values)
            undefined |= ~known
            total += np.where(known, len(drawn), 0)
            summed += np.where(known, values * len(drawn), 0.0)
        fine = (total > 0) & ~(undefined & strict)
        return np.where(fine, summed / np.where(total > 0, total, 1.0), np.nan)

    def _fold(self, measured: Array, predicted: Array) -> Floats:
        """The metric of one fold: units that lack the same rows are asked about together, without these rows."""
        out = np.full(self.units, np.nan)
        whole = np.isfinite(measured) & np.isfinite(predicted)
        unread = (np.isfinite(measured) & ~np.isfinite(predicted)).any(axis=0)
        if whole.all():
            return self._called(measured, predicted)
        patterns, which = np.unique(whole, axis=1, return_inverse=True)
        for k, rows in enumerate(patterns.T):
            units = np.flatnonzero((which == k) & ~unread)
            if len(units) and rows.sum() >= _LEAST_ROWS:
                out[units] = self._called(measured[np.ix_(rows, units)], predicted[np.ix_(rows, units)])
        return out

    def _called(self, measured: Array, predicted: Array) -> Floats:
        try:
            found = np.asarray(self.measure(measured, predicted), np.float64)
        except GyralError:
            raise
        except Exception as error:  # whatever a third party's code does
            raise self._failed(f"it failed: {type(error).__name__}: {error}") from error
        if found.shape != measured.shape[1:]:
            raise self._failed(
                f"it gives an array of shape {found.shape} to {measured.shape[1]} units; one number a unit is expected"
            )
        return found

    def _failed(self, what: str) -> UserError:
        where = f"metric {self.name!r} of {METRICS.origin(self.name)}"
        mend = "Hold it to gyral.testing.check_metric, and tell its authors."
        return UserError(f"{what}.", where=where, mend=mend, code="plugin-failed")


def pooled(units: Floats, members: Sequence[NDArray[np.int64]], statistic: Statistic) -> Floats:
    """One number a subject."""
    return np.array([float(statistic.of(units[m])) for m in members])
