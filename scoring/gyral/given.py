"""Given: arrays as somebody hands them over, refused with what is wrong where they cannot be scored."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.region import Region
from gyral.errors import BadArrays, BadFeatures, UserError
from gyral.features.features import Features

Array = NDArray[np.floating[Any]]

# Values whose squares, summed, float32 keeps: tesla of MEG are 1e-14, counts 1e6.
_SMALLEST, _LARGEST = 1e-17, 1e15
# Of a unit's standard deviation: how far repeats may average from its responses, which may have been stored as float32.
_NEAR = 1e-3


def check(named: Mapping[str, Array], folds: int, memory: int, seed: int) -> None:
    """Refuse whole numbers that are none, and no layer at all."""
    if not named:
        raise BadFeatures("there is no layer.", where="features", code="features-shape")
    for where, value, least in (("folds", folds, 2), ("memory", memory, 1), ("seed", seed, 0)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise BadArrays(f"{value!r} is no whole number of at least {least}.", where=where)


def responses_of(responses: Any) -> Array:
    """Responses as an array, samples x units; a memory map stays where it is.

    Raises
    ------
    BadArrays
        Ragged, no numbers, another number of axes, empty, infinite, or out of float32's range (``out-of-range``).
    """
    y = responses if isinstance(responses, np.memmap) else _numbers(responses, "responses")
    if y.ndim != 2:
        raise BadArrays(f"responses have shape {y.shape}; samples x units are expected.", where="responses")
    _measurable(y)
    return y if isinstance(y, np.memmap) else np.asarray(y, np.float64)


def groups_of(groups: Any, samples: int) -> NDArray[Any]:
    """One name or number a sample.

    Raises
    ------
    BadArrays
        Another count or shape, or a sample without a group (None, NaN, empty).
    """
    given = list(groups)
    if len(given) != samples:
        raise BadArrays(f"{len(given)} groups for {samples} samples.", where="groups")
    for sample, group in enumerate(given):
        if isinstance(group, list | tuple | dict | set) or (isinstance(group, np.ndarray) and group.ndim):
            raise BadArrays(
                f"sample {sample} has the group {group!r}; one name or number is expected.", where="groups"
            )
        if group is None or group == "" or (isinstance(group, float | np.floating) and np.isnan(group)):
            raise BadArrays(
                f"sample {sample} has no group: {group!r}.",
                where="groups",
                mend="Give every sample one, or none at all (groups=None) where samples stand in one series.",
            )
    kinds = {isinstance(group, str) for group in given}
    # Names and numbers do not sort together; what they are called does not matter.
    return np.asarray([str(group) for group in given] if len(kinds) > 1 else given)


def published_of(values: Any, units: int) -> Array:
    """A ceiling of the caller's own, in r2, one a unit.

    Raises
    ------
    BadArrays
        Another count, or a number outside 0 to 1.
    """
    found = np.asarray(_numbers(values, "ceiling"), np.float64)
    if found.shape != (units,):
        raise BadArrays(
            f"ceilings have shape {found.shape}; one for each of {units} units is expected.", where="ceiling"
        )
    outside = np.flatnonzero((found < 0) | (found > 1))
    if len(outside):
        raise BadArrays(
            f"unit {outside[0]} has the ceiling {found[outside[0]]:g}; r2 from 0 to 1 (NaN where unknown) is expected.",
            where="ceiling",
        )
    return found


def _numbers(values: Any, where: str) -> Array:
    found = _array(values, where, BadArrays)
    if found.dtype.kind not in "fiub":
        raise BadArrays(f"values of {found.dtype}; numbers are expected.", where=where)
    return found


def _array(values: Any, where: str, error: type[UserError]) -> Array:
    try:
        found: Array = np.asarray(values)
    except ValueError:
        found = np.empty(0, object)
    if found.dtype == object:
        raise error(
            "rows of different lengths, or values that are no numbers; one array of numbers is expected.",
            where=where,
        )
    return found


def _measurable(y: Array) -> None:
    """Refuse responses that are infinite, or so large or small that float32 loses their squares."""
    if not y.size:
        raise BadArrays(f"responses have shape {y.shape}; at least one of each is expected.", where="responses")
    ends = float(np.fmin.reduce(y, axis=None)), float(np.fmax.reduce(y, axis=None))
    if np.isinf(ends).any():
        sample, unit = (int(i[0]) for i in np.nonzero(np.isinf(y)))
        raise BadArrays(
            f"sample {sample} of unit {unit} is infinite.",
            where="responses",
            mend="Write NaN where it is missing.",
        )
    _in_range(max(map(abs, ends)), "responses", BadArrays)


def _in_range(largest: float, where: str, error: type[UserError]) -> None:
    if largest > _LARGEST or 0 < largest < _SMALLEST:
        raise error(
            f"the largest value is {largest:.1g}; float32 keeps squares of {_SMALLEST:g} to {_LARGEST:g}.",
            where=where,
            mend="Give them in another unit.",
            code="out-of-range",
        )


def region(name: str, units: Sequence[int] | NDArray[Any], columns: int) -> Region:
    """A region of some columns, by number or by a mask."""
    index = np.asarray(units)
    if index.dtype == bool and index.shape == (columns,):
        index = np.flatnonzero(index)
    name = str(name)
    if (
        index.ndim != 1
        or index.dtype.kind not in "iu"
        or not len(index)
        or index.min() < 0
        or index.max() >= columns
    ):
        raise BadArrays(
            f"region {name!r} needs whole numbers from 0 to {columns - 1}, at least one.", where="regions"
        )
    return Region(name, index.astype(np.int64))


def table(layer: str, values: Any, sequence: bool) -> Features:
    """A layer of somebody's own features."""
    array = values if isinstance(values, np.memmap) else _array(values, f"layer {layer!r}", BadFeatures)
    if array.ndim not in (2, 3, 4) or array.dtype.kind not in "fiu":
        raise BadFeatures(
            f"an array of {array.dtype} with shape {array.shape}; numbers, samples x features (or x positions x "
            "channels, or x channels x height x width), are expected.",
            where=f"layer {layer!r}",
            code="features-shape",
        )
    if not array.size:
        raise BadFeatures(
            f"an array of shape {array.shape} is empty.", where=f"layer {layer!r}", code="features-shape"
        )
    if sequence and array.ndim != 3:
        raise BadFeatures(
            f"{array.ndim} axes; a sequence has three: samples x words x channels.",
            where=f"layer {layer!r}",
            code="features-shape",
        )
    if array.dtype.kind == "f" and array.dtype != np.float16:
        ends = float(np.fmin.reduce(array, axis=None)), float(np.fmax.reduce(array, axis=None))
        if np.isfinite(ends).all():  # others are refused by sample, where they are read
            _in_range(max(map(abs, ends)), f"layer {layer!r}", BadFeatures)
    return Features(layer, array, sequence)


def repeats_of(repeats: Any, y: Array) -> Array:
    """Single presentations behind responses: samples x repeats x units, float32.

    Raises
    ------
    BadArrays
        Another shape, or presentations that do not average to the responses.
    """
    single: Array = np.asarray(_numbers(repeats, "repeats"), np.float32)
    if single.ndim != 3 or single.shape[0] != y.shape[0] or single.shape[2] != y.shape[1]:
        raise BadArrays(
            f"repeats have shape {single.shape}; samples x repeats x units ({len(y)} x ? x {y.shape[1]}) are expected.",
            where="repeats",
        )
    for first in range(0, y.shape[1], 256):
        _require_mean(single[:, :, first : first + 256], np.asarray(y[:, first : first + 256], np.float64), first)
    return single


def _require_mean(repeats: Array, y: Array, first: int) -> None:
    there = np.isfinite(repeats)
    count = there.sum(axis=1)
    mean = np.where(there, repeats, 0.0).sum(axis=1, dtype=np.float64) / np.maximum(count, 1)
    known = np.isfinite(y)
    scale = np.sqrt(np.mean(np.where(known, y - y.mean(axis=0, where=known, keepdims=True), 0.0) ** 2, axis=0))
    largest = np.max(np.abs(np.where(known, y, 0.0)), axis=0)
    apart = known & ((count == 0) | (np.abs(mean - y) > _NEAR * scale + 1e-6 * largest))
    if apart.any():
        sample, unit = (int(i[0]) for i in np.nonzero(apart))
        said = f"average {mean[sample, unit]:.6g}" if count[sample, unit] else "are all missing"
        raise BadArrays(
            f"repeats of sample {sample}, unit {first + unit} {said}, and the response is {y[sample, unit]:.6g}.",
            where="repeats",
            mend="Responses must be the means over repeats: z-score both alike, or give the means as responses.",
        )
