"""Model: the protocol behind which local, sandboxed and precomputed models look the same."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UnknownName
from gyral.models.card import ModelCard

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Reduction:
    """Data-free shrinking of channel maps and token sequences, declared per evaluation and applied while extracting.

    Parameters
    ----------
    grid : int or None
        Maps larger than ``grid`` positions a side are averaged down to it (adaptive average pooling);
        None keeps them. Benchmarks ask for no less than 7.
    channels : int or None
        Maps, token grids and words of more channels are projected to so many, by one random matrix for all models
        of a width (`gyral.models.activation.projected`); positions stay. None keeps them.
    words : int
        0: a text is one vector (the card's pooling). Else a text is ``words`` positions, one vector a word,
        zeros behind the last word; a text of more words keeps its end. Words are what whitespace separates.
        The number belongs to the whole stimulus set: `gyral.models.words.word_positions`. Images have no words.
    """

    grid: int | None = 7
    words: int = 0
    channels: int | None = None

    def __post_init__(self) -> None:
        if self.channels is not None and self.channels < 1:
            raise ValueError(f"channels = {self.channels!r}; a number above 0 is needed, or None")
        # True would be read as one word.
        if isinstance(self.words, bool) or self.words < 0:
            raise ValueError(f"words = {self.words!r}; a number of positions is needed, 0 for pooled texts")

    @property
    def key(self) -> str:
        """Part of the cache key."""
        words, channels = (f"-words{self.words}" if self.words else ""), self.channels
        return f"grid{self.grid or 0}{words}{f'-channels{channels}' if channels else ''}"


@dataclass(frozen=True, eq=False)
class Batch:
    """Arrays of consecutive stimuli.

    Parameters
    ----------
    start : int
        Row of the first stimulus.
    arrays : dict of layer to float array
        ``samples x features``, ``samples x positions x channels`` or
        ``samples x channels x height x width``; float32, finite.
    """

    start: int
    arrays: Mapping[str, Array]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))


@runtime_checkable
class Model(Protocol):
    """Anything that turns stimuli into arrays."""

    @property
    def card(self) -> ModelCard:
        """What was declared of the model."""
        ...

    @property
    def hash(self) -> str:
        """Hex sha256 that changes whenever the features may change (weights, graph, preprocessing)."""
        ...

    def layers(self) -> tuple[str, ...]:
        """Names of the readable layers, from input to output."""
        ...

    def batches(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        *,
        reduction: Reduction,
        memory: int = 1 << 30,
    ) -> Iterator[Batch]:
        """Run the model once over ``stimuli`` and yield all ``layers``, batch after batch, in order.

        Parameters
        ----------
        stimuli : StimulusSet
            What to show.
        layers : sequence of str
            Names out of ``layers()``.
        reduction : Reduction
            How channel maps shrink before they are yielded.
        memory : int
            Bytes that one batch's activations may take, as a guide for the batch size.
        """
        ...


@runtime_checkable
class Verifiable(Protocol):
    """A model that can be asked for faults which opening it does not show."""

    def verify(self) -> None:
        """Run made stimuli; raises `gyral.errors.BadUpload`."""
        ...


CARD_LAYERS = "gyral.toml: layers"  # where a pattern came from, for messages


def choose_layers(
    available: Sequence[str], patterns: Sequence[str], *, where: str | None = None
) -> tuple[str, ...]:
    """Layers matching any glob pattern, in the model's order; all of them for no pattern.

    Parameters
    ----------
    available, patterns : sequence of str
    where : str, optional
        Where the patterns stand, for the message: `CARD_LAYERS` or "layers".

    Raises
    ------
    UnknownName
        A pattern matches nothing.

    Examples
    --------
    >>> choose_layers(["block.0", "block.1", "head"], ["block.*"])
    ('block.0', 'block.1')
    """
    if not patterns:
        return tuple(available)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in available):
            error = UnknownName("layer", pattern, available)
            error.where = where
            raise error
    return tuple(n for n in available if any(fnmatchcase(n, p) for p in patterns))
