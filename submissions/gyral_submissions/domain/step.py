"""Step: one part of an evaluation, as the child tells it and the run page shows it."""

from typing import TypedDict

MOST = 100  # steps kept of one attempt


class Step(TypedDict):
    """``done`` of ``total`` parts of ``step`` after ``seconds``."""

    step: str
    done: int
    total: int
    seconds: float


def told(steps: tuple[Step, ...], latest: Step) -> tuple[Step, ...]:
    """``steps`` with the latest news: of the current step, or of a new one.

    >>> first = told((), Step(step="features", done=1, total=2, seconds=0.5))
    >>> [s["done"] for s in told(first, Step(step="features", done=2, total=2, seconds=1.0))]
    [2]
    """
    before = steps[:-1] if steps and steps[-1]["step"] == latest["step"] else steps
    return (*before[-(MOST - 1) :], latest)


def remaining_seconds(current: Step) -> float | None:
    """How long the rest of the step takes if it goes on as it did; None before the first part is done."""
    if not current["done"]:
        return None
    return current["seconds"] / current["done"] * (current["total"] - current["done"])
