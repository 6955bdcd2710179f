"""Pairs: how much wider a score scatters because folds train on one another's rows.

A prediction is a sum over training rows, so that r adds up over pairs of rows, ``h_ij y_i y_j`` where i is held out and
j trained on. In another fold j is held out and i trained on: the pair enters twice, by the same product. Redraws of held-out
rows under fitted maps take the two for independent. What maps owe to stimuli in general scatters as redraws say;
what they owe to the very rows they were trained on scatters with twice that variance. With ``s`` the share of the
second in the variance of the predictions, standard errors are ``sqrt(1 + s)`` of what redraws show: 1.41 of them where
there is no signal at all, 1.0 where maps are sure.

What a second prediction q explains beyond a first p, ``sum (y - p)^2 - (y - q)^2 = sum (q - p)(2y - p - q)``, is such a sum
as well, with ``q - p`` for the prediction and what p leaves, ``y - p``, for the response: `twice_beyond`.

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


def twice_beyond(problem: Problem, region: Region, without: Array | None, of: Array, gain: Array | None) -> Floats:
    """Likewise of what one prediction explains beyond another: share of the variance of their difference.

    Parameters
    ----------
    problem : Problem
    region : Region
    without, of : array, samples x units of the region
        Out-of-fold predictions; ``without`` None is the mean of training rows.
    gain : array, folds x units of the region, or None
        G of their difference; None where it is not known.

    Returns
    -------
    float64 array, units
        NaN where the two never differ: nothing scatters.
    """
    measured = np.asarray(problem.responses[:, region.units], np.float64)
    rest, more = (measured, of) if without is None else (measured - without, of - without)
    noise, total, shared = np.zeros((3, len(region)))
    for k, fold in enumerate(problem.split.folds):
        y, d = _both(rest[fold.test], more[fold.test])
        of_y, of_d = _variance(y), _variance(d)
        total += len(fold.test) * of_d
        if gain is not None:
            noise += len(fold.test) * np.where(of_d > 0, gain[k], 0.0) * of_y
        shared += len(fold.test) * _covariance(y, d) / np.sqrt(np.where(of_y > 0, of_y, 1.0))
    some = total > 0
    safe = np.where(some, total, 1.0)
    if len(problem.split.folds) < 2:
        return np.where(some, 0.0, np.nan)
    rows = len(problem.split.held_out)
    unexplained = 1 - np.maximum(shared / np.sqrt(rows * safe), 0.0) ** 2
    length = 1.0 if problem.exchangeable else _length(rest, more, problem.split)
    share = unexplained if gain is None else np.minimum(1.0, length * noise / safe)
    return np.where(some, np.where(np.isfinite(share), share, unexplained), np.nan)


def widened_by(shares: Array, parts: Sequence[NDArray[np.integer[Any]]]) -> Floats:
    """``sqrt(1 + s)`` of each part, s the mean over its units; 1 where none has a share."""
    known = [shares[part][np.isfinite(shares[part])] for part in parts]
    return np.sqrt([1 + (own.mean() if len(own) else 0.0) for own in known])


def _share(problem: Problem, region: Region, predicted: Array, gain: Floats, unexplained: Floats) -> Floats:
    measured, split = problem.responses, problem.split
    length = 1.0 if problem.exchangeable else _length(measured[:, region.units], predicted, split)
    total, rows = np.zeros(len(region)), 0
    for k, fold in enumerate(split.folds):
        y, p = _both(np.asarray(measured[:, region.units][fold.test], np.float64), predicted[fold.test])
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


def _both(first: Array, second: Array) -> tuple[Array, Array]:
    """The two where both are known; NaN elsewhere."""
    known = np.isfinite(first) & np.isfinite(second)
    return np.where(known, first, np.nan), np.where(known, second, np.nan)


def _variance(values: Array) -> Floats:
    return _covariance(values, values)


def _covariance(first: Array, second: Array) -> Floats:
    """Of columns with the same rows known."""
    known = np.isfinite(first)
    count = np.maximum(known.sum(axis=0), 1)
    a, b = (np.where(known, v - np.where(known, v, 0.0).sum(axis=0) / count, 0.0) for v in (first, second))
    return np.asarray((a * b).sum(axis=0) / count, np.float64)
