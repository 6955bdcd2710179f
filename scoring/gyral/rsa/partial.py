"""Partial: how alike RDMs are when others are held constant.

Of RDMs as a comparator sees them (unit vectors: scaled, ranks, clipped ranks), with C their inner products and N the RDMs to
be held constant, subject s and model m leave residuals of the linear regression on N, whose cosine is the partial
correlation::

    c(s, m) = C_sm - C_sN C_NN^-1 C_Nm
    partial = c(s, m) / sqrt(c(s, s) c(m, m))

so that redraws of stimuli follow from redrawn inner products alone. A model of which N leaves nothing has partial 0.
"""

from collections.abc import Iterable, Mapping, Sequence
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
Part = tuple[Floats, Floats]

# Enough for percentiles of figures that are read to two digits.
DRAWS = 400
# RDMs to be held constant that are alike to this share are one; so much of a model's variance is rounding.
_ALIKE, _ROUNDING = 1e-6, 1e-9


def partial_of_gram(gram: Floats, squares: Floats, held: int) -> Floats:
    """Partial correlations of subjects with models from inner products of RDMs: ... x subjects x models.

    Parameters
    ----------
    gram : array, ... x n x (models + held)
        Of the RDMs of subjects, then of models, then of those to be held constant, with the last two.
    squares : array, ... x n
        Of each with itself.
    held : int
        How many are held constant.
    """
    count = gram.shape[-2] - held
    models = gram.shape[-1] - held
    inverse = np.linalg.pinv(np.nan_to_num(gram[..., count:, models:]), rcond=_ALIKE, hermitian=True)
    with_held = gram[..., :count, models:]
    explained = with_held @ inverse
    theirs = slice(count - models, None)
    rest = gram[..., :count, :models] - explained @ np.swapaxes(with_held[..., theirs, :], -1, -2)
    own = squares[..., :count] - (explained * with_held).sum(axis=-1)
    mine, left = own[..., : count - models, None], own[..., None, theirs]
    flat = (mine <= _ROUNDING) | (left <= _ROUNDING)
    return np.asarray(
        np.where(flat, 0.0, rest[..., : count - models, :] / np.sqrt(np.where(flat, 1.0, mine * left)))
    )


def partial_redraws(
    measured: Mapping[str, Array],
    layers: Array,
    picks: Mapping[str, Sequence[int]],
    constant: Array,
    masks: Sequence[Mask],
    comparator: Product,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Redraws]:
    """Partial correlation of each subject of each region, mean over folds weighted by their pairs, and its redraws of stimuli.

    Parameters
    ----------
    measured : mapping of region to array, subjects x pairs
    layers : array, layers x pairs
        Of the model.
    picks : mapping of region to sequence of int
        Layer of each fold.
    constant : array, RDMs x pairs
        To be held constant.
    masks : sequence of bool array, pairs
        Pairs that each fold is scored on.
    comparator : Product
    draws : int
    seed : int
        The same for all models of a board.
    """
    ends = np.cumsum([len(m) for m in measured.values()])
    rows = {name: slice(end - len(m), end) for (name, m), end in zip(measured.items(), ends, strict=True)}
    samples, held = samples_of(constant.shape[1]), len(constant)
    counts = np.concatenate([draw_counts(samples, draws, seed), 1 - np.eye(samples)])
    shown: dict[str, list[Part]] = {name: [] for name in measured}
    redrawn: dict[str, list[Part]] = {name: [] for name in measured}
    for fold, mask in enumerate(masks):
        chosen = sorted({picks[name][fold] for name in measured})
        # One Gram for all regions: what is held constant, most of it, is the same in each.
        every = np.concatenate([*measured.values(), layers[chosen], constant]).astype(np.float64)
        z, columns = comparator.embedded(every[:, mask]), slice(int(ends[-1]), None)
        values = partial_of_gram(z @ z[columns].T, (z * z).sum(axis=1), held)
        drawn = partial_of_gram(*comparator.redrawn_gram(every, columns, counts, mask), held)
        pairs = PairSums(counts, len(mask), mask).total
        for name, own in rows.items():
            model = chosen.index(picks[name][fold])
            shown[name].append((np.array([[mask.sum()]], np.float64), values[None, own, model]))
            redrawn[name].append((pairs, drawn[:, own, model]))
    return {
        name: _redraws(mean_over_folds(shown[name])[0], mean_over_folds(redrawn[name]), samples, seed)
        for name in rows
    }


def _redraws(values: Floats, found: Floats, samples: int, seed: int) -> Redraws:
    """Of subjects, from draws of stimuli (draws x subjects) below which each of the samples is left out."""
    (both,) = pair_redraws(values[:, None], found[:-samples, :, None], found[-samples:, :, None], seed=seed)
    return both


def mean_over_folds(parts: Iterable[Part]) -> Floats:
    """Mean over folds weighted by pairs: of (pairs: draws x 1, values: draws x subjects) each, draws x subjects.

    A draw that leaves a fold without pairs is scored on the other folds.
    """
    total, weight = np.zeros(()), np.zeros(())
    for pairs, values in parts:
        known = np.isfinite(values).all(axis=1, keepdims=True) & (pairs > 0)
        total = total + np.where(known, pairs * np.where(known, values, 0.0), 0.0)
        weight = weight + np.where(known, pairs, 0.0)
    return np.asarray(np.where(weight > 0, total / np.maximum(weight, 1), np.nan))
