"""Features: one layer's array over all stimuli."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.axes import axes_of

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Features:
    """One layer's activations; usually memory-mapped float16.

    Parameters
    ----------
    layer : str
        Name of the layer.
    array : array
        ``samples x features``, ``samples x positions x channels`` or ``samples x channels x height x width``.
    """

    layer: str
    array: Array

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
    def width(self) -> int:
        """Number of columns when flattened."""
        return int(np.prod(self.array.shape[1:]))

    def flat(self, rows: NDArray[np.integer[Any]] | slice = slice(None)) -> Array:
        """``samples x features``, float32, of the given rows."""
        taken = np.asarray(self.array[rows], dtype=np.float32)
        return taken.reshape(len(taken), -1)

    def pooled(self) -> "Features":
        """Mean over positions: ``samples x channels`` (flat features are returned as they are)."""
        if self.array.ndim == 2:
            return self
        axis = 1 if self.array.ndim == 3 else (2, 3)
        return Features(self.layer, np.asarray(self.array, np.float32).mean(axis=axis))

    def first_token(self) -> "Features":
        """The class token (position 0) of a token sequence."""
        if self.array.ndim != 3:
            raise ValueError(f"layer {self.layer!r} has axes {self.axes}, no token sequence")
        return Features(self.layer, np.asarray(self.array[:, 0], np.float32))
