"""Smooth noise: random features that drift as slowly as a story does."""

import numpy as np

from gyral.canaries.case import Array, Case
from gyral.canaries.finding import Finding
from gyral.canaries.oasm import MEND
from gyral.canaries.scored import DRAWS, drawn_cells
from gyral.canaries.verdict import judge, not_applicable, why_not
from gyral.datasets.split import Rows

NAME, TITLE = "smooth-noise", "Smooth noise"
FEATURES = 50
PHI = 0.95


def smooth_noise(case: Case) -> Finding:
    """Score draws of autoregressive noise along the order of samples, drawn anew for every group.

    With groups held out whole, training says nothing of the sign of the features in a held-out group, so that the mean
    over draws is exactly 0 for any responses.
    """
    tested = (
        f"{FEATURES} features of AR(1) noise (phi {PHI}) along the order of samples"
        + (", drawn anew for every group" if case.groups is not None else "")
        + f"; up to {DRAWS} draws"
    )
    if case.problem is None or not case.problem.split.folds:
        return not_applicable(NAME, TITLE, tested, why_not(case))

    def draw(number: int) -> Array:
        rng = np.random.default_rng([case.seed, 0x0153, number])
        return autoregressive(case.samples, FEATURES, rng, case.groups)[case.rows]

    found = drawn_cells(case.problem, draw, case.seed)
    return judge(NAME, TITLE, tested, found, mend=MEND)


def autoregressive(
    samples: int, features: int, rng: np.random.Generator, groups: Rows | None = None, phi: float = PHI
) -> Array:
    """Stationary AR(1) noise of variance 1, samples x features; each run of a group starts anew."""
    from scipy.signal import lfilter  # slow import, and `gyral list` never comes here

    shock = rng.standard_normal((samples, features))
    starts = np.zeros(1, np.int64) if groups is None else np.flatnonzero(np.diff(groups, prepend=-1))
    out = np.empty_like(shock)
    for start, stop in zip(starts, [*starts[1:], samples], strict=True):
        part = shock[start:stop] * np.sqrt(1 - phi**2)
        part[0] = shock[start]
        out[start:stop] = lfilter([1.0], [1.0, -phi], part, axis=0)
    return out
