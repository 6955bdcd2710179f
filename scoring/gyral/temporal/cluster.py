"""Clusters of times at which subjects agree: mne's cluster permutation test by sign flips."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# With fewer subjects there are too few sign flips for any p below .05.
LEAST_SUBJECTS = 6


@dataclass(frozen=True, eq=False)
class Clusters:
    """Stretches of times above chance, corrected over all times.

    Parameters
    ----------
    p : array, times
        That of the cluster a time belongs to; 1 outside clusters. A cluster as a whole is significant: its
        first time is no onset (Sassenhagen and Draschkow 2019, Psychophysiology 56, e13335).
    spans : tuple of (int, int)
        First and last time of each cluster, both included.
    statistic : array, times
        t over subjects.
    """

    p: Floats
    spans: tuple[tuple[int, int], ...]
    statistic: Floats


def cluster_test(
    curves: Array, *, chance: float = 0.0, threshold: float | None = None, draws: int = 1000, seed: int = 0
) -> Clusters:
    """One-sided test that the mean over subjects lies above chance, clusters of neighbouring times at once.

    Parameters
    ----------
    curves : array, subjects x times
        Scores of each subject (similarity, accuracy ...).
    chance : float
        Taken off first.
    threshold : float, optional
        t from which on times form clusters; default: p < .05 at a single time.
    draws : int
        Sign flips, at most all 2^subjects.
    seed : int

    Raises
    ------
    BadArrays
        Fewer than six subjects (``too-few-subjects``), not two axes, or missing values.
    """
    values = np.asarray(curves, np.float64) - chance
    if values.ndim != 2 or not np.isfinite(values).all():
        raise BadArrays("curves must be subjects x times without missing values.", where="curves", code="shape")
    if len(values) < LEAST_SUBJECTS:
        raise BadArrays(
            f"{len(values)} subjects; at least {LEAST_SUBJECTS} are needed to flip signs.",
            where="curves",
            mend="With fewer subjects test each by itself over stimuli (`gyral.curves`).",
            code="too-few-subjects",
        )
    from mne.stats import permutation_cluster_1samp_test  # slow import
    from scipy.stats import t

    least = float(t.isf(0.05, len(values) - 1)) if threshold is None else threshold
    found, clusters, p_values, _ = permutation_cluster_1samp_test(
        values, threshold=least, n_permutations=draws, tail=1, out_type="indices", seed=seed, verbose="error"
    )
    p, spans = np.ones(values.shape[1]), []
    for (times,), own in zip(clusters, p_values, strict=True):
        p[times] = own
        spans.append((int(times[0]), int(times[-1])))
    return Clusters(p, tuple(spans), np.asarray(found, np.float64))
