"""Orthogonal autocorrelated baseline: one feature a sample, smeared over its neighbours."""

import numpy as np

from gyral.canaries.case import Array, Case
from gyral.canaries.finding import Finding
from gyral.canaries.scored import cells
from gyral.canaries.verdict import judge, not_applicable, why_not
from gyral.datasets.split import Rows

NAME, TITLE = "oasm", "Orthogonal autocorrelated baseline"
WIDTHS = (1.5, 5.0)
MEND = "Hold out whole groups (story, run, passage), or contiguous folds with a gap."


def oasm(case: Case) -> Finding:
    """Score an identity matrix blurred along the order of samples, inside groups where there are any.

    Row i has exp(-(t_i - t_j)^2 / 2 width^2) in column j. Where groups are held out whole, a held-out row shares no
    column with training, predictions are constant and the score is exactly 0; where neighbours are on both sides, the
    baseline copies each held-out response from them (Hadidi, Feghhi et al. 2026, Nature Communications 17, 5769).
    """
    tested = (
        f"One feature a sample, blurred over its neighbours ({', '.join(f'{w:g}' for w in WIDTHS)} samples"
        + (", inside groups)" if case.groups is not None else ")")
    )
    if case.problem is None or not case.problem.split.folds:
        return not_applicable(NAME, TITLE, tested, why_not(case))
    spaces = {f"width {w:g}": blurred(case.rows, w, case.row_groups) for w in WIDTHS}
    found = cells(case.problem, spaces, case.seed)
    return judge(NAME, TITLE, tested, found, mend=MEND)


def blurred(times: Rows, width: float, groups: Rows | None = None) -> Array:
    """Gaussian of the distance between samples, rows x rows; 0 between groups."""
    distance = times[:, None] - times[None, :]
    out = np.exp(-(distance.astype(np.float64) ** 2) / (2 * width**2))
    out[out < np.exp(-8)] = 0  # beyond four widths
    if groups is not None:
        out[groups[:, None] != groups[None, :]] = 0
    return out.astype(np.float32)
