"""Metrics: numbers from measured and predicted responses; ``METRICS`` names them all.

Those of RDMs are comparators (`gyral.rsa.comparator.Comparator`).
"""

from gyral.registry import Registry

METRICS = Registry(
    "metric",
    {
        "pearson": "gyral.metrics.correlation:pearson_r",
        "r2": "gyral.metrics.correlation:r2_score",
        "rsa-spearman": "gyral.rsa.rank:SPEARMAN",
        "rsa-pearson": "gyral.rsa.comparator:PEARSON",
        "rsa-cosine": "gyral.rsa.comparator:COSINE",
        "trsa-0-100": "gyral.rsa.topology:RANKED",
        "trsa-20-80": "gyral.rsa.topology:GEOTOPOLOGICAL",
        "trsa-40-60": "gyral.rsa.topology:TOPOLOGICAL",
        "trsa-0-30": "gyral.rsa.topology:LOCAL",
    },
    {
        "pearson": "Pearson r per unit within each held-out fold",
        "r2": "out-of-sample R2 per unit against each fold's training mean",
        "rsa-spearman": "Spearman rho-a between correlation RDMs",
        "rsa-pearson": "Pearson r between correlation RDMs",
        "rsa-cosine": "cosine between correlation RDMs",
        "trsa-0-100": "Pearson r between ranks of correlation RDMs",
        "trsa-20-80": "the same after clipping ranks at the quantiles .2 and .8",
        "trsa-40-60": "the same after clipping ranks at the quantiles .4 and .6 (topology)",
        "trsa-0-30": "the same after clipping ranks at the quantile .3 (local geometry)",
    },
)
