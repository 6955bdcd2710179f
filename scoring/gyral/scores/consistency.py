"""Consistency: how well one brain predicts another, with the noise of both taken out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows
from gyral.scores.agreement import Agreement, Columns, spearman_brown

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# A product of reliabilities this small is noise divided by noise.
LEAST_RELIABLE = 0.05


def noise_corrected(r: Array, predicted_halves: Array, measured_halves: Array) -> Floats:
    """Consistency in ``r``, corrected for the noise of source and target.

    ``corr(P, Y) / sqrt(SB(corr(P1, P2)) SB(corr(Y1, Y2)))`` with Y the responses (means over repeats), Y1 and Y2 means over
    random halves of the repeats, P the predictions by a map fitted on all repeats, P1 and P2 those of maps fitted on each
    half (of the source's repeats too, where it is a brain); SB is Spearman-Brown's 2r / (1 + r).

    Parameters
    ----------
    r, predicted_halves, measured_halves : arrays of one shape
        ``corr(P, Y)``, ``corr(P1, P2)`` and ``corr(Y1, Y2)``, means over draws of the halves.

    Returns
    -------
    array
        May pass 1, since reliabilities are estimates; NaN where their product is at most .05.

    References
    ----------
    Nayebi et al. (2023), arXiv 2305.11772.

    Examples
    --------
    >>> float(noise_corrected(np.array(0.4), np.array(0.5), np.array(0.5)).round(3))
    0.6
    """
    product = np.asarray(spearman_brown(predicted_halves) * spearman_brown(measured_halves))
    # Two negative reliabilities are no reliable pair.
    fine = (product > LEAST_RELIABLE) & (np.asarray(predicted_halves) > 0)
    return np.where(fine, np.asarray(r) / np.sqrt(np.where(fine, product, 1.0)), np.nan)


def consistent(measured: Array, predicted: Array, halves: Sequence[tuple[Array, Array]]) -> Agreement:
    """Evidence for a ceiling: `source_corrected` correlations with what other subjects predict.

    Parameters
    ----------
    measured, predicted : array, samples x units
        Means over repeats, and out-of-fold predictions by maps fitted on them.
    halves : sequence of pairs of array, samples x units
        Predictions by maps fitted on the two halves of the repeats, one pair a draw.
    """

    def combine(r: Floats, rows: Rows, columns: Columns) -> Floats:
        return source_corrected(r[0], r[1:].mean(axis=0))

    pairs = [(0, 1), *((2 + 2 * d, 3 + 2 * d) for d in range(len(halves)))]
    series = [measured, predicted, *(half for both in halves for half in both)]
    width = measured.shape[1]
    return Agreement("consistency", series, width, pairs, combine, bounded=False, out_of_fold=True)


def source_corrected(r: Array, predicted_halves: Array) -> Floats:
    """The ceiling in r2 that follows: signed ``r^2 / SB(corr(P1, P2))``, free of the source's noise but not the target's.

    It bounds the r2 of a model with the mean over the target's repeats: `noise_corrected` squared times the target's
    reliability. Where predictions are less reliable than .05 it stays r^2.
    """
    reliable = spearman_brown(predicted_halves)
    fine = reliable > LEAST_RELIABLE
    return np.sign(r) * np.asarray(r) ** 2 / np.where(fine, reliable, 1.0)
