"""Conditional: redraws of stimuli under fitted maps, calibrated, and the intervals they give.

`Redraws` are what a record needs to keep: intervals, differences between models, ranks and the pooling over
subjects all follow from them, and those of one board belong together draw by draw.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.scores.confidence import FEW, LEVEL, Interval, Kind, percentile_interval, t_interval
from gyral.scores.jackknife import jackknife_variance
from gyral.scores.resampling import DRAWS, MEMORY, Scored, Statistic, block_weights

Floats = NDArray[np.float64]

# Enough for the ratio of two variances of which the fourth root is taken.
CALIBRATION_DRAWS = 256


@dataclass(frozen=True, eq=False)
class Redraws:
    """Calibrated redraws of some values.

    Parameters
    ----------
    values : array, parts
    drawn : array, draws x parts
        Centred on ``values``; their spread is the standard error.
    groups : int
        Blocks of stimuli that were drawn.
    kind : {"conditional", "procedure"}
        Whether training is redrawn too.
    seed : int
        Of the draws; redraws of two models belong together only where it is the same.
    widened : array, parts, optional
        By how much ``drawn`` was widened for folds that train on one another's rows (`gyral.scores.pairs`); None: not.
    """

    values: Floats
    drawn: Floats
    groups: int
    kind: Kind = "conditional"
    seed: int = 0
    widened: Floats | None = None

    def of(self, parts: Sequence[int] | NDArray[np.integer[Any]]) -> "Redraws":
        """The same for some parts only."""
        chosen = np.asarray(parts, np.int64)
        widened = None if self.widened is None else self.widened[chosen]
        return replace(self, values=self.values[chosen], drawn=self.drawn[:, chosen], widened=widened)

    def wider(self, factor: Floats) -> "Redraws":
        """The same with standard errors times ``factor``, one a part."""
        return replace(self, drawn=self.values + (self.drawn - self.values) * factor, widened=factor)

    def as_drawn(self) -> "Redraws":
        """The same as it was before `wider`."""
        if self.widened is None:
            return self
        return replace(self, drawn=self.values + (self.drawn - self.values) / self.widened, widened=None)

    def with_mean(self) -> "Redraws":
        """The same with the mean over parts that have a value before them."""
        known = np.isfinite(self.values)
        drawn = self.drawn[:, known].mean(axis=1) if known.any() else np.full(len(self.drawn), np.nan)
        value = self.values[known].mean() if known.any() else np.nan
        widened = self.widened
        if widened is not None:
            before = self.as_drawn().drawn[:, known].mean(axis=1) if known.any() else drawn
            ratio = float(np.sqrt(_variance(drawn) / _variance(before))) if _variance(before) > 0 else 1.0
            widened = np.concatenate([[ratio], widened])
        return replace(
            self,
            values=np.concatenate([[value], self.values]),
            drawn=np.concatenate([drawn[:, None], self.drawn], axis=1),
            widened=widened,
        )

    def intervals(self, level: float = LEVEL) -> list[Interval]:
        """One interval a value: percentiles, or t where blocks are fewer than `FEW`.

        It names the mean of the score over redraws of as many stimuli. A median over noisy units differs from the
        median of their true values, and that difference is part of the score.
        """
        return [
            self._percentiles(float(v), d, level) if self.groups >= FEW else self._t(float(v), d, level)
            for v, d in zip(self.values, self.drawn.T, strict=True)
        ]

    def _percentiles(self, value: float, drawn: Floats, level: float) -> Interval:
        return percentile_interval(self.kind, value, drawn, groups=self.groups, level=level)

    def _t(self, value: float, drawn: Floats, level: float) -> Interval:
        finite = drawn[np.isfinite(drawn)]
        se = float(finite.std()) if finite.size > 1 else float("nan")
        return t_interval(
            self.kind, value, se, df=self.groups - 1, groups=self.groups, method="bootstrap", level=level
        )


def redraws(scored: Scored, *, draws: int = DRAWS, seed: int = 0) -> Redraws:
    """Bootstrap over blocks, calibrated for few blocks and for folds of few groups.

    Drawing g blocks out of g gives a variance too small by (g - 1) / g. Beyond that, the mean of each fold takes up
    what its groups share: redraws lose that part of the variance, and the jackknife gives it back twice (2
    groups a fold, strong group effects: standard errors .79 and 1.23 of the truth). The draws are stretched
    so that the mean over units has the geometric mean of both variances, which is right to 5 % from one to eight
    groups a fold. The stretch is taken from the mean because leaving one block out moves a median too
    little to say how it spreads.

    Parameters
    ----------
    scored : Scored
    draws : int
    seed : int
        The same for all models of a board, so that their redraws are paired.
    """
    count = len(scored.blocks)
    drawn = scored.drawn(draws, seed)
    if count < 2:
        return Redraws(scored.values, np.full(drawn.shape, np.nan), count, seed=seed)
    alive = [part[np.isfinite(scored.units[part])] for part in scored.parts]
    mean = Scored(scored.blocks, Statistic("mean"), alive, scored.memory)
    return calibrated(scored.values, drawn, mean.drawn(CALIBRATION_DRAWS, seed), mean.left_out(), seed=seed)


def redraws_of(
    unit_values: Callable[[NDArray[np.number[Any]]], Floats],
    blocks: int,
    units: int,
    parts: Sequence[NDArray[np.integer[Any]]],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    memory: int = MEMORY,
) -> Redraws:
    """Redraws of the median of each part of the units, of any value that follows from a weighting of blocks.

    Parameters
    ----------
    unit_values : callable
        Weightings x blocks -> weightings x units; NaN where there is none.
    blocks, units : int
    parts : sequence of int array
        Units of each.
    draws : int
    seed : int
        The same for all models of a board.
    memory : int
        Bytes that one chunk of draws may take.
    """
    missing = ~np.isfinite(unit_values(np.ones((1, blocks)))[0])

    def regions(weights: NDArray[np.number[Any]], over: Statistic) -> Floats:
        found = unit_values(weights)
        found[:, missing] = np.nan
        return np.stack([over.of(found[:, part]) for part in parts], axis=1)

    def streamed(count: int, over: Statistic) -> Floats:
        chunk = max(1, memory // (8 * 8 * max(1, units)))
        return np.concatenate([regions(w, over) for w in block_weights(blocks, count, seed, chunk=chunk)])

    median, mean = Statistic(), Statistic("mean")
    values = regions(np.ones((1, blocks)), median)[0]
    if blocks < 2:
        return Redraws(values, np.full((draws, len(parts)), np.nan), blocks, seed=seed)
    left_out = np.concatenate([regions(1 - row[None], mean) for row in np.eye(blocks)])
    return calibrated(values, streamed(draws, median), streamed(CALIBRATION_DRAWS, mean), left_out, seed=seed)


def calibrated(
    values: Floats, drawn: Floats, mean_drawn: Floats, mean_left_out: Floats, *, seed: int = 0
) -> Redraws:
    """Redraws from bootstrap values of a median, stretched as `redraws` says.

    Parameters
    ----------
    values : array, parts
    drawn : array, draws x parts
        Bootstrap over blocks.
    mean_drawn : array, draws x parts
        Likewise of means over units.
    mean_left_out : array, blocks x parts
        Means over units with each block left out.
    seed : int
        Of the draws.
    """
    count = len(mean_left_out)
    with np.errstate(invalid="ignore"):
        deviations = drawn - _mean(drawn)
    return Redraws(values, values + deviations * _stretch(mean_drawn, mean_left_out), count, seed=seed)


def with_training(conditional: Redraws, fixed: Floats, retrained: Floats) -> Redraws:
    """The ``procedure`` redraws: those of fixed maps, stretched by what redrawn training adds.

    Each group of `gyral.scores.jackknife.delete_groups` is left out of held-out rows only (T, maps kept) and of training
    rows only (R, all rows scored); the variance is that of fixed maps times 1 + var R / var T, both by
    jackknife for the mean over units. Leaving a group out of both at once, the usual jackknife, counts what a training
    and a held-out stimulus do together twice too often: it covers 98 to 99.5 % instead of 95.

    Parameters
    ----------
    conditional : Redraws
    fixed : array, delete groups x parts
        T: `Scored.left_out` of blocks that are these groups, with ``Statistic("mean")``.
    retrained : array, delete groups x parts
        R: `Scored.values` likewise, of maps fitted on `gyral.scores.jackknife.trained_without`.

    Raises
    ------
    BadArrays
        Shapes differ, or fewer than three groups.
    """
    if fixed.shape != retrained.shape or fixed.shape[1:] != conditional.values.shape or len(fixed) < 3:
        raise BadArrays(
            f"left-out means are {fixed.shape!r} and {retrained.shape!r}, for {len(conditional.values)} values.",
            where="retrained",
        )
    # What a training row and a held-out one do together is in both parts already.
    conditional = conditional.as_drawn()
    tested, trained = jackknife_variance(fixed), jackknife_variance(retrained)
    factor = np.sqrt(1 + np.where(tested > 0, trained / np.where(tested > 0, tested, 1.0), 0.0))
    drawn = conditional.values + (conditional.drawn - conditional.values) * factor
    return replace(conditional, drawn=drawn, groups=min(conditional.groups, len(fixed)), kind="procedure")


def _stretch(mean_drawn: Floats, mean_left_out: Floats) -> Floats:
    """Factor on the draws of each part."""
    count = len(mean_left_out)
    bootstrap = _variance(mean_drawn) * count / (count - 1)
    jackknife = jackknife_variance(mean_left_out)
    usable = (bootstrap > 0) & np.isfinite(bootstrap) & np.isfinite(jackknife)
    ratio = np.where(usable, jackknife / np.where(usable, bootstrap, 1.0), 1.0)
    return np.asarray(ratio**0.25 * np.sqrt(count / (count - 1)))


def _mean(drawn: Floats) -> Floats:
    known = np.isfinite(drawn)
    return np.asarray(np.where(known, drawn, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _variance(drawn: Floats) -> Floats:
    known = np.isfinite(drawn)
    squares = np.where(known, drawn - _mean(drawn), 0.0) ** 2
    return np.asarray(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
