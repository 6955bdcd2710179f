"""Shared position: how far the place in a story or passage goes by itself. It may score; the value is a floor."""

import numpy as np

from gyral.canaries.case import Array, Case
from gyral.canaries.finding import Finding
from gyral.canaries.scored import cells
from gyral.canaries.verdict import not_applicable, score_of, why_not
from gyral.datasets.split import Rows

NAME, TITLE = "position", "Shared position (floor)"
BASES = 10
_LEAST = 4  # rows of a group that has places worth the name


def shared_position(case: Case) -> Finding:
    """Score ten radial bases of the place in the group, the same for every group.

    Responses may well depend on whether a story begins or ends; that is no leak, but a model must beat it.
    """
    tested = f"{BASES} radial bases of the place in a group, the same for every group"
    if case.problem is None or not case.problem.split.folds:
        return not_applicable(NAME, TITLE, tested, why_not(case))
    if case.groups is None:
        return not_applicable(NAME, TITLE, tested, "The dataset has no groups, so no sample has a place in one.")
    if np.bincount(case.groups).max() < _LEAST:
        return not_applicable(NAME, TITLE, tested, f"No group has {_LEAST} samples.")
    bases = radial(place_in_group(case.groups))[case.rows]
    found = cells(case.problem, {"": bases}, case.seed)
    known = [c for c in found if np.isfinite(c.value)]
    if not known:
        return not_applicable(NAME, TITLE, tested, "No region has units that change in every held-out fold.")
    best = max(known, key=lambda c: c.value)
    return Finding(
        canary=NAME,
        title=TITLE,
        verdict="pass",
        tested=tested,
        reason=f"The place alone reaches r = {best.value:.3f} in {best.region}: a floor, no leak.",
        score=score_of(best, len(known)),
        facts={"floor": {c.region: round(c.value, 4) for c in known}},
    )


def place_in_group(groups: Rows) -> Rows:
    """Number of each sample inside its group, from 0."""
    out = np.zeros(len(groups), np.int64)
    for code in np.unique(groups):
        mine = np.flatnonzero(groups == code)
        out[mine] = np.arange(len(mine))
    return out


def radial(places: Rows, bases: int = BASES) -> Array:
    """Gaussian bumps spread over the places, rows x bases."""
    centres = np.linspace(0, max(int(places.max()), 1), bases)
    width = centres[1] - centres[0]
    return np.asarray(np.exp(-((places[:, None] - centres) ** 2) / (2 * width**2)))
