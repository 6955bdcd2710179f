"""Hierarchy: scores over subjects, and over subjects and stimuli at once.

With values of single subjects under shared redraws of stimuli (`gyral.scores.conditional.Redraws`, one part a
subject), no subjects need be drawn: what a bootstrap over them gives on average is known in closed form.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays
from gyral.scores.conditional import Redraws
from gyral.scores.confidence import LEVEL, Interval, t_interval

Floats = NDArray[np.float64]

# Fewer subjects than this are cases, not a sample.
FEW_SUBJECTS = 6


@dataclass(frozen=True)
class EachSubject:
    """Too few subjects to speak of others: each subject's own ``conditional`` interval, and no pooled one.

    Parameters
    ----------
    intervals : tuple of Interval
        One a subject.
    """

    intervals: tuple[Interval, ...]


@dataclass(frozen=True, eq=False)
class Crossed:
    """Means over subjects, with their covariance over new subjects and new stimuli.

    Parameters
    ----------
    values : array, models
    covariance : array, models x models
    subjects : int
    df : float
        Degrees of freedom of the variances (Satterthwaite), the least over models.
    """

    values: Floats
    covariance: Floats
    subjects: int
    df: float


def with_everyone(redraws: Redraws, *, level: float = LEVEL) -> tuple[Redraws, list[Interval]]:
    """The mean over subjects before each of them, and the intervals of all.

    Parameters
    ----------
    redraws : Redraws
        One part a subject; all saw the same stimuli.

    Returns
    -------
    Redraws, list of Interval
        The first interval is over new subjects where they are enough, else ``conditional``.
    """
    pooled, found = over_subjects(redraws, level=level), redraws.with_mean()
    first = found.of([0]).intervals(level)[0] if isinstance(pooled, EachSubject) else pooled
    return found, [first, *redraws.intervals(level)]


def over_subjects(redraws: Redraws, *, shared: bool = True, level: float = LEVEL) -> Interval | EachSubject:
    """Interval of the mean over subjects, for new subjects and (where they share stimuli) new stimuli.

    Parameters
    ----------
    redraws : Redraws
        One part a subject. Subjects without a value are left out and not counted.
    shared : bool
        True where all subjects saw the same stimuli, drawn together in ``redraws``. Otherwise new subjects
        bring stimuli of their own: the spread of subjects holds both, and the interval is t on the jackknife.

    Returns
    -------
    Interval or EachSubject
        The latter with fewer than `FEW_SUBJECTS` subjects.
    """
    known = np.flatnonzero(np.isfinite(redraws.values))
    if len(known) < FEW_SUBJECTS:
        return EachSubject(tuple(redraws.intervals(level)))
    there = redraws.of(known)
    if not shared:
        se = float(there.values.std(ddof=1) / np.sqrt(len(known)))
        value = float(there.values.mean())
        return t_interval("subjects", value, se, df=len(known) - 1, groups=len(known), level=level)
    # Subjects scatter by all that is their own, pairs of rows included.
    found = crossed([there.as_drawn()])
    se = float(np.sqrt(found.covariance[0, 0]))
    return t_interval(
        "subjects", float(found.values[0]), se, df=found.df, groups=len(known), method="crossed", level=level
    )


def crossed(models: Sequence[Redraws]) -> Crossed:
    r"""Variance of means over subjects when subjects and stimuli are both drawn anew.

    Bootstrapping both factors counts what is neither the subject's nor the stimulus' own three times, each
    single factor counts it once, so that ``2 (var_subj + var_stim) - var_both`` is right (Schuett et al. 2023, eLife
    12, e82566). With n / (n - 1) on each factor, and the bootstrap over subjects taken in closed form given
    each redraw of stimuli, that is ::

        V = S + K - I
        S = var over subjects / n             (subjects, with their noise)
        K = var over redraws of the mean      (stimuli, with their noise)
        I = mean over redraws of  sum_s (e_s - mean e)^2 / (n (n - 1)),  e_s the deviation of subject s in a redraw

    without bias for additive effects; V is no less than S and K. Degrees of freedom are Satterthwaite's,
    V^2 / (S^2 / (n - 1) + K^2 / (g - 1)) with g blocks of stimuli.

    Parameters
    ----------
    models : sequence of Redraws
        One a model: one part a subject, the same subjects and redraws throughout.

    Raises
    ------
    BadArrays
        Subjects or redraws differ between models, a value is missing, or there are fewer than two subjects.
    """
    shapes = {m.drawn.shape for m in models}
    if len(shapes) != 1 or len({m.groups for m in models}) != 1:
        raise BadArrays("models must share subjects and redraws.", where="models")
    values = np.stack([m.values for m in models])  # models x subjects
    count = values.shape[1]
    if count < 2 or not np.isfinite(values).all():
        raise BadArrays("pooling over subjects needs two or more, each with a value.", where="models")
    drawn = np.stack([m.drawn for m in models]) - values[:, None]  # models x draws x subjects
    drawn = drawn[:, np.isfinite(drawn).all(axis=(0, 2))]
    means = drawn.mean(axis=2)
    own = drawn - means[:, :, None]
    subjects = np.cov(values).reshape(len(models), -1) / count
    stimuli = np.cov(means, bias=True).reshape(len(models), -1)
    flat = own.reshape(len(models), -1)
    both = flat @ flat.T / max(drawn.shape[1], 1) / (count * (count - 1))
    s, k = np.diag(subjects), np.diag(stimuli)
    total = subjects + stimuli - both
    variance = np.maximum(np.diag(total), np.maximum(s, k))
    positive = np.diag(total) > 0
    scale = np.sqrt(np.where(positive, variance / np.where(positive, np.diag(total), 1.0), 1.0))
    total = np.where(np.eye(len(models), dtype=bool), variance, total * np.outer(scale, scale))
    spread = s**2 / (count - 1) + k**2 / (models[0].groups - 1)
    # Values that never change (a model that adds nothing to anybody) have no variance to be unsure of.
    df = np.where(spread > 0, variance**2 / np.where(spread > 0, spread, 1.0), count - 1)
    return Crossed(values.mean(axis=1), total, count, float(df.min()))


def normal_redraws(found: Crossed, *, draws: int, seed: int = 0) -> Floats:
    """Normal draws with the means and covariance of ``found``: draws x models, for `gyral.scores.difference`."""
    scale, vectors = np.linalg.eigh(found.covariance)
    root = vectors * np.sqrt(np.maximum(scale, 0.0))
    shocks: NDArray[Any] = np.random.default_rng([seed, 0xC805]).standard_normal((draws, len(scale)))
    return np.asarray(found.values + shocks @ root.T)
