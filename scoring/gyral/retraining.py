"""Retraining: fits without each group of training rows, for the ``procedure`` interval.

Costs as many fits as groups are deleted (about twenty); features are read once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.fitting import LayerFits
from gyral.metrics.metric import UnitMetric
from gyral.progress import Progress, silent
from gyral.redrawn_metric import RedrawnMetric, pooled
from gyral.scores.conditional import Redraws, with_training
from gyral.scores.confidence import Interval
from gyral.scores.jackknife import delete_groups, trained_without
from gyral.scores.problem import Problem
from gyral.scores.region import region_blocks
from gyral.scores.resampling import Scored, Statistic

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


class Retrained:
    """Mean scores over units of every region and subject, with each group left out of training.

    Parameters
    ----------
    problem : Problem
    metric, measure : str, UnitMetric, optional
        A third party's metric and its name, in place of Pearson r.

    Raises
    ------
    BadArrays
        Fewer than three groups, or deleting one leaves nothing to train on.
    """

    def __init__(self, problem: Problem, metric: str = "", measure: UnitMetric | None = None) -> None:
        self.problem, self.metric, self.measure = problem, metric, measure
        self.groups, self.fold_of = delete_groups(problem.split)
        self._values: list[list[list[Floats]]] = []  # model draws x groups x regions, each one a subject

    def add(
        self,
        fit: Callable[[Problem, str], LayerFits],
        *,
        progress: Progress = silent,
        step: str = "retraining",
    ) -> None:
        """Fit one model draw again without each group.

        Parameters
        ----------
        fit : callable
            Fits of a problem; its second argument names the deletion.
        """
        found = []
        for number, rows in enumerate(self.groups):
            progress(step, number, len(self.groups))
            problem = replace(self.problem, split=trained_without(self.problem.split, rows))
            fits = fit(problem, f"without-{number}")
            predictions = [fits.assembled(problem, r, fits.picks(problem, r)) for r in problem.regions]
            pairs = zip(problem.regions, predictions, strict=True)
            found.append([self._means(region, [own]) for region, own in pairs])
        progress(step, len(self.groups), len(self.groups))
        self._values.append(found)

    def intervals(self, number: int, found: Redraws, chosen: Sequence[Array]) -> list[Interval]:
        """``procedure`` interval of each value of a region.

        Parameters
        ----------
        number : int
            Of the region.
        found : Redraws
            Of the values of all subjects and of each, with the maps as they are.
        chosen : sequence of array, samples x units of the region
            Predictions behind them, one a model draw.
        """
        region = self.problem.regions[number]
        fixed = self._left_out(region, chosen)
        without = np.mean([[group[number] for group in draw] for draw in self._values], axis=0)
        if fixed.shape[1] < len(found.values):
            fixed, without = (np.concatenate([v.mean(axis=1, keepdims=True), v], axis=1) for v in (fixed, without))
        return with_training(found, fixed, without).intervals()

    def _means(self, region: Region, predictions: Sequence[Array]) -> Floats:
        if self.measure is None:
            return np.asarray(self._scored(region, predictions).values)
        asked = self._asked(region, predictions, self.measure)
        units = asked.under(np.ones(len(self.groups), np.int64), strict=True)
        return pooled(units, self.problem.members(region), Statistic("mean"))

    def _left_out(self, region: Region, predictions: Sequence[Array]) -> Floats:
        if self.measure is None:
            return self._scored(region, predictions).left_out()
        members = self.problem.members(region)
        found = self._asked(region, predictions, self.measure).left_out()
        return np.stack([pooled(units, members, Statistic("mean")) for units in found])

    def _asked(self, region: Region, predictions: Sequence[Array], measure: UnitMetric) -> RedrawnMetric:
        measured = self.problem.responses[:, region.units]
        return RedrawnMetric(self.metric, measure, measured, np.stack(predictions), self.groups, self.fold_of)

    def _scored(self, region: Region, predictions: Sequence[Array]) -> Scored:
        blocks = region_blocks(self.problem, region, predictions, self.groups, self.fold_of)
        return Scored(blocks, Statistic("mean"), self.problem.members(region))
