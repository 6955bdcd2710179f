"""RDM: dissimilarities between the response patterns of all pairs of stimuli.

All but ``correlation`` and ``cosine`` are means over units, so that regions of different size compare:
``squared-euclidean`` is ``|x_i - x_j|^2 / units``, ``euclidean`` its root, ``mahalanobis`` the same after whitening by the
noise covariance, and ``crossnobis`` its product between independent presentations, which noise does not bias
(Walther et al. 2016, doi 10.1016/j.neuroimage.2015.12.012).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadArrays, UnknownName
from gyral.rsa.noise import residuals, shrunk_covariance, whitener

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
    found = _distance(x @ x.T)
    np.maximum(found, 0.0, out=found)
    found /= x.shape[1]
    return np.sqrt(found, out=found) if kind == "euclidean" else found


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
    norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
    x = np.divide(x, norm, out=np.zeros_like(x), where=norm > 0)
    kernel = x @ x.T
    out = np.empty(len(x) * (len(x) - 1) // 2)
    for row, pairs in _rows(out, len(x)):
        np.subtract(1.0, kernel[row, row + 1 :], out=pairs)
    return np.asarray(np.clip(out, 0.0, 2.0, out=out))


def _distance(kernel: Floats) -> Floats:
    """``K_ii + K_jj - 2 K_ij`` of each pair."""
    own = np.diag(kernel)
    out = np.empty(len(kernel) * (len(kernel) - 1) // 2)
    for row, pairs in _rows(out, len(kernel)):
        np.multiply(kernel[row, row + 1 :], -2.0, out=pairs)
        pairs += own[row + 1 :]
        pairs += own[row]
    return out


def _rows(vector: Floats, samples: int) -> Iterator[tuple[int, Floats]]:
    """Each row of an upper triangle, to be filled: the lower half of a product that is symmetric is not worth a pass."""
    end = 0
    for row in range(samples - 1):
        start, end = end, end + samples - 1 - row
        yield row, vector[start:end]


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
    """Products of different presentations only: the Gram of their sum less the sum of their Grams.

    Of R presentations rotated so that the first is their sum over sqrt(R), that is R - 1 times the Gram of the first less
    that of the others: one product of all columns, where the sum and its parts would be one of R + 1 in R more.
    """
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
    samples, repeats, units = values.shape
    noise = _noise(values, covariance)
    single = np.where(there[:, :, None], values, 0.0)
    if not np.array_equal(noise, np.eye(units)):
        # As rows: of samples x repeats numpy would make a product a sample.
        single = (single.reshape(-1, units) @ whitener(noise)).reshape(single.shape)
    rotated = _sum_first(repeats) @ single
    total, apart = rotated[:, 0], rotated[:, 1:].reshape(samples, -1)
    kernel = total @ total.T
    kernel *= repeats - 1
    kernel -= apart @ apart.T
    if there.all():
        kernel /= repeats * (repeats - 1)
    else:
        seen = there.astype(np.float64)
        kernel /= np.outer(counts, counts) - seen @ seen.T
    found = _distance(kernel)
    found /= units
    return found


def _sum_first(number: int) -> Floats:
    """Rotation (Helmert's) whose first row is constant: number x number."""
    out = np.tril(np.ones((number, number)), -1) - np.diag(np.arange(number, dtype=np.float64))
    out[0] = 1.0
    return np.asarray(out / np.linalg.norm(out, axis=1, keepdims=True))
