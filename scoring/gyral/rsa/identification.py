"""Identification: can a region be told from its RDM in other people? A property of a dataset, not of a model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.scores.confidence import LEVEL, Interval, t_interval
from gyral.scores.hierarchy import FEW_SUBJECTS

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Identification:
    """Leave-one-subject-out nearest-centroid classification of regions.

    Parameters
    ----------
    named : int array, subjects x regions
        Region that each RDM was taken for.
    """

    named: NDArray[np.int64]

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Subjects x regions: taken for what it is."""
        return np.asarray(self.named == np.arange(self.named.shape[1]))

    @property
    def accuracy(self) -> float:
        """Share of hits, in [0, 1]."""
        return float(self.hits.mean())

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / int(self.named.shape[1])

    @property
    def confusion(self) -> Floats:
        """True region x named region, rows summing to 1."""
        regions = self.named.shape[1]
        counts = [np.bincount(self.named[:, r], minlength=regions) for r in range(regions)]
        return np.stack(counts) / len(self.named)

    def interval(self, level: float = LEVEL) -> Interval:
        """t over subjects; NaN limits with fewer than `gyral.scores.hierarchy.FEW_SUBJECTS`."""
        own = self.hits.mean(axis=1)
        count = len(own)
        se = float(own.std(ddof=1) / np.sqrt(count)) if count >= FEW_SUBJECTS else float("nan")
        return t_interval("subjects", self.accuracy, se, df=count - 1, groups=count, level=level)


def identify(rdms: Array) -> Identification:
    """Name each subject's regions by the nearest mean (Euclidean) of the other subjects' RDMs.

    Transform the RDMs first where that is wanted (`gyral.rsa.topology.geo_topological`).

    Parameters
    ----------
    rdms : array, subjects x regions x pairs

    Raises
    ------
    BadArrays
        Fewer than two subjects or regions, or NaN.
    """
    x = np.asarray(rdms, np.float64)
    if x.ndim != 3 or min(x.shape[:2]) < 2:
        raise BadArrays(f"shape {x.shape} is not subjects x regions x pairs, two or more each.", where="rdms")
    if not np.isfinite(x).all():
        raise BadArrays("an RDM has NaN or infinite entries.", where="rdms", code="rdm-finite")
    centroids = (x.sum(axis=0) - x) / (len(x) - 1)  # subjects x regions x pairs, of the others
    # |x - c|^2 less |x|^2, which is the same for all centroids.
    distance = (centroids**2).sum(axis=2)[:, None, :] - 2 * np.einsum("srp,scp->src", x, centroids, optimize=True)
    return Identification(np.asarray(distance.argmin(axis=2), np.int64))
