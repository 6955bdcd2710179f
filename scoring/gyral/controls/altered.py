"""Altered: language models shown something else than the sentence, to see what the sentence gave.

==============  ======================================================================================
``scrambled``   the same model reads each text with its words in another order, three draws: what is
                lost is what word order gave
``isolated``    the same model reads every word alone, and a text is the mean of its words: what is
                lost is what context gave
``static``      a random vector for each word, as wide as the model's widest layer, three draws, and a
                text is their mean: what remains is which words occur
==============  ======================================================================================

Words are what whitespace separates. A mark that ends the text keeps its place when words are scrambled; capitals move
with their words.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.hashing import hash_bytes, hash_json
from gyral.models.activation import spans
from gyral.models.card import ModelCard
from gyral.models.model import Array, Batch, Model, Reduction
from gyral.models.words import in_positions, shown_words, words_of
from gyral.provenance import code_hash

SEEDS = (0, 1, 2)
LAYER = "random-words"
# Texts whose words are shown together: a word that many of them share is shown once.
_TEXTS = 512
_END = re.compile(r"^(.*?)([.!?…]+)$")


@dataclass(frozen=True, eq=False)
class Scrambled:
    """A model that reads every text with its words in another order.

    Parameters
    ----------
    model : Model
    seed : int
        Of the orders; that of one text depends on nothing but the text and the seed.
    """

    model: Model
    seed: int

    @property
    def card(self) -> ModelCard:
        """See `gyral.models.model.Model.card`."""
        return self.model.card

    @property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        return hash_json(["scrambled", self.model.hash, self.seed, code_hash("controls")])

    def layers(self) -> tuple[str, ...]:
        """Those of the model."""
        return self.model.layers()

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`."""
        texts = [scrambled(text, self.seed) for text in stimuli.texts or ()]
        hashes = tuple(hash_bytes(text.encode()) for text in texts)
        shown = replace(stimuli, texts=tuple(texts), hashes=hashes)
        return self.model.batches(shown, layers, reduction=reduction, memory=memory)


@dataclass(frozen=True, eq=False)
class Isolated:
    """A model that reads every word alone; a text is the mean of its words, or one vector a word."""

    model: Model

    @property
    def card(self) -> ModelCard:
        """See `gyral.models.model.Model.card`."""
        return self.model.card

    @property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        return hash_json(["isolated", self.model.hash, code_hash("controls")])

    def layers(self) -> tuple[str, ...]:
        """Those of the model."""
        return self.model.layers()

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`."""
        for start in range(0, len(stimuli), _TEXTS):
            texts = _texts(stimuli.subset(range(start, min(start + _TEXTS, len(stimuli)))))
            alone = StimulusSet.from_texts(tuple(dict.fromkeys(word for text in texts for word in text)))
            read = list(self.model.batches(alone, layers, reduction=replace(reduction, words=0), memory=memory))
            found = {}
            for layer in layers:
                values = np.concatenate([np.asarray(batch.arrays[layer], np.float32) for batch in read])
                of_word = dict(zip(alone.texts or (), values, strict=True))
                found[layer] = _gathered(of_word.__getitem__, texts, reduction.words)
            yield Batch(start, found)


@dataclass(frozen=True, eq=False)
class RandomWords:
    """A random vector for each word (in lower case, without punctuation); a text is the mean of its words.

    Parameters
    ----------
    width : int
        Columns.
    seed : int
        A word's vector depends on nothing but the word and the seed.
    """

    width: int
    seed: int

    @property
    def card(self) -> ModelCard:
        """See `gyral.models.model.Model.card`."""
        return ModelCard(name=f"random-words-{self.width}", modality="language", family="word-vectors")

    @property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        return hash_json(["random-words", self.width, self.seed, code_hash("controls")])

    def layers(self) -> tuple[str, ...]:
        """One layer."""
        return (LAYER,)

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`."""

        @lru_cache(maxsize=100_000)
        def vector(shown: str) -> NDArray[np.float32]:
            types = words_of(shown) or [shown]
            drawn = [np.random.default_rng([self.seed, *w.encode()]).standard_normal(self.width) for w in types]
            return np.asarray(np.mean(drawn, axis=0), np.float32)

        for start, stop in spans(len(stimuli), 4 * self.width * max(1, reduction.words), memory):
            texts = _texts(stimuli.subset(range(start, stop)))
            yield Batch(start, dict.fromkeys(layers, _gathered(vector, texts, reduction.words)))


def scrambled(text: str, seed: int) -> str:
    """The text with its words in an order that is not its own, if it has two different words.

    Examples
    --------
    >>> scrambled("The dog bit the man.", 0)
    'the bit The man dog.'
    >>> scrambled("Stop!", 0)
    'Stop!'
    """
    words = text.split()
    ends = _END.match(words[-1]) if words else None
    if ends and ends[1]:
        words[-1] = ends[1]
    generator = np.random.default_rng([seed, *text.encode()])
    order = list(words)
    while order == words and len(set(words)) > 1:
        order = [words[i] for i in generator.permutation(len(words))]
    return " ".join(order) + (ends[2] if ends and ends[1] else "")


def _texts(stimuli: StimulusSet) -> list[list[str]]:
    return [shown_words(text, name) for text, name in zip(stimuli.texts or (), stimuli.ids, strict=True)]


def _gathered(vector: Callable[[str], Array], texts: Sequence[Sequence[str]], words: int) -> Array:
    """Vectors of words as means of texts, or word by word where positions are asked for."""
    read = [np.stack([vector(word) for word in text]) for text in texts]
    return in_positions(read, words) if words else np.stack([v.mean(axis=0) for v in read])
