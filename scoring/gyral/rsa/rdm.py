"""RDM: dissimilarities between the response patterns of all pairs of stimuli.

All but ``correlation`` and ``cosine`` are means over units, so that regions of different size compare:
``squared-euclidean`` is ``|x_i - x_j|^2 / units``, ``euclidean`` its root, ``mahalanobis`` the same after whitening by the
noise covariance, and ``crossnobis`` its product between independent presentations, which noise does not bias
(Walther et al. 2016, doi 10.1016/j.neuroimage.2015.12.012).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays, UnknownName
from gyral.rsa.noise import residuals, shrunk_covariance, whitener
from gyral.rsa.vector import condensed

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Kind = Literal["correlation", "cosine", "euclidean", "squared-euclidean", "mahalanobis", "crossnobis"]
KINDS: tuple[Kind, ...] = get_args(Kind)
REPEATED: tuple[Kind, ...] = ("mahalanobis", "crossnobis")  # made of single presentations


def rdm(responses: Array, kind: Kind = "correlation", *, covariance: Array | None = None) -> Floats:
    """Condensed RDM of one subject or layer.

    Parameters
    ----------
    responses : array, samples x units, or samples x repeats x units
        Single presentations are averaged, except for ``crossnobis``, which needs them; NaN where one is missing.
    kind : str
        One of `KINDS`.
    covariance : array, units x units, optional
        Noise covariance for ``mahalanobis`` and ``crossnobis``; default: `gyral.rsa.noise.shrunk_covariance` of what
        does not repeat. The identity gives the (cross-validated) squared Euclidean distance.

    Returns
    -------
    float64 array, samples * (samples - 1) / 2
        Upper triangle, row by row; never negative but for ``crossnobis``.

    Raises
    ------
    UnknownName
        No such kind.
    BadArrays
        NaN or infinite (``not-finite``); too few repeats for what was asked (``one-repeat``); a shape that fits nothing.
    """
    if kind not in KINDS:
        raise UnknownName("RDM", kind, KINDS)
    values = np.asarray(responses, np.float64)
    if values.ndim not in (2, 3) or len(values) < 2:
        raise BadArrays(
            f"shape {values.shape} is not samples (two or more) x units.", where="responses", code="shape"
        )
    if kind == "crossnobis":
        return _crossnobis(values, covariance)
    if kind == "mahalanobis":
        noise = _noise(values, covariance)
        values = _mean(values) @ whitener(noise)
    x = _mean(values)
    if kind in ("correlation", "cosine"):
        return _angle(x - x.mean(axis=1, keepdims=True) if kind == "correlation" else x)
    found = np.maximum(_distance(x @ x.T), 0.0) / x.shape[1]
    return np.asarray(np.sqrt(found) if kind == "euclidean" else found)


def correlation_rdm(patterns: Array) -> Floats:
    """Condensed RDM of ``1 - Pearson r`` between rows; two rows of which one is constant are unrelated (1).

    Parameters
    ----------
    patterns : array, samples x features
    """
    return rdm(patterns, "correlation")


def subject_rdms(
    responses: Mapping[str, Array],
    conditions: Mapping[str, Sequence[str]],
    kind: Kind = "correlation",
    *,
    covariance: Mapping[str, Array] | None = None,
) -> tuple[tuple[str, ...], Floats]:
    """RDMs of several subjects over the same conditions, in the order of the first subject's.

    Parameters
    ----------
    responses : dict of subject to array
        As for `rdm`; units differ between subjects as they like.
    conditions : dict of subject to sequence of str
        Name of each row of the subject's responses, each once.

    Returns
    -------
    (conditions, rdms)
        Names, and subjects x pairs.

    Raises
    ------
    BadArrays
        A subject lacks a condition or has one more, names one twice, or names another number than there are rows
        (``conditions``).
    """
    first = next(iter(responses))
    order = tuple(conditions[first])
    found = []
    for subject, values in responses.items():
        names = list(conditions[subject])
        _check_conditions(subject, names, len(values), first, order)
        rows = np.array([names.index(c) for c in order])
        noise = None if covariance is None else covariance[subject]
        found.append(rdm(np.asarray(values)[rows], kind, covariance=noise))
    return order, np.stack(found)


def _check_conditions(subject: str, names: list[str], rows: int, first: str, order: tuple[str, ...]) -> None:
    where = f"conditions of subject {subject!r}"
    if len(names) != rows:
        raise BadArrays(f"{len(names)} names for {rows} rows.", where=where, code="conditions")
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise BadArrays(f"{twice[0]!r} stands there twice.", where=where, mend="Average first.", code="conditions")
    if missing := [n for n in order if n not in set(names)]:
        raise BadArrays(
            f"{missing[0]!r} is missing, which subject {first!r} has ({len(missing)} in all).",
            where=where,
            mend="Compare subjects on the conditions that all of them have.",
            code="conditions",
        )
    if more := [n for n in names if n not in set(order)]:
        raise BadArrays(f"{more[0]!r} is not among those of subject {first!r}.", where=where, code="conditions")


def _mean(values: Floats) -> Floats:
    """Mean over repeats that are there."""
    if values.ndim == 2:
        _check_finite(np.asarray(np.isfinite(values).all(axis=1)))
        return values
    there = np.asarray(np.isfinite(values).all(axis=2))
    _check_finite(np.asarray(there.any(axis=1)))
    return np.asarray(np.where(there[:, :, None], values, 0.0).sum(axis=1) / there.sum(axis=1)[:, None])


def _check_finite(fine: NDArray[np.bool_]) -> None:
    if not fine.all():
        raise BadArrays(
            f"sample {int(np.argmin(fine))} has NaN or infinite numbers.", where="responses", code="not-finite"
        )


def _angle(x: Floats) -> Floats:
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    cosine = condensed(x @ x.T)
    np.subtract(1.0, cosine, out=cosine)
    return np.asarray(np.clip(cosine, 0.0, 2.0, out=cosine))


def _distance(kernel: Floats) -> Floats:
    """``K_ii + K_jj - 2 K_ij`` of each pair; writes into the kernel."""
    own = np.diag(kernel).copy()
    kernel *= -2
    kernel += own
    kernel += own[:, None]
    return condensed(kernel)


def _noise(values: Floats, covariance: Array | None) -> Floats:
    units = values.shape[-1]
    if covariance is not None:
        if covariance.shape != (units, units):
            raise BadArrays(
                f"shape {covariance.shape} does not fit {units} units.", where="covariance", code="shape"
            )
        return np.asarray(covariance, np.float64)
    if values.ndim == 2:
        raise BadArrays(
            "there are no repeats to estimate the noise from.",
            where="responses",
            mend="Give single presentations (samples x repeats x units), or a covariance.",
            code="one-repeat",
        )
    return shrunk_covariance(*residuals(values))


def _crossnobis(values: Floats, covariance: Array | None) -> Floats:
    """Products of different presentations only: the Gram of their sum less the sum of their Grams."""
    if values.ndim == 2 or values.shape[1] < 2:
        raise BadArrays(
            "crossnobis was asked for, and every stimulus has one repeat.",
            where="responses",
            mend="Give two or more presentations (samples x repeats x units), or ask for 'mahalanobis'.",
            code="one-repeat",
        )
    there = np.asarray(np.isfinite(values).all(axis=2))
    counts = there.sum(axis=1)
    if (counts < 2).any():
        raise BadArrays(
            f"sample {int(np.argmin(counts))} has {int(counts.min())} repeats; cross-validation needs two.",
            where="responses",
            mend="Leave such stimuli out.",
            code="one-repeat",
        )
    samples, _, units = values.shape
    noise = _noise(values, covariance)
    single = np.where(there[:, :, None], values, 0.0)
    if not np.array_equal(noise, np.eye(units)):
        single = single @ whitener(noise)
    total, apart = single.sum(axis=1), single.reshape(samples, -1)
    kernel = total @ total.T - apart @ apart.T
    seen = there.astype(np.float64)
    return np.asarray(_distance(kernel / (np.outer(counts, counts) - seen @ seen.T)) / units)
