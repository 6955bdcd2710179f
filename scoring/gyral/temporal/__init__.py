"""When and where layers are read: temporal and spatial scores, RDMs at every time, clusters of times.

``temporal_score`` asks whether deeper layers predict later responses, ``spatial_score`` whether they are best in regions that
lie further along a hierarchy. docs/time.md says what they can and cannot tell.
"""

from gyral.temporal.cluster import Clusters, cluster_test
from gyral.temporal.latency import centre_of_mass, plateau_time
from gyral.temporal.score import LEAST_LAYERS, TemporalScore, score_difference, temporal_score
from gyral.temporal.similarity import rdms_over_time, similarity_over_time
from gyral.temporal.spatial import SpatialScore, spatial_score
from gyral.temporal.surrogate import spun, variogram_surrogates

__all__ = [
    "LEAST_LAYERS",
    "Clusters",
    "SpatialScore",
    "TemporalScore",
    "centre_of_mass",
    "cluster_test",
    "plateau_time",
    "rdms_over_time",
    "score_difference",
    "similarity_over_time",
    "spatial_score",
    "spun",
    "temporal_score",
    "variogram_surrogates",
]
