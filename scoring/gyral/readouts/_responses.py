"""Responses of training rows: which are missing, which units vary, and responses on one scale.

One rule for all families: a unit with fewer than three finite responses is refused; one whose responses differ by
no more than the rounding of their size is constant and gets no fit.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gyral.errors import BadArrays
from gyral.readouts.readout import Array, Rows

# Fewer responses than this leave nothing to fit after the mean.
_LEAST = 3
# Responses that differ by less than this share of their size are one value, up to rounding.
_CONSTANT = 1e-12


def by_missing(responses: Array, units: Rows | None = None) -> list[tuple[Rows, Rows]]:
    """Units that lack the same samples, so that each group shares its decompositions.

    Parameters
    ----------
    responses : array, samples x units
        Training rows; NaN where a sample is missing.
    units : int array, optional
        What a message calls the units; their places by default.

    Returns
    -------
    list of (samples present, units), both as places in ``responses``

    Raises
    ------
    BadArrays
        A unit has fewer than three finite responses (``too-few-responses``).
    """
    present = np.isfinite(responses)
    if present.all() and len(responses) >= _LEAST:
        return [(np.arange(len(responses)), np.arange(responses.shape[1]))]
    _require_enough(present, units)
    packed = np.packbits(present, axis=0).T
    _, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    return [
        (np.flatnonzero(present[:, unit]), np.flatnonzero(group.reshape(-1) == k)) for k, unit in enumerate(first)
    ]


def varies(responses: Array) -> NDArray[np.bool_]:
    """Which units take two values or more; the others have nothing to predict.

    Parameters
    ----------
    responses : array, samples x units
        Training rows; at least three finite values a unit.
    """
    head = responses[:16]
    with np.errstate(invalid="ignore"):
        # A few rows settle nearly all units; only the others are read in full.
        out = (np.isfinite(head) & (np.abs(head - head[0]) > _CONSTANT * np.abs(head[0]))).any(axis=0)
    rest = np.flatnonzero(~out)
    values = responses[:, rest]
    known = np.isfinite(values)
    low, high = (np.where(known, values, fill) for fill in (np.inf, -np.inf))
    least, most = low.min(axis=0, initial=np.inf), high.max(axis=0, initial=-np.inf)
    out[rest] = most - least > _CONSTANT * np.maximum(np.abs(least), np.abs(most))
    return np.asarray(out)


def standardised(responses: Array, device: str) -> tuple[Tensor, Array, Array]:
    """Responses around their mean in units of their spread, that mean and that spread.

    A unit that is constant has scale NaN and zeros (NaN where a sample is missing).

    Parameters
    ----------
    responses : array, rows x units
        NaN where a sample is missing for a unit.

    Raises
    ------
    BadArrays
        A unit has fewer than three finite responses (``too-few-responses``).
    """
    raw = np.asarray(responses, np.float64)
    known = np.isfinite(raw)
    _require_enough(known)
    count = known.sum(axis=0)
    offset = np.where(known, raw, 0.0).sum(axis=0) / count
    centred = np.where(known, raw - offset, np.nan)
    scale = np.sqrt((np.where(known, centred, 0.0) ** 2).sum(axis=0) / count)
    vary = varies(raw)
    y = centred / np.where(vary, scale, 1.0)
    y[:, ~vary] = np.where(known[:, ~vary], 0.0, np.nan)
    return torch.from_numpy(y.astype(np.float32)).to(device), offset, np.where(vary, scale, np.nan)


def _require_enough(present: NDArray[np.bool_], units: NDArray[np.integer[Any]] | None = None) -> None:
    counts = present.sum(axis=0)
    if counts.size and counts.min() < _LEAST:
        worst = int(counts.argmin())
        raise BadArrays(
            f"unit {worst if units is None else units[worst]} has {counts[worst]} finite responses in training; "
            f"{_LEAST} are needed.",
            where="responses",
            code="too-few-responses",
        )
