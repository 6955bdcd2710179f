"""Simulated language units: what each of them computes from a sentence, and from those before it."""

from collections.abc import Sequence

import numpy as np

from gyral.datasets.simulated_cortex import Array, Patch, Population, mixed, standardised, stream
from gyral.datasets.simulated_sentences import (
    ADJECTIVES,
    BEING_VERBS,
    BEINGS,
    PLACES,
    THING_VERBS,
    THINGS,
    Noun,
    Sentence,
)

_HASHED = 6  # columns of a word vector that are the word's own
_FADING = 0.6  # weight of a sentence that lies one further back in the passage
_KINDS = ("person", "animal", "food", "vehicle", "tool", "furniture", "place")

PATCHES = tuple(
    Patch(name, (*above, name), f"{title} (simulated)", truth, units, anchor)
    for name, above, title, truth, units, anchor in (
        ("sim_words", ("language", "temporal"), "word carrier", "static words", 32, (54, -36, 2)),
        ("sim_context", ("language", "frontal"), "role carrier", "who did what to whom", 32, (48, 22, 14)),
        ("sim_passage", ("language", "parietal"), "passage carrier", "sentences before", 16, (46, -62, 34)),
        ("sim_length", ("reading",), "sentence length", "sentence length", 16, (10, -92, 2)),
        ("sim_noise", ("control",), "reliable noise", "unrelated to the text", 12, (38, -24, 58)),
    )
)


def bag(sentences: Sequence[Sentence]) -> Array:
    """Mean word vector of the content words, samples x features; blind to order, roles and negation."""
    vectors = _word_vectors()
    return np.stack([np.mean([vectors[w] for w in s.content], axis=0) for s in sentences])


def roles(sentences: Sequence[Sentence]) -> Array:
    """Who did what to whom, samples x features, standardised.

    Attributes of the agent, attributes of the patient, and the deed: its kindness and force turned round by
    a negation, and both again for each kind of patient. A bag of words cannot tell agent from patient, nor
    which way a negation turns.
    """
    return standardised(np.array([_who(s.agent) + _who(s.patient) + _what(s) for s in sentences]))


def before(sentences: Sequence[Sentence]) -> Array:
    """Fading sum of the roles of the earlier sentences of the same passage, samples x features."""
    now, trace = roles(sentences), np.zeros((len(sentences), len(_who(BEINGS[0])) * 2 + len(_what(sentences[0]))))
    for i in range(1, len(sentences)):
        if sentences[i].passage == sentences[i - 1].passage:
            trace[i] = now[i - 1] + _FADING * trace[i - 1]
    return trace


def length(sentences: Sequence[Sentence]) -> Array:
    """Number of words, number of characters, and characters per word, samples x features, standardised."""
    words = np.array([len(s.text.split()) for s in sentences], float)
    characters = np.array([len(s.text) for s in sentences], float)
    return standardised(np.column_stack([words, characters, characters / words]))


def populate(sentences: Sequence[Sentence], subject: str, seed: int) -> list[Population]:
    """The noiseless units of one subject, patch after patch."""
    known = {
        "sim_words": standardised(bag(sentences)),
        "sim_context": roles(sentences),
        "sim_passage": before(sentences),
        "sim_length": length(sentences),
    }
    populations = []
    for patch in PATCHES:
        rng = stream(seed, "language", subject, patch.name, "units")
        if patch.name in known:
            features = known[patch.name]
            signal = mixed(features, rng.normal(size=(features.shape[1], patch.units)))
        else:
            signal = rng.normal(size=(len(sentences), patch.units))
        populations.append(Population(patch, standardised(signal)))
    return populations


def _word_vectors() -> dict[str, Array]:
    """One vector a content word: its class, its attributes, and a few columns of its own."""
    vectors: dict[str, Array] = {}
    for noun in (*BEINGS, *THINGS, *PLACES):
        meaning = [2.0 * (noun.kind == kind) for kind in _KINDS]
        vectors[noun.word] = _vector(noun.word, [*meaning, noun.size / 4, noun.danger / 4, 0, 0, 0])
    for verb in (*BEING_VERBS, *THING_VERBS):
        vectors[verb.base] = _vector(verb.base, [*[0.0] * len(_KINDS), 0, 0, 2 * verb.kindness, 2 * verb.force, 0])
    return _Known(vectors)


class _Known(dict[str, Array]):
    """Word vectors; adjectives are made on demand."""

    def __missing__(self, word: str) -> Array:
        age = 2.0 if word in ADJECTIVES else -2.0
        self[word] = _vector(word, [*[0.0] * len(_KINDS), 0, 0, 0, 0, age])
        return self[word]


def _vector(word: str, meaning: list[float]) -> Array:
    own = stream(0, "word", word).normal(0, 0.5, size=_HASHED)
    return np.concatenate([np.array(meaning, float), own])


def _who(noun: Noun) -> list[float]:
    return [
        float(noun.kind == "person"),
        float(noun.kind == "animal"),
        noun.size / 9,
        noun.danger / 9,
    ]


def _what(sentence: Sentence) -> list[float]:
    kindness, force = sentence.polarity * sentence.verb.kindness, sentence.polarity * sentence.verb.force
    person, animal = sentence.patient.kind == "person", sentence.patient.kind == "animal"
    return [kindness, force, kindness * person, kindness * animal, force * person, force * animal]
