"""Partial: how alike RDMs are when others are held constant.

Of RDMs as a comparator sees them (unit vectors: scaled, ranks, clipped ranks), with C their inner products and N the RDMs to
be held constant, subject s and model m leave residuals of the linear regression on N, whose cosine is the partial
correlation::

    c(s, m) = C_sm - C_sN C_NN^-1 C_Nm
    partial = c(s, m) / sqrt(c(s, s) c(m, m))

so that redraws of stimuli follow from redrawn inner products alone. A model of which N leaves nothing has partial 0.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.comparator import Mask, PairSums, Product
from gyral.rsa.inference import pair_redraws
from gyral.rsa.vector import samples_of
from gyral.scores.conditional import Redraws

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Enough for percentiles of figures that are read to two digits.
DRAWS = 400
# RDMs to be held constant that are alike to this share are one; so much of a model's variance is rounding.
_ALIKE, _ROUNDING = 1e-6, 1e-9


def partial_of_gram(gram: Floats, subjects: int) -> Floats:
    """Partial correlations from inner products: ... x n x n -> ... x subjects.

    Parameters
    ----------
    gram : array, ... x n x n
        Of the RDMs of subjects, then of the model, then of those to be held constant.
    subjects : int
    """
    model, held = subjects, slice(subjects + 1, None)
    inverse = np.linalg.pinv(np.nan_to_num(gram[..., held, held]), rcond=_ALIKE, hermitian=True)
    with_held = gram[..., : subjects + 1, held]
    rest = gram[..., : subjects + 1, : subjects + 1] - with_held @ inverse @ np.swapaxes(with_held, -1, -2)
    own = np.diagonal(rest, axis1=-2, axis2=-1)
    square = own[..., :subjects] * own[..., [model]]
    flat = (own[..., :subjects] <= _ROUNDING) | (own[..., [model]] <= _ROUNDING)
    return np.asarray(np.where(flat, 0.0, rest[..., :subjects, model] / np.sqrt(np.where(flat, 1.0, square))))


def partial_redraws(
    measured: Array,
    models: Sequence[Array],
    constant: Array,
    masks: Sequence[Mask],
    comparator: Product,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Redraws:
    """Partial correlation of each subject, mean over folds weighted by their pairs, and its redraws of stimuli.

    Parameters
    ----------
    measured : array, subjects x pairs
    models : sequence of array, pairs
        One a fold.
    constant : array, RDMs x pairs
        To be held constant.
    masks : sequence of bool array, pairs
        Pairs that each fold is scored on.
    comparator : Product
    draws : int
    seed : int
        The same for all models of a board.
    """
    count, samples = len(measured), samples_of(measured.shape[1])
    counts = np.concatenate([draw_counts(samples, draws, seed), 1 - np.eye(samples)])
    shown, redrawn = [], []
    for model, mask in zip(models, masks, strict=True):
        every = np.concatenate([measured, model[None], constant]).astype(np.float64)
        gram = comparator.similarity(every[:, mask], every[:, mask])
        shown.append((np.array([[mask.sum()]], np.float64), partial_of_gram(gram, count)[None]))
        grams = comparator.redrawn(every, every, counts, mask)
        known = np.isfinite(grams.reshape(len(grams), -1)).all(axis=1, keepdims=True)
        found = np.where(known, partial_of_gram(grams, count), np.nan)
        redrawn.append((PairSums(counts, len(mask), mask).total, found))
    found = mean_over_folds(redrawn)[:, :, None]
    values = mean_over_folds(shown)[0][:, None]
    (both,) = pair_redraws(values, found[:-samples], found[-samples:], seed=seed)
    return both


def mean_over_folds(parts: Iterable[tuple[Floats, Floats]]) -> Floats:
    """Mean over folds weighted by pairs: of (pairs: draws x 1, values: draws x subjects) each, draws x subjects.

    A draw that leaves a fold without pairs is scored on the other folds.
    """
    total, weight = np.zeros(()), np.zeros(())
    for pairs, values in parts:
        known = np.isfinite(values).all(axis=1, keepdims=True) & (pairs > 0)
        total = total + np.where(known, pairs * np.where(known, values, 0.0), 0.0)
        weight = weight + np.where(known, pairs, 0.0)
    return np.asarray(np.where(weight > 0, total / np.maximum(weight, 1), np.nan))
