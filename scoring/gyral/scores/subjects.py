"""Subjects: the ceiling that agreement between subjects with the same stimuli and units allows (``loso``), in r2."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.reliability import Reliability
from gyral.datasets.split import Rows
from gyral.errors import BadArrays
from gyral.scores.agreement import Agreement, Columns, spearman_brown

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Values = Mapping[str, Array] | Sequence[Array]

LEAST_SUBJECTS = 3
LEAST_SHARED = 4
# Below this reliability a mean over subjects (or a prediction) is hardly more than noise, and dividing by it explodes.
LEAST_RELIABLE = 0.05


def loso(values: Values, *, target: Literal["group", "subject"] = "group") -> Reliability:
    """Ceiling from agreement between subjects who share stimuli and units; in r2 units.

    ``group`` bounds the prediction of the mean over subjects: Spearman-Brown, ``n q / (1 + (n - 1) q)``,
    over the n subjects from their mean pairwise correlation q. ``subject`` bounds the prediction of each
    single subject: ISC^2 (signed) over the reliability of the mean of the others, where ISC is the
    correlation with that mean. In mean correlations that is ``c^2 / q``, c of the subject with each of the others and q
    of the others among themselves. Where the mean of the others is less reliable than .05 it stays
    ISC^2: dividing would explode, and there is next to nothing to divide.

    Bounds are by t on the jackknife over 20 blocks of neighbouring samples (blocks, because samples of a
    time course are not independent): for new stimuli and these subjects.

    Parameters
    ----------
    values : one array a subject, samples x units
        Same samples, same units; NaN masks a sample.
    target : {"group", "subject"}
        What is predicted.

    Returns
    -------
    Reliability
        Estimator ``loso``; one value a unit for ``group``, subjects' units side by side for ``subject``
        (the order of a dataset's unit table). NaN where a subject's unit is constant.

    Raises
    ------
    BadArrays
        Fewer than three subjects (``too-few-subjects``), or shapes that differ (``subjects-differ``).
    """
    evidence = between_subjects(values, target=target)
    return evidence.reliability([np.arange(len(next(iter(_listed(values)))))])


def between_subjects(values: Values, *, target: Literal["group", "subject"] = "subject") -> Agreement:
    """The evidence of `loso`."""
    arrays = _listed(values)
    if len(arrays) < LEAST_SUBJECTS:
        raise BadArrays(
            f"{len(arrays)} subject{'s' if len(arrays) != 1 else ''}; leaving one out needs at least {LEAST_SUBJECTS}.",
            where="values",
            code="too-few-subjects",
        )
    if len(shapes := {a.shape for a in arrays}) > 1:
        raise BadArrays(
            f"subjects must share samples and units; shapes are {sorted(shapes)!r}.",
            where="values",
            mend="Where subjects share stimuli but not units, the ceiling 'extrapolation' predicts one from the others.",
            code="subjects-differ",
        )
    count = len(arrays)
    pairs = list(combinations(range(count), 2))

    def group(r: Floats, rows: Rows, columns: Columns) -> Floats:
        return spearman_brown(r.mean(axis=0), count)

    def subject(r: Floats, rows: Rows, columns: Columns) -> Floats:
        own = np.zeros((r.shape[1], count, r.shape[2]))
        for (s, t), value in zip(pairs, r, strict=True):
            own[:, s] += value
            own[:, t] += value
        # Sums over pairs hold every pair of the others: no subject is left out by a loop.
        others = (own.sum(axis=1, keepdims=True) / 2 - own) / ((count - 1) * (count - 2) / 2)
        return corrected(own / (count - 1), others, count - 1)

    width = arrays[0].shape[1]
    if target == "group":
        return Agreement("loso", arrays, width, pairs, group)
    return Agreement("loso", arrays, width, pairs, subject, owners=count, bounded=False)


def require_shared(values: Mapping[str, Array], folds: Sequence[Rows]) -> None:
    """Refuse subjects who have too few stimuli in common in some fold for a correlation.

    Raises
    ------
    BadArrays
        Two subjects share fewer than four stimuli of a fold (``subjects-differ``).
    """
    there = {s: np.asarray(np.isfinite(v).any(axis=1)) for s, v in values.items()}
    for first, second in combinations(values, 2):
        shared = min(int((there[first][f] & there[second][f]).sum()) for f in folds)
        if shared < LEAST_SHARED:
            raise BadArrays(
                f"subjects {first!r} and {second!r} share {shared or 'no'} stimuli in a held-out fold; "
                f"{LEAST_SHARED} are the least a correlation needs.",
                where="values",
                mend="Subjects with stimuli of their own have ceilings from repeats only.",
                code="subjects-differ",
            )


def corrected(own: Floats, others: Floats, count: int) -> Floats:
    """Signed ``own^2 / others``, or what the mean of ``count`` others explains where that is next to noise."""
    reliable = spearman_brown(others, count) > LEAST_RELIABLE
    plain = count / (1 + (count - 1) * np.maximum(others, 0.0))
    return np.sign(own) * own**2 * np.where(reliable, 1 / np.where(reliable, others, 1.0), plain)


def _listed(values: Values) -> list[Array]:
    return [np.asarray(a) for a in (values.values() if isinstance(values, Mapping) else values)]
