"""Static word vectors: the mean of what is known, and twins of the same norms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset, BadUpload
from gyral.models.model import Model, Reduction
from gyral.models.word_vectors import WordVectors
from gyral.models.words import pieces_of, words_of
from made_models import features, text_card

WORDS = ("the", "dog", "did", "n't", "bark", "well", "known", "well-known")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    (tmp_path / "words.txt").write_text("\n".join(WORDS), "utf-8")
    return tmp_path


def _mean(folder: Path, *words: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.load(folder / "vectors.npy")[[WORDS.index(word) for word in words]].mean(axis=0)


def test_a_sentence_is_the_mean_of_its_words(folder: Path) -> None:
    model = WordVectors(folder, text_card())
    assert isinstance(model, Model) and model.layers() == ("words",)
    stimuli = StimulusSet.from_texts(["The dog.", "The dog, the dog!", "DOG"])
    found = features(model, stimuli)["words"]
    np.testing.assert_allclose(found[0], _mean(folder, "the", "dog"), rtol=1e-6)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6)
    np.testing.assert_allclose(found[2], _mean(folder, "dog"), rtol=1e-6)


def test_unknown_words_are_tried_in_parts_then_left_out(folder: Path) -> None:
    model = WordVectors(folder, text_card())
    assert model.known("The dog didn’t meow") == ["the", "dog", "did", "n't"]
    assert model.known("well-known") == ["well-known"]
    assert model.known("well-dog") == ["well", "dog"]
    stimuli = StimulusSet.from_texts(["meow"])
    assert not features(model, stimuli)["words"].any()


def test_the_untrained_twin_keeps_norms_and_loses_directions(folder: Path) -> None:
    stimuli = StimulusSet.from_texts(list(WORDS[:3]))
    trained = features(WordVectors(folder, text_card()), stimuli)["words"]
    drawn = [
        features(WordVectors(folder, text_card(), twin="untrained", seed=s), stimuli)["words"] for s in (0, 1)
    ]
    for values in drawn:
        np.testing.assert_allclose(np.linalg.norm(values, axis=1), np.linalg.norm(trained, axis=1), rtol=1e-5)
        assert not np.allclose(values, trained)
    assert not np.allclose(drawn[0], drawn[1])
    again = features(WordVectors(folder, text_card(), twin="untrained", seed=1), stimuli)["words"]
    np.testing.assert_array_equal(again, drawn[1])


def test_the_permuted_control_keeps_the_numbers(folder: Path) -> None:
    model = WordVectors(folder, text_card(), twin="permuted")
    trained = np.load(folder / "vectors.npy")
    stimuli = StimulusSet.from_texts(list(WORDS[:3]))
    found = features(model, stimuli)["words"]
    assert np.isin(found, trained).all() and not np.array_equal(found, trained[:3])


def test_hashes_differ_by_twin_and_seed(folder: Path) -> None:
    made = [WordVectors(folder, text_card(), twin="untrained", seed=s).hash for s in range(5)]
    made += [WordVectors(folder, text_card(), twin="permuted").hash, WordVectors(folder, text_card()).hash]
    assert len(set(made)) == 7


def test_words_and_vectors_of_different_number_are_refused(folder: Path) -> None:
    (folder / "words.txt").write_text("one\ntwo", "utf-8")
    with pytest.raises(BadUpload) as caught:
        WordVectors(folder, text_card())
    assert caught.value.code == "words-count"


def test_words_are_lower_case_without_punctuation() -> None:
    assert words_of('"Hello," she said -- twice; it cost 3.50!') == [
        "hello",
        "she",
        "said",
        "twice",
        "it",
        "cost",
        "3",
        "50",
    ]
    assert words_of("") == []
    assert pieces_of("we'll") == ["we", "'ll"] and pieces_of("o'clock") == ["o", "clock"]


def _by_word(
    model: WordVectors, texts: list[str], words: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    batches = model.batches(StimulusSet.from_texts(texts), ("words",), reduction=Reduction(words=words), memory=1)
    return np.concatenate([batch.arrays["words"] for batch in batches])


def test_word_by_word_each_known_word_has_its_vector(folder: Path) -> None:
    found = _by_word(WordVectors(folder, text_card()), ["The dog didn't bark!", "dog", "the the well-dog"], 3)
    assert found.shape == (3, 3, 6) and found.dtype == np.float32
    expected = [_mean(folder, *words) for words in (("dog",), ("did", "n't"), ("bark",))]
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)
    np.testing.assert_allclose(found[1, 0], _mean(folder, "dog"), rtol=1e-6)
    assert not found[1, 1:].any()
    np.testing.assert_allclose(found[2, 2], _mean(folder, "well", "dog"), rtol=1e-6)


@pytest.mark.parametrize("twin", [None, "untrained", "permuted"])
def test_word_by_word_an_unknown_word_keeps_its_place_with_the_mean_of_all(folder: Path, twin: Any) -> None:
    model = WordVectors(folder, text_card(), twin=twin)
    found = _by_word(model, ["the meow dog", "meow -- meow", " ".join(WORDS[:5])], 5)
    alone = _by_word(model, list(WORDS), 1)[:, 0]
    np.testing.assert_allclose(found[0, [0, 2]], alone[:2], rtol=1e-6)
    np.testing.assert_allclose(found[0, 1], alone.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found[1, :3], np.repeat(found[:1, 1], 3, axis=0))
    assert (found.any(axis=2).sum(axis=1) == [3, 3, 5]).all()


def test_word_by_word_a_text_without_words_is_named(folder: Path) -> None:
    with pytest.raises(BadDataset, match="'0002'"):
        _by_word(WordVectors(folder, text_card()), ["the", " "], 2)
