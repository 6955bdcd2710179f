"""Left: when next to nothing is left of a score without nuisances; one rule for records, stored scores and boards.

Imports nothing, so that a web process can ask.
"""

# R2 beyond nuisances below which nothing is left: a model that is itself a nuisance comes out within this of 0.
LEAST_LEFT = 0.005
# Partial correlation below which nothing is left: RDMs of nuisances and of columns that nothing reads leave .01 to .04, since
# nobody knows how units weigh the columns of a band (`tests/benchmarks/coverage_rsa.py partial`); squared it is half of `LEAST_LEFT`.
LEAST_PARTIAL = 0.05


def nothing_left(
    unique_r2: float | None,
    unique_low: float | None,
    partial: float | None = None,
    partial_low: float | None = None,
) -> bool:
    """True where what is left is below `LEAST_LEFT` (R2) or `LEAST_PARTIAL` (a partial correlation), or its interval reaches
    0 or below."""
    if partial_low is not None:
        return partial_low <= 0 or (partial or 0.0) < LEAST_PARTIAL
    return unique_low is not None and (unique_low <= 0 or (unique_r2 or 0.0) < LEAST_LEFT)
