"""Temporal kernel: a baseline that knows when a sample came, and nothing else."""

import numpy as np

from gyral.canaries.case import Array, Case
from gyral.canaries.finding import Finding
from gyral.canaries.oasm import MEND
from gyral.canaries.scored import cells
from gyral.canaries.verdict import judge, not_applicable, why_not
from gyral.datasets.split import Rows

NAME, TITLE = "temporal-kernel", "Temporal kernel (position only)"
LENGTHS = (5, 25, 100)
RANK = 128


def temporal_kernel(case: Case) -> Finding:
    """Score the leading singular vectors of exp(-|i - j| / length) over the order of all samples.

    Unlike the other two it does not stop at borders of groups: it sees drifts that run through them, and borders that
    lack a gap.
    """
    tested = (
        f"The leading {RANK} singular vectors of exp(-|i - j| / length) over the order of samples, "
        f"length {', '.join(map(str, LENGTHS))}"
    )
    if case.problem is None or not case.problem.split.folds:
        return not_applicable(NAME, TITLE, tested, why_not(case))
    spaces = {f"length {length}": singular_vectors(case.rows, length) for length in LENGTHS}
    found = cells(case.problem, spaces, case.seed)
    return judge(NAME, TITLE, tested, found, mend=MEND)


def singular_vectors(times: Rows, length: float, rank: int = RANK) -> Array:
    """Leading eigenvectors of exp(-|i - j| / length) times the root of their eigenvalues: rows x rank."""
    from scipy.linalg import eigh  # slow import, and `gyral list` never comes here

    kernel = np.exp(-np.abs(times[:, None] - times[None, :]) / length)
    count = len(times)
    values, vectors = eigh(kernel, subset_by_index=(max(0, count - rank), count - 1))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0)), np.float32)
