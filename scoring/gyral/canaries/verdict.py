"""Verdict: when a canary scores, and what is said of it.

A canary scores where its r is above `MEAN` *and* a one-sided lower bound of `TAIL`, corrected for the number of cells
(regions x settings), lies above 0. The first keeps a refusal from resting on an effect nobody would see on a board,
the second from resting on luck. Rates of false refusals are measured in tests/benchmarks/leakage.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gyral.canaries.case import Case
from gyral.canaries.finding import CanaryScore, Finding
from gyral.scores.confidence import t_quantile

MEAN = 0.02
TAIL = 0.001
LEVEL = 0.95
NO_RESPONSES = "The dataset publishes dissimilarities only: there are no responses that a canary could predict."
NO_MEASUREMENTS = "The dataset publishes choices only: there are no responses that a canary could predict."
NO_FOLD = "No fold holds out three samples."


@dataclass(frozen=True)
class Cell:
    """Value of one region under one setting, and how sure it is.

    Parameters
    ----------
    region, setting : str
    value : float
        r in each fold, mean over folds by their rows, over units (and over draws); NaN where there is none.
    se : float
        Standard error over blocks and draws.
    df : float
        Degrees of freedom of the standard error.
    draws : int
        0 where nothing is random.
    """

    region: str
    setting: str
    value: float
    se: float
    df: float
    draws: int = 0

    def bound(self, count: int) -> float:
        """One-sided lower bound of a cell among ``count``."""
        return self.value - t_quantile(1 - TAIL / count, self.df) * self.se


def judge(
    canary: str, title: str, tested: str, found: Sequence[Cell], *, mend: str, facts: dict[str, Any] | None = None
) -> Finding:
    """The finding of a canary that must not score: refused where any cell scores by the rule above."""
    known = [c for c in found if np.isfinite(c.value)]
    if not known:
        return not_applicable(canary, title, tested, "No region has units that change in every held-out fold.")
    singing = [c for c in known if c.value > MEAN and c.bound(len(known)) > 0]
    best = max(singing or known, key=lambda c: c.value)
    score = score_of(best, len(known))
    where = best.region + (f" ({best.setting})" if best.setting else "")
    if singing:
        reason = (
            f"It knows nothing of the stimuli and reaches r = {score.value:.3f} in {where}, "
            f"99.9 % bound {score.bound:.3f}: information passes from training to held-out rows."
        )
    elif all(c.value == 0 and c.se == 0 for c in known):
        reason = "Its predictions are constant in every held-out fold: it scores exactly 0."
    elif score.value <= MEAN:
        reason = f"It reaches r = {score.value:.3f} at best, in {where}."
    else:
        reason = f"It reaches r = {score.value:.3f} at best, in {where}; its 99.9 % bound is {score.bound:.3f}."
    return Finding(
        canary=canary,
        title=title,
        verdict="refuse" if singing else "pass",
        tested=tested,
        reason=reason,
        mend=mend if singing else "",
        score=score,
        facts=facts or {},
    )


def score_of(cell: Cell, count: int) -> CanaryScore:
    """The cell with its 95 % interval and its corrected 99.9 % bound."""
    reach = t_quantile((1 + LEVEL) / 2, cell.df) * cell.se
    return CanaryScore(
        region=cell.region,
        setting=cell.setting,
        value=cell.value,
        low=cell.value - reach,
        high=cell.value + reach,
        bound=cell.bound(count),
        cells=count,
        draws=cell.draws,
        df=cell.df,
    )


def why_not(case: Case) -> str:
    """Why nothing can be scored of a case without responses or without folds."""
    if case.dataset.triplets is not None:
        return NO_MEASUREMENTS
    return NO_RESPONSES if case.problem is None else NO_FOLD


def not_applicable(canary: str, title: str, tested: str, reason: str) -> Finding:
    """The finding of a canary that has nothing to say here."""
    return Finding(canary=canary, title=title, verdict="not-applicable", tested=tested, reason=reason)
