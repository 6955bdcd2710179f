"""Features: one layer's array over all stimuli."""

from dataclasses import dataclass
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gyral.axes import axes_of

Array = NDArray[np.floating[Any]]

# Values read at once as float32.
_PIECE = 1 << 24


class Places(NamedTuple):
    """Channels at every position of some samples.

    Parameters
    ----------
    values : float32 array, samples x positions x channels
        Class and register tokens are left out; padding is 0.
    grid : (int, int)
        Rows and columns of the positions, row after row; (1, positions) for a sequence of words.
    present : bool array, samples x positions
        False where a shorter sentence is padded.
    """

    values: Array
    grid: tuple[int, int]
    present: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Features:
    """One layer's activations; usually memory-mapped float16.

    Parameters
    ----------
    layer : str
        Name of the layer.
    array : array
        ``samples x features``, ``samples x positions x channels`` or ``samples x channels x height x width``.
    sequence : bool
        True where positions are words in order, the end of a shorter sentence padded with zeros; False where
        they are a square grid, row after row, behind any class and register tokens.
    """

    layer: str
    array: Array
    sequence: bool = False

    def __post_init__(self) -> None:
        axes_of(self.array.ndim)

    def __len__(self) -> int:
        return len(self.array)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes."""
        return axes_of(self.array.ndim)

    @property
    def has_positions(self) -> bool:
        """True for token sequences and channel maps."""
        return self.array.ndim > 2

    @property
    def has_class_token(self) -> bool:
        """True for token grids with at least one token ahead of the grid."""
        return self.array.ndim == 3 and not self.sequence and self._prefix > 0

    @property
    def channels(self) -> int:
        """Number of channels at a position (of columns for flat features)."""
        return int(self.array.shape[1] if self.array.ndim != 3 else self.array.shape[2])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the positions; (1, positions) for a sequence, (1, 1) for flat features."""
        if self.array.ndim == 2:
            return 1, 1
        if self.array.ndim == 4:
            return int(self.array.shape[2]), int(self.array.shape[3])
        positions = int(self.array.shape[1])
        if self.sequence:
            return 1, positions
        side = isqrt(positions)
        return side, side

    @property
    def width(self) -> int:
        """Number of columns when flattened."""
        return int(np.prod(self.array.shape[1:]))

    @property
    def _prefix(self) -> int:
        return int(self.array.shape[1]) - isqrt(int(self.array.shape[1])) ** 2

    def flat(self, rows: NDArray[np.integer[Any]] | slice = slice(None)) -> Array:
        """``samples x features``, float32, of the given rows."""
        taken = np.asarray(self.array[rows], dtype=np.float32)
        return taken.reshape(len(taken), -1)

    def within(self, rows: NDArray[np.integer[Any]]) -> "Features":
        """The features as a fit on ``rows`` may know them; these are the same whatever the rows."""
        return self

    def places(self, rows: NDArray[np.integer[Any]] | slice = slice(None)) -> Places:
        """Channels at every position of the given rows (flat features have one position)."""
        taken = np.asarray(self.array[rows], dtype=np.float32)
        if taken.ndim == 2:
            taken = taken[:, None]
        elif taken.ndim == 4:
            taken = taken.reshape(*taken.shape[:2], -1).transpose(0, 2, 1)
        elif not self.sequence:
            taken = taken[:, self._prefix :]
        present = np.ones(taken.shape[:2], bool)
        if self.sequence and taken.shape[1]:
            # Only zeros at the end are padding; a word's vector is never zero in every channel.
            filled = taken.any(axis=2)
            present = np.flip(np.logical_or.accumulate(np.flip(filled, 1), axis=1), 1)
        return Places(np.ascontiguousarray(taken), self.grid, present)

    def pooled(self) -> "Features":
        """Mean over positions, tokens ahead of a grid and padding left out: ``samples x channels``.

        Samples are read in pieces, so that a memory map is never in memory whole.
        """
        if self.array.ndim == 2:
            return self
        out = np.empty((len(self), self.channels), np.float32)
        step = max(1, _PIECE // max(1, self.width))
        for part in (slice(start, start + step) for start in range(0, len(self), step)):
            if self.array.ndim == 4:
                out[part] = np.asarray(self.array[part], np.float32).mean(axis=(2, 3))
                continue
            values, _, present = self.places(part)
            out[part] = values.sum(axis=1) / np.maximum(present.sum(axis=1), 1)[:, None]
        return Features(self.layer, out)

    def first_token(self) -> "Features":
        """The class token (position 0) of a token sequence."""
        if self.array.ndim != 3:
            raise ValueError(f"layer {self.layer!r} has axes {self.axes}, no token sequence")
        return Features(self.layer, np.asarray(self.array[:, 0], np.float32))
