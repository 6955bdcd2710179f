"""Finding: what one canary saw."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Verdict = Literal["pass", "warn", "refuse", "not-applicable"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CanaryScore(_Table):
    """The score of a canary where it scored best: one region and one of its settings.

    Parameters
    ----------
    region, setting : str
    value : float
        Pearson r in each fold, mean over folds by their rows, then over the region's units (and over draws).
    low, high : float
        95 % interval over blocks of held-out stimuli, and over draws of the canary's features where it has draws.
    bound : float
        One-sided 99.9 % lower bound, corrected for the number of cells.
    cells : int
        Regions x settings that were looked at.
    df : float
        Degrees of freedom of the interval.
    draws : int
        Draws of the canary's features; 0 where nothing in it is random.
    """

    region: str
    setting: str
    value: float
    low: float
    high: float
    bound: float
    cells: int
    df: float
    draws: int = 0


class Finding(_Table):
    """What one canary saw in a dataset under a split.

    Parameters
    ----------
    canary : str
        Name of the canary.
    title : str
        The same for a page.
    verdict : {"pass", "warn", "refuse", "not-applicable"}
        "refuse": the split must not score a board.
    tested : str
        What was done, in a sentence.
    reason : str
        Why the verdict is what it is, in plain words.
    mend : str
        What to do about it; empty for "pass" and "not-applicable".
    score : CanaryScore, optional
        Of canaries that score.
    facts : dict
        What else was seen: plain JSON values.
    """

    canary: str
    title: str
    verdict: Verdict
    tested: str
    reason: str
    mend: str = ""
    score: CanaryScore | None = None
    facts: dict[str, Any] = Field(default_factory=dict)
