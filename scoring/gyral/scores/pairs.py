"""Pairs: how much wider a score scatters because folds train on one another's rows.

A prediction is a sum over training rows, so that r adds up over pairs of rows, ``h_ij y_i y_j`` where i is held out and
j trained on. In another fold j is held out and i trained on: the pair enters twice, by the same product. Redraws of held-out
rows under fitted maps take the two for independent. What maps owe to stimuli in general scatters as redraws say;
what they owe to the very rows they were trained on scatters with twice that variance. With ``s`` the share of the
second in the variance of the predictions, standard errors are ``sqrt(1 + s)`` of what redraws show: 1.41 of them where
there is no signal at all, 1.0 where maps are sure.

For weighted sums of training responses with squared weights adding up to G (`gyral.readouts.readout.Weighing`) ::

    s = min(1, tau G var(y) / var(p)),   tau = 1 + 2 sum_k rho_y(k) rho_p(k)

with variances over held-out rows and, of stimuli in an order or in groups, autocorrelations of responses and predictions
inside folds, which noise and features that go on for a while have in common (Bartlett 1946). Where a readout does not
say G, all that it leaves unexplained is taken for such: ``s = 1 - r^2``, the wide side. Simulated in
tests/benchmarks/coverage.py (``fitted``).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.datasets.split import Split
from gyral.scores.blocks import autocorrelation, pairs_of_lags
from gyral.scores.problem import Problem

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]


def twice(
    problem: Problem, region: Region, predictions: Sequence[Array], gains: Sequence[Array | None], r: Array
) -> Floats:
    """Share of each unit's variance of predictions that enters a score twice, between 0 and 1.

    Parameters
    ----------
    problem : Problem
    region : Region
    predictions : sequence of array, samples x units of the region
        Out-of-fold, one a model draw.
    gains : sequence of (array, folds x units of the region, or None)
        G of each fold, one a model draw; None or NaN where the readout does not say.
    r : array, units of the region
        NaN where a unit has no score; it has no share either.
    """
    if len(problem.split.folds) < 2:
        return np.zeros(len(region))
    unexplained = 1 - np.maximum(np.nan_to_num(r), 0.0) ** 2
    shares = [
        unexplained if gain is None else _share(problem, region, p, np.asarray(gain, np.float64), unexplained)
        for p, gain in zip(predictions, gains, strict=True)
    ]
    return np.where(np.isfinite(r), np.mean(shares, axis=0), np.nan)


def widened_by(shares: Array, parts: Sequence[NDArray[np.integer[Any]]]) -> Floats:
    """``sqrt(1 + s)`` of each part, s the mean over its units; 1 where none has a share."""
    known = [shares[part][np.isfinite(shares[part])] for part in parts]
    return np.sqrt([1 + (own.mean() if len(own) else 0.0) for own in known])


def _share(problem: Problem, region: Region, predicted: Array, gain: Floats, unexplained: Floats) -> Floats:
    measured, split = problem.responses, problem.split
    length = 1.0 if problem.exchangeable else _length(measured[:, region.units], predicted, split)
    total, rows = np.zeros(len(region)), 0
    for k, fold in enumerate(split.folds):
        y = np.asarray(measured[:, region.units][fold.test], np.float64)
        y = np.where(np.isfinite(predicted[fold.test]), y, np.nan)
        p = np.where(np.isfinite(y), predicted[fold.test], np.nan)
        of_y, of_p = _variance(y), _variance(p)
        # A prediction that is constant owes nothing to any row.
        total += len(fold.test) * np.where(of_p > 0, gain[k] * of_y / np.where(of_p > 0, of_p, 1.0), 0.0)
        rows += len(fold.test)
    share = np.minimum(1.0, length * total / rows)
    return np.where(np.isfinite(share), share, unexplained)


def _length(measured: Array, predicted: Array, split: Split) -> float:
    """tau, from autocovariances added over units."""
    both = autocorrelation(measured, split) * autocorrelation(predicted, split)
    return max(1.0, float(2 * pairs_of_lags(both).sum() - 1))


def _variance(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    squares = np.where(known, values - mean, 0.0) ** 2
    return np.asarray(squares.sum(axis=0) / count)
