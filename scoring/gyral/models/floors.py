"""Floors: what a score must beat before it says anything about a model.

No weights, so no twin: pixels, edges and colour, word length, word frequency.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from math import log10

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UnknownName
from gyral.hashing import hash_json
from gyral.models import gabor
from gyral.models.activation import reduced, require_finite, require_layers, require_modality, spans
from gyral.models.card import ModelCard
from gyral.models.image import load_images
from gyral.models.model import Batch, Reduction
from gyral.models.words import pieces_of, words_of

VERSION = "floor-1"

Floats = NDArray[np.float32]
Describe = Callable[[StimulusSet, ModelCard], Floats]


class Floor:
    """A function of the stimulus behind the `Model` protocol.

    Parameters
    ----------
    card : ModelCard
        ``card.name`` is one of `FLOORS`.
    """

    def __init__(self, card: ModelCard) -> None:
        if card.name not in FLOORS:
            raise UnknownName("floor", card.name, FLOORS)
        self.card = card
        self._layer, self._describe = FLOORS[card.name]

    @property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        shown = self.card.image if self.card.modality == "vision" else self.card.text
        return hash_json([VERSION, self.card.name, shown.model_dump(mode="json")])

    def layers(self) -> tuple[str, ...]:
        """One layer."""
        return (self._layer,)

    def batches(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        *,
        reduction: Reduction,
        memory: int = 1 << 30,
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`."""
        require_modality(self.card, stimuli)
        require_layers(layers, self.layers())
        for start, stop in spans(len(stimuli), 64 << 20 if self.card.modality == "vision" else 1, memory):
            values = reduced(self._describe(stimuli.subset(range(start, stop)), self.card), reduction)
            require_finite(self._layer, values, stimuli, start)
            yield Batch(start, dict.fromkeys(layers, values))


def pixels(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """RGB values of the centre square, 32 x 32, as flat columns: ``samples x 3072``."""
    images = load_images(stimuli.files or (), card.image)
    return images.reshape(len(images), -1)


def edges_and_colour(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """Gabor amplitudes and opponent colour, ``samples x 35 x 7 x 7`` (`gyral.models.gabor`)."""
    return gabor.energies(load_images(stimuli.files or (), card.image))


def word_length(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """Characters, words and letters a word of each sentence, ``samples x 3``."""
    rows = []
    for text in stimuli.texts or ():
        words = words_of(text)
        rows.append((len(text), len(words), sum(map(len, words)) / max(1, len(words))))
    return np.asarray(rows, np.float32).reshape(-1, 3)


def word_frequency(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """Mean, least and greatest log rank of each sentence's words, ``samples x 3``.

    The rank in a vocabulary ordered by frequency stands for the frequency (by Zipf's law the logarithms are
    nearly linear in each other); a word outside the list has the rank after its last.
    """
    ranks = frequency_ranks()
    last = log10(len(ranks) + 1)
    rows = []
    for text in stimuli.texts or ():
        found = [-_log_rank(word, ranks, last) for word in words_of(text)] or [-last]
        rows.append((sum(found) / len(found), min(found), max(found)))
    return np.asarray(rows, np.float32).reshape(-1, 3)


def _log_rank(word: str, ranks: dict[str, int], last: float) -> float:
    if word in ranks:
        return log10(ranks[word])
    # A contraction or compound is as rare as its rarest part.
    return max((log10(ranks[p]) if p in ranks else last for p in pieces_of(word)), default=last)


@cache
def frequency_ranks() -> dict[str, int]:
    """Rank (from 1) of the packaged list's words; see the list's first lines for its source and licence."""
    text = (files("gyral.models") / "frequent_words.txt").read_text("utf-8")
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {word: i for i, word in enumerate(words, start=1)}


FLOORS: dict[str, tuple[str, Describe]] = {
    "pixels": ("rgb", pixels),
    "gabor": ("edges-and-colour", edges_and_colour),
    "word-length": ("length", word_length),
    "word-frequency": ("frequency", word_frequency),
}
