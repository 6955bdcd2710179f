"""Static word vectors: a sentence is the mean of its words' vectors, or one vector a word."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload
from gyral.hashing import hash_file, hash_json
from gyral.models.activation import projected, require_finite, require_layers, require_modality, spans
from gyral.models.card import ModelCard
from gyral.models.model import Batch, Reduction
from gyral.models.twins import Twin, generator, permuted
from gyral.models.words import in_positions, pieces_of, shown_words, words_of

VERSION = "word-vectors-1"
VECTORS, WORDS = "vectors.npy", "words.txt"
LAYER = "words"

Floats = NDArray[np.float32]


class WordVectors:
    """A folder with ``vectors.npy`` (words x channels, float32) and ``words.txt`` (one word a line).

    Words are compared in lower case, without punctuation. A word outside the vocabulary is tried in parts
    (``didn't``: ``did``, ``n't``; hyphens apart); parts still unknown are left out of the mean, and a
    sentence without a known word is all zeros. Word by word, a word is the mean of its known parts, and a word
    of which no part is known has the mean of the whole table: it keeps its position and says nothing.

    Parameters
    ----------
    folder : Path
    card : ModelCard
    twin, seed
        ``untrained``: random directions with the trained vectors' norms; ``permuted``: the trained numbers
        in other places.

    Raises
    ------
    BadUpload
        Words and vectors do not have the same number.
    """

    def __init__(self, folder: Path, card: ModelCard, *, twin: Twin | None = None, seed: int = 0) -> None:
        self.card, self._folder, self._twin, self._seed = card, folder, twin, seed
        self._table: Floats = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        names = (folder / WORDS).read_text("utf-8").split("\n")
        self._rows = {word: i for i, word in enumerate(names) if word}
        if len(self._rows) != len(self._table):
            raise BadUpload(
                f"{len(self._rows):,} words for {len(self._table):,} vectors.", where=WORDS, code="words-count"
            )

    @cached_property
    def hash(self) -> str:
        """See `gyral.models.model.Model.hash`."""
        twin = [self._twin, self._seed] if self._twin else None
        return hash_json([VERSION, hash_file(self._folder / VECTORS), hash_file(self._folder / WORDS), twin])

    def layers(self) -> tuple[str, ...]:
        """One layer, ``words``."""
        return (LAYER,)

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
        table = self._vectors()
        texts = stimuli.texts or ()
        unknown = np.zeros(table.shape[1], np.float32)
        if reduction.words:
            unknown = np.asarray(table.mean(axis=0, dtype=np.float64), np.float32)
        for start, stop in spans(len(stimuli), 4 * table.shape[1] * max(1, reduction.words), memory):
            if reduction.words:
                named = zip(texts[start:stop], stimuli.ids[start:stop], strict=True)
                read = [[self._mean(table, w, unknown) for w in shown_words(t, n)] for t, n in named]
                values = in_positions([np.stack(vectors) for vectors in read], reduction.words)
                values = projected(values, reduction.channels)
            else:
                values = np.stack([self._mean(table, text, unknown) for text in texts[start:stop]])
            require_finite(LAYER, values, stimuli, start)
            yield Batch(start, dict.fromkeys(layers, values))

    def known(self, text: str) -> list[str]:
        """The words (or parts) of ``text`` that have a vector."""
        found: list[str] = []
        for word in words_of(text):
            parts = [word] if word in self._rows else pieces_of(word)
            found.extend(part for part in parts if part in self._rows)
        return found

    def _mean(self, table: Floats, text: str, unknown: Floats) -> Floats:
        rows = [self._rows[word] for word in self.known(text)]
        if not rows:
            return unknown
        return np.asarray(table[rows].mean(axis=0), np.float32)

    def _vectors(self) -> Floats:
        if self._twin is None:
            return self._table
        trained: NDArray[Any] = np.asarray(self._table, np.float32)
        if self._twin == "permuted":
            return permuted(trained, self._seed, VECTORS)
        drawn = generator(self._seed, VECTORS).standard_normal(trained.shape, np.float32)
        norms = np.linalg.norm(trained, axis=1, keepdims=True)
        return np.asarray(drawn * (norms / np.linalg.norm(drawn, axis=1, keepdims=True)), np.float32)
