"""Designs that coverage is simulated over, and how it is counted."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from gyral.datasets.split import Split, contiguous, grouped, leave_one_group_out
from gyral.scores.blocks import block_sums, blocks_for
from gyral.scores.conditional import Redraws, redraws
from gyral.scores.resampling import Scored, Statistic

Array = np.ndarray
DRAWS = 400
WARM_UP = 80  # samples of a series that are thrown away


@dataclass(frozen=True)
class Design:
    """How stimuli hang together: independent, in groups with effects of their own, or a series."""

    name: str
    split: Split
    phi: float = 0.0
    shared: float = 0.0  # share of variance that a group has in common

    @property
    def rows(self) -> int:
        return len(self.split.held_out)

    def noise(self, rng: np.random.Generator, columns: int) -> Array:
        """Standard normal columns with this design's dependence between rows."""
        if self.phi:
            lead = WARM_UP
            white = rng.standard_normal((self.rows + lead, columns))
            return lfilter([np.sqrt(1 - self.phi**2)], [1, -self.phi], white, axis=0)[lead:]
        own = rng.standard_normal((self.rows, columns))
        if not self.shared:
            return own
        codes = self.split.groups
        common = rng.standard_normal((codes.max() + 1, columns))[codes]
        return np.sqrt(1 - self.shared) * own + np.sqrt(self.shared) * common

    def units(self, rng: np.random.Generator, columns: int) -> Array:
        """The same with half of the variance common to all columns."""
        return np.sqrt(0.5) * (self.noise(rng, 1) + self.noise(rng, columns))

    def redraws(
        self, measured: Array, predicted: Array, seed: int, statistic: Statistic, parts=None, repeats=None
    ) -> Redraws:
        exchangeable = not self.phi and self.split.groups is None
        rows, fold_of = blocks_for(measured, self.split, exchangeable=exchangeable)
        sums = block_sums(measured, predicted, rows, fold_of, repeats=repeats)
        scored = Scored(sums, statistic, parts)
        return redraws(scored, draws=DRAWS, seed=seed)


def independent(rows: int) -> Design:
    return Design(f"independent, {rows} stimuli", contiguous(rows, 5))


def in_groups(groups: int, size: int, shared: float = 0.3) -> Design:
    """Five folds where that leaves two groups in each, else one fold a group."""
    codes = np.repeat(np.arange(groups), size)
    split = grouped(codes, 5) if groups >= 10 else leave_one_group_out(codes)
    return Design(f"{groups} groups of {size}", split, shared=shared)


def series(rows: int, phi: float = 0.8) -> Design:
    return Design(f"AR(1) {phi}, {rows} rows", contiguous(rows, 5), phi=phi)


def percent(hits) -> str:
    """Share with its standard error."""
    hits = np.asarray(hits, float)
    share = hits.mean()
    return f"{100 * share:5.1f} +-{100 * np.sqrt(max(share * (1 - share), 0.25 / len(hits)) / len(hits)):.1f}"


def covers(intervals: list[tuple[float, float]], truth: float | Array) -> Array:
    low, high = np.transpose(intervals)
    return (low <= truth) & (truth <= high)
