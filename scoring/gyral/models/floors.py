"""Floors: what a score must beat before it says anything about a model.

No weights, so no twin: pixels, edges and colour, word length, word frequency, a sound's spectrogram.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from math import log10

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.sound import read_sound
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import UnknownName
from gyral.hashing import hash_json
from gyral.models import gabor, spectrogram
from gyral.models.activation import reduced, require_finite, require_layers, require_modality, spans
from gyral.models.card import ModelCard
from gyral.models.image import load_images
from gyral.models.model import Batch, Reduction
from gyral.models.words import in_positions, pieces_of, shown_words, words_of

VERSION = "floor-1"

Floats = NDArray[np.float32]
Describe = Callable[[StimulusSet, ModelCard], Floats]
DescribeWord = Callable[[str], tuple[float, ...]]


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
        return hash_json([VERSION, self.card.name, self.card.shown.facts()])

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
        for start, stop in spans(len(stimuli), 1 if self.card.modality == "language" else 64 << 20, memory):
            part = stimuli.subset(range(start, stop))
            if reduction.words and self.card.name in WORD_FLOORS:
                values = _by_word(WORD_FLOORS[self.card.name], part, reduction.words)
            else:
                values = self._describe(part, self.card)
            if self.card.modality == "vision" and self.card.name not in INPUTS:
                values = reduced(values, reduction)
            require_finite(self._layer, values, stimuli, start)
            yield Batch(start, dict.fromkeys(layers, values))


def _by_word(describe: DescribeWord, stimuli: StimulusSet, words: int) -> Floats:
    named = zip(stimuli.texts or (), stimuli.ids, strict=True)
    shown = [shown_words(text, name) for text, name in named]
    return in_positions([np.array([describe(word) for word in text], np.float32) for text in shown], words)


def pixels(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """RGB values of the centre square, 32 x 32, as flat columns: ``samples x 3072``."""
    images = load_images(stimuli.files or (), card.image)
    return images.reshape(len(images), -1)


def images(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """RGB values of the centre square as a channel map, ``samples x 3 x 64 x 64``, 0 to 1."""
    return load_images(stimuli.files or (), card.image)


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
    last = -log10(len(ranks) + 1)
    rows = []
    for text in stimuli.texts or ():
        found = [-log10(_rank(word, ranks)) for word in words_of(text)] or [last]
        rows.append((sum(found) / len(found), min(found), max(found)))
    return np.asarray(rows, np.float32).reshape(-1, 3)


def length_of_word(word: str) -> tuple[float, float]:
    """Characters of a word with its punctuation, and its letters and digits as `word_length` counts them."""
    return len(word), sum(map(len, words_of(word)))


def frequency_of_word(word: str) -> tuple[float]:
    """Minus the log of a word's rank plus one: the most frequent word, too, is not zero, which would be padding.

    A word without letters or digits counts as one outside the list.
    """
    ranks = frequency_ranks()
    return (-log10(1 + max((_rank(part, ranks) for part in words_of(word)), default=len(ranks) + 1)),)


def _rank(word: str, ranks: dict[str, int]) -> int:
    last = len(ranks) + 1
    if word in ranks:
        return ranks[word]
    # A contraction or compound is as rare as its rarest part.
    return max((ranks.get(part, last) for part in pieces_of(word)), default=last)


def bands_of_hearing(stimuli: StimulusSet, card: ModelCard) -> Floats:
    """Levels in frequency bands over time and their modulation, ``samples x 416`` (`gyral.models.spectrogram`)."""
    rows = [spectrogram.described(read_sound(file)) for file in stimuli.files or ()]
    return np.stack(rows) if rows else np.zeros((0, spectrogram.WIDTH), np.float32)


@cache
def frequency_ranks() -> dict[str, int]:
    """Rank (from 1) of the packaged list's words; see the list's first lines for its source and licence."""
    text = (files("gyral.models") / "frequent_words.txt").read_text("utf-8")
    words = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {word: i for i, word in enumerate(words, start=1)}


FLOORS: dict[str, tuple[str, Describe]] = {
    "pixels": ("rgb", pixels),
    "images": ("rgb", images),
    "gabor": ("edges-and-colour", edges_and_colour),
    "spectrogram": ("level-and-modulation", bands_of_hearing),
    "word-length": ("length", word_length),
    "word-frequency": ("frequency", word_frequency),
}
WORD_FLOORS: dict[str, DescribeWord] = {"word-length": length_of_word, "word-frequency": frequency_of_word}

# Floors that hand out the stimulus itself, for encoders trained on it. A benchmark's reduction shrinks activations,
# which every model has in its own size; it does not blur what a model is shown.
INPUTS = frozenset({"images"})
