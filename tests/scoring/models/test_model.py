"""Reductions: what is declared is part of the cache key."""

import pytest

from gyral.models.model import Reduction


def test_words_change_the_key_and_pooled_texts_keep_theirs() -> None:
    assert Reduction().key == "grid7" and Reduction(None).key == "grid0"
    keys = {Reduction(grid, words).key for grid in (None, 7) for words in (0, 7, 12)}
    assert len(keys) == 6


@pytest.mark.parametrize("words", [True, False, -1])
def test_words_are_a_number_of_positions(words: int) -> None:
    with pytest.raises(ValueError, match="a number of positions"):
        Reduction(words=words)
