"""Metrics: numbers from measured and predicted responses; ``METRICS`` names them all.

Those of RDMs are comparators (`gyral.rsa.comparator.Comparator`), those of identification kinds
(`gyral.metrics.identification.Kind`). What a third party's must be: `gyral.metrics.metric`.
"""

from gyral.registry import Registry

METRICS = Registry(
    "metric",
    {
        "pearson": "gyral.metrics.correlation:pearson_r",
        "r2": "gyral.metrics.correlation:r2_score",
        "identification-2way": "gyral.metrics.identification:TWO_WAY",
        "identification-top1": "gyral.metrics.identification:TOP1",
        "identification-top5": "gyral.metrics.identification:TOP5",
        "identification-top10": "gyral.metrics.identification:TOP10",
        "identification-rank": "gyral.metrics.identification:RANK",
        "identification-features-2way": "gyral.metrics.identification:TWO_WAY",
        "identification-features-top1": "gyral.metrics.identification:TOP1",
        "identification-features-top5": "gyral.metrics.identification:TOP5",
        "identification-features-top10": "gyral.metrics.identification:TOP10",
        "identification-features-rank": "gyral.metrics.identification:RANK",
        "triplet-cosine": "gyral.triplets:cosine",
        "triplet-dot": "gyral.triplets:dot",
        "triplet-correlation": "gyral.triplets:correlation",
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
        "identification-2way": "two-way identification of held-out stimuli, features mapped to responses",
        "identification-top1": "share of held-out stimuli identified at once, features mapped to responses",
        "identification-top5": "share of held-out stimuli among the five likeliest, features mapped to responses",
        "identification-top10": "share of held-out stimuli among the ten likeliest, features mapped to responses",
        "identification-rank": "1 - median relative rank of the right stimulus, features mapped to responses",
        "identification-features-2way": "two-way identification of held-out stimuli, responses mapped to features",
        "identification-features-top1": "share of held-out stimuli identified at once, responses mapped to features",
        "identification-features-top5": "share of held-out stimuli among the five likeliest, responses mapped to features",
        "identification-features-top10": "share of held-out stimuli among the ten likeliest, responses mapped to features",
        "identification-features-rank": "1 - median relative rank of the right stimulus, responses mapped to features",
        "triplet-cosine": "odd-one-out accuracy by cosine similarity of features",
        "triplet-dot": "odd-one-out accuracy by dot product of features",
        "triplet-correlation": "odd-one-out accuracy by Pearson r of features",
        "rsa-spearman": "Spearman rho-a between the dissimilarities of pairs of stimuli in a region and in a layer (their RDMs)",
        "rsa-pearson": "Pearson r between the RDM of a region and that of a layer",
        "rsa-cosine": "cosine between the RDM of a region and that of a layer",
        "trsa-0-100": "Pearson r between ranks of dissimilarities in the RDM of a region and that of a layer",
        "trsa-20-80": "the same after clipping ranks at the quantiles .2 and .8",
        "trsa-40-60": "the same after clipping ranks at the quantiles .4 and .6 (topology)",
        "trsa-0-30": "the same after clipping ranks at the quantile .3 (local geometry)",
    },
)
