"""Metrics: numbers from measured and predicted responses; ``METRICS`` names them all."""

from gyral.registry import Registry

METRICS = Registry(
    "metric",
    {
        "pearson": "gyral.metrics.correlation:pearson_r",
        "r2": "gyral.metrics.correlation:r2_score",
        "rsa-spearman": "gyral.metrics.rsa:spearman_similarity",
    },
    {
        "pearson": "Pearson r per unit within each held-out fold",
        "r2": "out-of-sample R2 per unit against each fold's training mean",
        "rsa-spearman": "Spearman rho-a between correlation RDMs",
    },
)
