"""Bootstrap: scores of models under redraws of subjects, of stimuli, or of both, by weights.

These are the draws as they are. Their spread is no standard error yet (`gyral.rsa.inference` makes one of them).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.comparator import Comparator
from gyral.scores.resampling import DRAWS, block_weights

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


def draw_counts(number: int, draws: int = DRAWS, seed: int = 0) -> Counts:
    """How often each of ``number`` stimuli (or subjects) is drawn: draws x number; the same for all models of a board."""
    return np.asarray(next(block_weights(number, draws, seed)))


def bootstrap(
    measured: Array,
    predicted: Array,
    comparator: Comparator,
    *,
    subjects: Counts | None = None,
    stimuli: Counts | None = None,
) -> Floats:
    """Mean similarity over subjects of each model under each redraw: draws x models.

    Parameters
    ----------
    measured : array, subjects x pairs
    predicted : array, models x pairs
    comparator : Comparator
    subjects : int array, draws x subjects, optional
        Redraws of subjects cost nothing: similarities of the subjects are weighed.
    stimuli : int array, draws x samples, optional
        With both, draw by draw together.

    Raises
    ------
    BadArrays
        Neither is drawn, or the numbers of draws differ.
    """
    if subjects is None:
        if stimuli is None:
            raise BadArrays("nothing is drawn.", where="subjects, stimuli", code="shape")
        return np.asarray(comparator.redrawn(measured, predicted, stimuli).mean(axis=1))
    weights = subjects / subjects.sum(axis=1, keepdims=True)
    if stimuli is None:
        return np.asarray(weights @ comparator.similarity(measured, predicted))
    if len(subjects) != len(stimuli):
        raise BadArrays(
            f"{len(subjects)} draws of subjects, {len(stimuli)} of stimuli.", where="subjects, stimuli"
        )
    return np.asarray(np.einsum("ds,dsm->dm", weights, comparator.redrawn(measured, predicted, stimuli)))
