"""Groups: passages, stories, runs and people stay on one side, and a border inside a recording has a gap."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.canaries.case import Case
from gyral.canaries.finding import Finding, Verdict
from gyral.datasets.split import contiguous
from gyral.scores.blocks import correlated_rows

NAME, TITLE = "groups", "Whole groups and gaps"
TESTED = "Whether a story, passage, run or person stands on both sides of a fold, and how near training comes to held-out samples"
# Columns of the stimulus table that name what must stay whole; those of the second line may mean something else.
WHOLE = ("passage", "story", "run", "session", "participant")
MAYBE = ("subject", "topic")
# Rows that responses stay correlated for (`correlated_rows`): below it neighbours are as good as independent.
_INDEPENDENT = 2.0
# From here on it is a recording, not a list of items.
_CONTINUOUS = 4.0
_PARTS = 5


def group_integrity(case: Case) -> Finding:
    """Refuse a group on both sides of a fold, and a border inside a slow recording without a gap.

    In a recording of a few hundred samples such a border lets noise score .04 to .13, which the scored canaries see too
    seldom to be relied on (tests/benchmarks/leakage.py): it is refused for what it is. The gap that is asked for is the number of rows for which the responses themselves stay correlated, so that a set of
    independent items in the order of measurement needs none.
    """
    stimuli, groups = case.dataset.stimuli, case.dataset.sample_groups
    named: list[tuple[str, NDArray[Any]]] = []
    if groups is not None:
        named.append(("group", np.asarray(groups)))
    if case.dataset.timeline is None:  # columns are those of stimuli, and rows are samples in time
        named += [(c, stimuli.columns[c]) for c in (*WHOLE, *MAYBE) if c in stimuli.columns]
    broken = {name: found for name, values in named if (found := _both_sides(case, values))}
    facts: dict[str, Any] = {"columns": [name for name, _ in named]}
    facts |= {"broken": {name: found[:5] for name, found in broken.items()}} if broken else {}
    if broken:
        first = next(iter(broken))
        sure = any(name == "group" or name in WHOLE for name in broken)
        count = len(broken[first])
        reason = f"{count} {first}{'s' if count > 1 else ''} stand on both sides of a fold, such as {broken[first][0]!r}."
        mend = "Use the split 'grouped' or 'leave-one-group-out'" + (
            "." if first == "group" else f" with the column {first!r} as groups, or give the column another name."
        )
        return _finding("refuse" if sure else "warn", reason, facts, mend)
    if groups is not None:
        return _finding("pass", f"All {len(set(groups))} groups stand on one side of every fold.", facts)
    return _ungrouped(case, facts)


def _ungrouped(case: Case, facts: dict[str, Any]) -> Finding:
    if not case.dataset.about.ordered:
        return _finding("pass", "The samples are declared to be in no order, and have no groups.", facts)
    if case.problem is None or len(case.rows) < 4 * _PARTS:
        return _finding("pass", "There are no groups, and too few responses in order to say more.", facts)
    # Inside a fifth of the recording: what drifts for longer than that no gap can keep apart.
    rows = correlated_rows(case.problem.responses, contiguous(len(case.rows), _PARTS))
    gap = _gap(case)
    facts |= {"correlated_rows": round(rows, 2), "gap": gap}
    needed = math.ceil(rows)
    if rows < _INDEPENDENT:
        return _finding(
            "pass",
            f"No groups are declared; responses are as good as independent from row to row ({rows:.1f}).",
            facts,
        )
    if gap >= needed:
        return _finding(
            "pass", f"Responses stay correlated for {rows:.1f} rows; the gap at borders is {gap}.", facts
        )
    return _finding(
        "refuse" if rows >= _CONTINUOUS else "warn",
        f"The data are in order and no groups (story, run) are declared; responses stay correlated for {rows:.1f} rows, "
        f"and training comes within {gap} rows of held-out ones.",
        facts,
        f"Declare groups, or leave a gap of {needed} rows at borders (`gap` of the split).",
    )


def _both_sides(case: Case, values: NDArray[Any]) -> list[str]:
    found: dict[str, None] = {}
    for fold in case.split.folds:
        for value in np.intersect1d(values[fold.train], values[fold.test]):
            found[str(value)] = None
    return list(found)


def _gap(case: Case) -> int:
    """Rows between held-out and training rows where they come nearest."""
    nearest = case.samples
    for fold in case.split.folds:
        place = np.searchsorted(fold.train, fold.test)
        before = np.abs(fold.test - fold.train[np.maximum(place - 1, 0)])
        after = np.abs(fold.test - fold.train[np.minimum(place, len(fold.train) - 1)])
        nearest = min(nearest, int(np.minimum(before, after).min()))
    return nearest - 1


def _finding(verdict: Verdict, reason: str, facts: dict[str, Any], mend: str = "") -> Finding:
    return Finding(canary=NAME, title=TITLE, verdict=verdict, tested=TESTED, reason=reason, mend=mend, facts=facts)
