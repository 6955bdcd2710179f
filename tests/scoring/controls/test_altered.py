"""Models that are shown something else than the sentence."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from gyral.controls.altered import Isolated, RandomWords, Scrambled, scrambled
from gyral.datasets.stimulus import StimulusSet
from gyral.models.card import ModelCard
from gyral.models.model import Batch, Reduction

TEXTS = ["The dog bit the man.", "The man bit the dog.", "A dog!", "Stop."]


class Recurrent:
    """A state that knows words (first half of the columns) and their order (second half)."""

    card = ModelCard(name="recurrent", modality="language")
    hash = "recurrent"

    def __init__(self) -> None:
        self.shown: list[str] = []

    def layers(self) -> tuple[str, ...]:
        return ("state",)

    def batches(
        self, stimuli: StimulusSet, layers: Sequence[str], *, reduction: Reduction, memory: int = 1 << 30
    ) -> Iterator[Batch]:
        assert not reduction.words
        for start, text in enumerate(stimuli.texts or ()):
            self.shown.append(text)
            words = [
                np.random.default_rng([*w.lower().strip(".!").encode()]).standard_normal(8) for w in text.split()
            ]
            state = np.zeros(8)
            for vector in words:
                state = np.tanh(0.5 * np.roll(state, 1) + vector)
            value = np.concatenate([np.mean(words, axis=0), state])[None]
            yield Batch(start, dict.fromkeys(layers, value.astype(np.float32)))


def features(model, texts: Sequence[str] = TEXTS, **reduction) -> np.ndarray:
    batches = list(model.batches(StimulusSet.from_texts(texts), model.layers(), reduction=Reduction(**reduction)))
    assert [b.start for b in batches] == np.cumsum([0, *(len(b) for b in batches)])[:-1].tolist()
    return np.concatenate([b.arrays[model.layers()[0]] for b in batches])


@pytest.mark.parametrize("seed", range(5))
def test_scrambling_keeps_words_and_the_last_mark_and_changes_the_order(seed: int) -> None:
    for text in TEXTS[:2]:
        other = scrambled(text, seed)
        assert other != text
        assert other.endswith(".")
        assert Counter(other[:-1].split()) == Counter(text[:-1].split())
    assert scrambled("Stop.", seed) == "Stop."
    assert scrambled("go go go", seed) == "go go go"
    assert scrambled(TEXTS[0], seed) == scrambled(TEXTS[0], seed)


def test_scrambling_takes_order_and_leaves_words() -> None:
    model = Recurrent()
    plain, other = features(model), features(Scrambled(model, 0))
    np.testing.assert_allclose(other[:, :8], plain[:, :8], atol=1e-6)
    assert np.abs(other[:2, 8:] - plain[:2, 8:]).max() > 0.1
    np.testing.assert_allclose(other[3], plain[3])
    assert len({Scrambled(model, seed).hash for seed in range(3)} | {model.hash}) == 4


def test_isolated_words_are_each_read_once_and_averaged() -> None:
    model = Recurrent()
    found = features(Isolated(model))
    assert sorted(model.shown) == sorted({w for text in TEXTS for w in text.split()})
    alone = {w: features(Recurrent(), [w])[0] for w in model.shown}
    np.testing.assert_allclose(found[0], np.mean([alone[w] for w in TEXTS[0].split()], axis=0), atol=1e-6)
    words = features(Isolated(model), words=5)
    assert words.shape == (4, 5, 16)
    np.testing.assert_array_equal(words[2, 1], alone["dog!"])
    assert not words[2, 2:].any()


def test_random_vectors_know_words_and_nothing_else() -> None:
    found = features(RandomWords(12, 0))
    assert found.shape == (4, 12)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    np.testing.assert_array_equal(found, features(RandomWords(12, 0)))
    assert not np.allclose(found, features(RandomWords(12, 1)))
    many = features(RandomWords(4000, 0), ["dog", "cat"])
    assert abs(np.corrcoef(many)[0, 1]) < 0.1
