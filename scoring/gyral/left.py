"""Left: when next to nothing is left of a score without nuisances; one rule for records, stored scores and boards.

Imports nothing, so that a web process can ask.
"""

# R2 beyond nuisances below which nothing is left: a model that is itself a nuisance comes out within this of 0.
LEAST_LEFT = 0.005


def nothing_left(unique_r2: float | None, unique_low: float | None, partial_low: float | None = None) -> bool:
    """True where R2 beyond nuisances is below `LEAST_LEFT`, or its interval (of RDMs: that of partial similarity) reaches
    0 or below."""
    if partial_low is not None:
        return partial_low <= 0
    return unique_low is not None and (unique_low <= 0 or (unique_r2 or 0.0) < LEAST_LEFT)
