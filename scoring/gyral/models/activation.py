"""Activations: what a model's raw outputs become before they are handed out.

Reduced as the benchmark declares, float32, finite, in batches whose size follows a memory budget.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import isqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, BadFeatures, BadUpload, UnknownName
from gyral.models.card import A_MODEL, SHOWN, ModelCard
from gyral.models.model import Array, Reduction

Floats = NDArray[np.float32]
ChannelAxis = Literal[1, 2]

_MOST_ROWS = 32
_MOST_PREFIX = 5  # class token and up to four registers


def reduced(array: Array, reduction: Reduction, prefix: int | None = None) -> Floats:
    """Average maps down to at most ``reduction.grid`` positions a side, then project their channels.

    Parameters
    ----------
    array : array
        ``samples x features`` (returned as it is), ``samples x channels x height x width``, or
        ``samples x positions x channels`` whose positions, after ``prefix`` ones, are a square grid.
    reduction : Reduction
        ``grid=None`` keeps everything.
    prefix : int or None
        Tokens before the grid (class token, registers), kept as they are; None: what is left over from the
        largest square, if at most five.
    """
    return projected(_averaged(np.asarray(array, np.float32), reduction.grid, prefix), reduction.channels)


def over_time(values: Array, channels: ChannelAxis) -> Floats:
    """What a layer that hears says of a whole sound: means over time, ``samples x channels``.

    Parameters
    ----------
    values : array
        ``samples x channels x times`` (``channels`` 1) or ``samples x times x channels`` (2).
    """
    return np.asarray(values.mean(axis=3 - channels, dtype=np.float32), np.float32)


def projected(values: Floats, channels: int | None) -> Floats:
    """Fewer channels at every position: times one Gaussian matrix, the same for every layer of a width.

    Inner products between positions and between stimuli are kept up to a relative error of about
    ``1 / sqrt(channels)`` (Johnson and Lindenstrauss 1984, doi:10.1090/conm/026/737400), and the positions
    themselves exactly. The matrix knows no data.

    Parameters
    ----------
    values : array
        ``samples x features`` (returned as it is), ``samples x positions x channels`` or
        ``samples x channels x height x width``.
    channels : int or None
        None, or no less than there are: nothing is done.
    """
    if channels is None or values.ndim == 2:
        return values
    axis = 1 if values.ndim == 4 else 2
    if values.shape[axis] <= channels:
        return values
    matrix = _gaussian(values.shape[axis], channels)
    if axis == 2:
        return np.asarray(np.matmul(values, matrix), np.float32)
    flat = values.reshape(*values.shape[:2], -1)
    return np.asarray(np.matmul(matrix.T, flat).reshape(len(values), channels, *values.shape[2:]), np.float32)


@lru_cache(maxsize=8)
def _gaussian(width: int, channels: int) -> Floats:
    """``width x channels``, variance 1 / channels, drawn from both numbers alone."""
    draw = np.random.default_rng([width, channels])
    return np.asarray(draw.standard_normal((width, channels)) / np.sqrt(channels), np.float32)


def _averaged(values: Floats, grid: int | None, prefix: int | None) -> Floats:
    if grid is None or values.ndim == 2:
        return values
    if values.ndim == 4:
        return _pooled(values, grid)
    positions = values.shape[1]
    if prefix is None:
        prefix = positions - isqrt(positions) ** 2
        if prefix > _MOST_PREFIX:
            return values
    side = isqrt(positions - prefix)
    if side * side != positions - prefix or side <= grid:
        return values
    # samples x positions x channels -> samples x channels x height x width and back
    maps = values[:, prefix:].transpose(0, 2, 1).reshape(len(values), -1, side, side)
    small = _pooled(maps, grid).reshape(len(values), values.shape[2], -1).transpose(0, 2, 1)
    return np.ascontiguousarray(np.concatenate([values[:, :prefix], small], axis=1))


def _pooled(maps: Floats, grid: int) -> Floats:
    high, wide = maps.shape[-2:]
    if high > grid:
        maps = np.matmul(_windows(high, grid), maps)
    if wide > grid:
        maps = np.matmul(maps, _windows(wide, grid).T)
    return np.ascontiguousarray(maps, np.float32)


@lru_cache(maxsize=64)
def _windows(size: int, grid: int) -> Floats:
    """Adaptive average pooling along one axis as a matrix, ``grid x size``."""
    weights = np.zeros((grid, size), np.float32)
    for i in range(grid):
        start, stop = i * size // grid, -(-(i + 1) * size // grid)
        weights[i, start:stop] = 1 / (stop - start)
    return weights


def require_finite(layer: str, values: Array, stimuli: StimulusSet, start: int) -> None:
    """Refuse NaN and infinity, naming the layer and the first stimulus.

    Raises
    ------
    BadFeatures
        With code ``features-finite``.
    """
    if np.isfinite(values).all():
        return
    row = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
    raise BadFeatures(
        f"the features of stimulus {stimuli.ids[start + row]!r} hold NaN or infinity.",
        where=f"layer {layer!r}",
        mend="Check the preprocessing (mean, std, size), the numeric range of the layer, or weights that hold NaN.",
        code="features-finite",
    )


def require_finite_weights(
    layers: Mapping[str, Array], weights: Iterable[tuple[str, NDArray[Any]]], where: str
) -> None:
    """Refuse a model whose layers are not finite for made stimuli, naming the weights that make them so.

    Weights are looked at only then: infinity is no fault in a mask that never reaches a layer.

    Raises
    ------
    BadUpload
        ``weights-finite`` where a weight holds NaN or infinity, else ``features-finite``.
    """
    broken = next((name for name, values in layers.items() if not np.isfinite(values).all()), None)
    if broken is None:
        return
    found = {name: bool(np.isnan(values).any()) for name, values in weights if not np.isfinite(values).all()}
    if found:
        # Masks hold infinity on purpose: a tensor with NaN is the likelier culprit.
        name = next((name for name, has_nan in found.items() if has_nan), next(iter(found)))
        more = f", and {len(found) - 1} more tensors" if len(found) > 1 else ""
        raise BadUpload(
            f"the weights {name!r} hold NaN or infinity{more}; the layer {broken!r} is not finite.",
            where=where,
            mend="Export a checkpoint whose weights are finite.",
            code="weights-finite",
        )
    raise BadUpload(
        f"the layer {broken!r} holds NaN or infinity for made stimuli.",
        where=where,
        mend="Check the preprocessing (mean, std, size) and the numeric range of the layer.",
        code="features-finite",
    )


def spans(total: int, bytes_per_row: int, memory: int) -> Iterator[tuple[int, int]]:
    """Consecutive ``(start, stop)`` rows, as many at a time as ``memory`` bytes hold, at most 32.

    >>> list(spans(5, 10, 20))
    [(0, 2), (2, 4), (4, 5)]
    """
    rows = max(1, min(_MOST_ROWS, memory // max(1, bytes_per_row)))
    for start in range(0, total, rows):
        yield start, min(start + rows, total)


def require_layers(layers: Sequence[str], known: Collection[str]) -> None:
    """Refuse the first layer a model does not have.

    Raises
    ------
    UnknownName
        The nearest names are suggested.
    """
    for name in layers:
        if name not in known:
            raise UnknownName("layer", name, known)


def require_modality(card: ModelCard, stimuli: StimulusSet) -> None:
    """Refuse to show a model stimuli of another modality than its own: images to a language model, texts to a vision model.

    Raises
    ------
    BadDataset
        With code ``modality``.
    """
    if stimuli.modality != SHOWN[card.modality]:
        fitting = next((sense for sense, shown in SHOWN.items() if shown == stimuli.modality), None)
        raise BadDataset(
            f"{card.name!r} is {A_MODEL[card.modality]} and cannot be shown {stimuli.modality} stimuli.",
            where="stimuli",
            mend=f"Choose {A_MODEL[fitting]}." if fitting else "No model is shown labels.",
            code="modality",
        )
