"""Positions of words: split at whitespace, one number for the whole set, the end kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from gyral.models.words import MOST_POSITIONS, in_positions, shown_words, word_positions, word_spans
from uploads import pictures


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=40) | st.text(" \t\n\x0b\x1c\x85\u00a0\u2003\u200bab.", max_size=20))  # fmt: skip
def test_spans_are_those_of_the_words(text: str) -> None:
    assert [text[start:stop] for start, stop in word_spans(text)] == text.split()


def test_the_longest_text_says_how_many_positions() -> None:
    texts = ["one two", "one  two\nthree, four!", "one"]
    assert word_positions(StimulusSet.from_texts(texts)) == 4
    assert word_positions(StimulusSet.from_texts(["word " * 200])) == MOST_POSITIONS


def test_what_is_no_text_has_no_positions(tmp_path: Path) -> None:
    assert word_positions(pictures(tmp_path)) == 0
    assert word_positions(StimulusSet.from_texts(["a cat"], modality="label")) == 0


@pytest.mark.parametrize("empty", ["", " \n\u00a0"])
def test_a_text_without_words_is_named(empty: str) -> None:
    with pytest.raises(BadDataset, match="'second'") as caught:
        word_positions(StimulusSet.from_texts(["dog", empty], ["first", "second"]))
    assert caught.value.code == "no-words"
    with pytest.raises(BadDataset, match="'x'"):
        shown_words(empty, "x")


def test_sequences_keep_their_end_and_are_padded_with_zeros() -> None:
    long, short = np.arange(1.0, 9).reshape(4, 2), np.ones((1, 2))
    found = in_positions([long, short], 3)
    assert found.shape == (2, 3, 2) and found.dtype == np.float32
    np.testing.assert_array_equal(found[0], long[1:])
    np.testing.assert_array_equal(found[1], [[1, 1], [0, 0], [0, 0]])
