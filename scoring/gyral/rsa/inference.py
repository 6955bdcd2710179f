"""Inference: what would other stimuli, and other subjects, have given?

A pair of stimuli has an effect of each of its two stimuli, and one of its own. Drawing stimuli with replacement
counts the second kind three times (the variance of m_i m_j is 3), leaving one stimulus out counts it twice; a mean over
new stimuli has it once. So with S the variance of the bootstrap (times n / (n - 1)) and J that of the jackknife, the
variance is ::

    V = 2 J - S,  no less than J / 3

(J / 2 is right where pairs have only effects of their own). The bootstrap alone makes standard errors up to 1.8 times too
wide: tests/benchmarks/coverage_rsa.py. Draws are stretched to have V, for the mean over subjects and for what is each
subject's own, and jointly over models, so that their differences have it as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.rsa.bootstrap import draw_counts
from gyral.rsa.comparator import Comparator
from gyral.rsa.vector import samples_of
from gyral.scores.conditional import Redraws
from gyral.scores.confidence import LEVEL, Interval
from gyral.scores.difference import Comparison, compare
from gyral.scores.hierarchy import FEW_SUBJECTS, EachSubject, crossed, normal_redraws, over_subjects
from gyral.scores.pvalue import false_discovery
from gyral.scores.resampling import DRAWS

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# V / J is one half where pairs have only effects of their own, and 1 where they have none.
_LEAST, _MOST = 1 / 3, 2.0
_RANK = 1e-10


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Models compared with the RDMs of subjects.

    Parameters
    ----------
    values : array, models x subjects
        Similarity.
    intervals : tuple of Interval
        Of each model's mean over subjects: over subjects and stimuli with
        `gyral.scores.hierarchy.FEW_SUBJECTS` or more, else for these subjects.
    p : array, models
        One-sided: the mean is 0 (t).
    q : array, models
        p over the models (Benjamini-Hochberg).
    comparison : Comparison
        All pairs of models, with one error rate for all (max-t).
    lower, upper : float
        Bounds that subjects set; NaN with one.
    redraws : tuple of Redraws
        One a model, one part a subject.
    """

    values: Floats
    intervals: tuple[Interval, ...]
    p: Floats
    q: Floats
    comparison: Comparison
    lower: float
    upper: float
    redraws: tuple[Redraws, ...]


def evaluate_rdms(
    measured: Array,
    predicted: Array,
    comparator: Comparator,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
) -> Evaluation:
    """Score models, with intervals, bounds, p-values and all their differences.

    Parameters
    ----------
    measured : array, subjects x pairs
    predicted : array, models x pairs
        Fixed RDMs: weights fitted to the same stimuli (`gyral.rsa.weighted`) have to be cross-validated.
    comparator : Comparator
    draws : int
    seed : int
        The same for all that is to be compared.
    level : float
        Of intervals and of the comparison.
    """
    values = comparator.similarity(measured, predicted)
    found = redraws(measured, predicted, comparator, draws=draws, seed=seed)
    intervals = tuple(pooled_interval(f, level) for f in found)
    p = np.array([above(i) for i in intervals])
    lower, upper = comparator.bounds(measured)
    return Evaluation(
        values.T, intervals, p, false_discovery(p), compare_redraws(found, level=level), lower, upper, tuple(found)
    )


def redraws(
    measured: Array, predicted: Array, comparator: Comparator, *, draws: int = DRAWS, seed: int = 0
) -> list[Redraws]:
    """Calibrated redraws of stimuli: one a model, one part a subject."""
    samples = samples_of(np.shape(measured)[-1])
    return pair_redraws(
        comparator.similarity(measured, predicted),
        comparator.redrawn(measured, predicted, draw_counts(samples, draws, seed)),
        comparator.redrawn(measured, predicted, 1 - np.eye(samples)),
        seed=seed,
    )


def pair_redraws(values: Floats, drawn: Floats, left_out: Floats, *, seed: int = 0) -> list[Redraws]:
    """Redraws of several models, stretched jointly to the variance that new stimuli give.

    Parameters
    ----------
    values : array, subjects x models
    drawn : array, draws x subjects x models
        Under `draw_counts`; draws with NaN stay NaN.
    left_out : array, samples x subjects x models
        With each stimulus left out.
    seed : int
        Of the draws.
    """
    count = len(left_out)
    known = np.isfinite(drawn).all(axis=(1, 2))
    if count < 3 or known.sum() < 2 or not np.isfinite(left_out).all():
        nothing = np.full(drawn.shape[:2], np.nan)
        return [Redraws(v, nothing, count, seed=seed) for v in values.T]
    e = drawn[known] - drawn[known].mean(axis=0)
    j = left_out - left_out.mean(axis=0)
    shared, shared_j = e.mean(axis=1), j.mean(axis=1)
    own, own_j = e - shared[:, None], j - shared_j[:, None]
    out = np.full(drawn.shape, np.nan)
    out[known] = values + (shared @ _stretch(shared, shared_j, count))[:, None]
    if values.shape[0] > 1:
        flat, flat_j = own.reshape(-1, own.shape[2]), own_j.reshape(-1, own.shape[2])
        out[known] += own @ _stretch(flat, flat_j, count, values.shape[0])
    return [Redraws(v, d, count, seed=seed) for v, d in zip(values.T, np.moveaxis(out, 2, 0), strict=True)]


def pooled_interval(found: Redraws, level: float = LEVEL) -> Interval:
    """Interval of the mean over subjects: crossed with enough of them, else for these subjects and new stimuli."""
    pooled = over_subjects(found, level=level)
    return found.with_mean().intervals(level)[0] if isinstance(pooled, EachSubject) else pooled


def above(interval: Interval, null: float = 0.0) -> float:
    """One-sided p that the value lies no higher than ``null``, by t; NaN without a standard error."""
    from scipy.special import stdtr  # slow import, and `gyral list` never comes here

    if not (np.isfinite(interval.se) and interval.se > 0):
        return float("nan")
    return float(stdtr(interval.df, (null - interval.value) / interval.se))


def compare_redraws(models: Sequence[Redraws], *, level: float = LEVEL) -> Comparison:
    """All pairs of models by their means over subjects (`gyral.scores.difference.compare`).

    Parameters
    ----------
    models : sequence of Redraws
        Of the same subjects and draws.

    Raises
    ------
    BadArrays
        They are not paired.
    """
    first = models[0]
    if len({(m.drawn.shape, m.groups, m.seed) for m in models}) > 1:
        raise BadArrays("redraws of these models are not paired.", where="models", mend="Draw them together.")
    subjects = len(first.values)
    if subjects >= FEW_SUBJECTS:
        found = crossed(models)
        return compare(found.values, normal_redraws(found, draws=len(first.drawn)), df=found.df, level=level)
    values = np.array([m.values.mean() for m in models])
    drawn = np.stack([m.drawn.mean(axis=1) for m in models], axis=1)
    return compare(values, drawn, df=first.groups - 1, level=level)


def _stretch(drawn: Floats, left_out: Floats, count: int, repeated: int = 1) -> Floats:
    """Matrix over models that gives deviations of the bootstrap the covariance V; both are draws x models.

    ``repeated``: subjects whose deviations stand below each other.
    """
    raw = drawn.T @ drawn / len(drawn)
    jackknife = left_out.T @ left_out * (count - 1) / count / repeated
    root, inverse = _roots(jackknife)
    share = 2 * np.eye(len(raw)) - inverse @ (raw * count / (count - 1)) @ inverse
    scale, vectors = np.linalg.eigh(share)
    wanted = root @ (vectors * np.clip(scale, _LEAST, _MOST)) @ vectors.T @ root
    return np.asarray(_roots(raw)[1] @ _roots(wanted)[0])


def _roots(covariance: Floats) -> tuple[Floats, Floats]:
    """Symmetric square root, and its inverse where there is any variance."""
    scale, vectors = np.linalg.eigh(covariance)
    there = scale > _RANK * max(float(scale[-1]), 1e-300)
    length = np.sqrt(np.where(there, scale, 0.0))
    return (vectors * length) @ vectors.T, (
        vectors * np.where(there, 1 / np.where(there, length, 1.0), 0.0)
    ) @ vectors.T
