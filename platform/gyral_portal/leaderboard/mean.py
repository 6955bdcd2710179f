"""Mean: one number over columns that a viewer asked for, and in words what it is a mean of.

Without weights only recorded data are counted, and of those the columns of one metric: correlations and shares of right
choices have other zeros and other units. Weights are somebody's own choice; what they bring together is said beside it.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gyral_portal.leaderboard.columns import picked
from gyral_portal.leaderboard.look import Look
from gyral_portal.templatetags.gyral import metric_name
from gyral_submissions.domain.queries.grid import Column, Grid


@dataclass(frozen=True)
class Mean:
    """A weighted mean over columns; ``value`` is None unless the model has a score in all ``of`` of them."""

    value: float | None
    has: int
    of: int


@dataclass(frozen=True)
class Means:
    """Weighted means of all rows of a grid.

    Parameters
    ----------
    columns : sequence of Column
        What is counted.
    values : array, rows
        NaN without complete coverage.
    has : array, rows
        How many of the columns have a score.
    simulated_left, metrics_left : int
        Picked columns that are not counted: of simulated data, and of other metrics.
    """

    columns: Sequence[Column]
    values: NDArray[np.float64]
    has: NDArray[np.intp]
    simulated_left: int = 0
    metrics_left: int = 0

    def of_row(self, row: int) -> Mean:
        """The mean of one model."""
        value = float(self.values[row])
        return Mean(None if math.isnan(value) else value, int(self.has[row]), len(self.columns))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that are counted, each once."""
        return tuple(dict.fromkeys(c.benchmark.metric for c in self.columns))

    @property
    def simulated(self) -> int:
        """Counted columns whose recordings are made by code."""
        return sum(c.benchmark.simulated for c in self.columns)

    @property
    def words(self) -> str:
        """What it is a mean of."""
        count = len(self.columns)
        if not count:
            return "no column to take a mean of"
        return f"{' and '.join(metric_name(m) for m in self.metrics)}, {count} column{'s' * (count != 1)}"

    @property
    def notes(self) -> list[str]:
        """Sentences on what it leaves out, and on what it brings together that is not alike."""
        said = []
        if self.simulated_left:
            said.append(
                f"{_columns(self.simulated_left)} of simulated data not counted; give them weights to count them."
            )
        if self.metrics_left:
            said.append(
                f"{_columns(self.metrics_left)} of other metrics not counted: they have another zero or another unit."
            )
        if len(self.metrics) > 1:
            said.append("Its metrics are not alike: it orders models, and is no score of anything by itself.")
        if self.simulated:
            of = "All" if self.simulated == len(self.columns) else f"{self.simulated} of {len(self.columns)}"
            said.append(f"{of} of its columns are of simulated data, and say nothing about any brain.")
        return said


def take_means(grid: Grid, look: Look) -> Means:
    """Means over the weighted columns, or over those picked that are recorded and of the most frequent metric.

    Where every picked column is simulated, they are what is asked for.
    """
    used, simulated, metrics = _used(grid, look)
    weights = np.array([look.weights.get(grid.columns[n].key, 1.0) for n in used])
    values = grid.values[:, used]
    # NaN goes through the sum: a mean over what happens to be there would compare models on different columns.
    sums = values @ weights / weights.sum() if used else np.full(len(grid.facts), np.nan)
    return Means([grid.columns[n] for n in used], sums, np.isfinite(values).sum(axis=1), simulated, metrics)


def _used(grid: Grid, look: Look) -> tuple[list[int], int, int]:
    """Columns that are counted, and how many are not: simulated ones, those of other metrics."""
    if look.weights:
        return [n for n, c in enumerate(grid.columns) if c.key in look.weights], 0, 0
    asked = picked(grid, look)
    recorded = [n for n in asked if not grid.columns[n].benchmark.simulated] or asked
    metrics = Counter(grid.columns[n].benchmark.metric for n in recorded)
    most = metrics.most_common(1)[0][0] if metrics else ""  # the first of those that are equally frequent
    used = [n for n in recorded if grid.columns[n].benchmark.metric == most]
    return used, len(asked) - len(recorded), len(recorded) - len(used)


def _columns(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"
