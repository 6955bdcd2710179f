"""Sentences become tokens that keep their end, and tokens one vector that ignores padding."""

import numpy as np
import pytest

from gyral.errors import BadDataset, BadUpload
from gyral.models.card import Pooling, TextInput
from gyral.models.tokenizer import TextTokenizer, Tokens, pooled, read_out
from made_models import WORDS, word_tokenizer


def test_encode_pads_on_the_right() -> None:
    tokens = TextTokenizer(word_tokenizer(), TextInput()).encode(["the dog", "a"], ["1", "2"])
    assert [[WORDS[i] for i in row] for row in tokens.ids] == [
        ["[CLS]", "the", "dog", "[SEP]"],
        ["[CLS]", "a", "[SEP]", "[PAD]"],
    ]
    assert tokens.mask.tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]] and tokens.lengths.tolist() == [4, 3]


def test_a_long_text_keeps_its_end_and_its_special_tokens() -> None:
    tokens = TextTokenizer(word_tokenizer(), TextInput(max_tokens=4)).encode(["the old dog sees a cat"], ["1"])
    assert [WORDS[i] for i in tokens.ids[0]] == ["[CLS]", "a", "cat", "[SEP]"]


def test_lowercase_is_applied_where_the_card_says_so() -> None:
    for lowercase, word in ((True, "dog"), (False, "[UNK]")):
        tokens = TextTokenizer(word_tokenizer(), TextInput(lowercase=lowercase)).encode(["DOG"], ["1"])
        assert WORDS[tokens.ids[0, 1]] == word


def test_a_text_without_tokens_is_named() -> None:
    tokenizer = TextTokenizer(word_tokenizer(special=False), TextInput())
    with pytest.raises(BadDataset, match="'second'") as caught:
        tokenizer.encode(["dog", ""], ["first", "second"])
    assert caught.value.code == "no-tokens"


def test_a_tokenizer_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadUpload) as caught:
        TextTokenizer(b"{}", TextInput())
    assert caught.value.code == "tokenizer" and caught.value.where == "tokenizer.json"


def test_max_tokens_below_the_special_ones_is_refused() -> None:
    with pytest.raises(BadUpload, match="max_tokens = 1"):
        TextTokenizer(word_tokenizer(), TextInput(max_tokens=1))


@pytest.mark.parametrize("policy", ["last", "mean", "cls"])
def test_pooling_ignores_what_padding_holds(policy: Pooling) -> None:
    states = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    spoilt = states.copy()
    spoilt[1, 3:] = np.nan
    found = pooled(spoilt, mask, policy)
    one = states[1, :3]
    expected = {"last": one[-1], "mean": one.mean(axis=0), "cls": one[0]}[policy]
    np.testing.assert_allclose(found[1], expected, rtol=1e-6)
    assert found.shape == (2, 3) and found.dtype == np.float32


def test_shares_name_the_tokens_of_each_word_and_pad_with_zeros() -> None:
    texts = ["the dog, sees", "a"]
    tokens = TextTokenizer(word_tokenizer(), TextInput()).encode(texts, ["1", "2"], words=4)
    assert tokens.shares is not None
    # [CLS] the dog , sees [SEP] and [CLS] a [SEP] with three tokens of padding
    first = [[0, 1, 0, 0, 0, 0], [0, 0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 1, 0], [0] * 6]
    np.testing.assert_array_equal(tokens.shares, [first, [[0, 1, 0, 0, 0, 0], *[[0] * 6] * 3]])
    assert TextTokenizer(word_tokenizer(), TextInput()).encode(texts, ["1", "2"]).shares is None


def test_words_are_found_in_the_text_as_the_tokenizer_sees_it() -> None:
    # The lower case of this letter is two characters long: offsets are those of the lowered text.
    text = "\u0130\u0130\u0130 DOG CAT"
    tokens = TextTokenizer(word_tokenizer(special=False), TextInput(lowercase=True)).encode([text], ["1"], words=3)
    assert tokens.shares is not None and [WORDS[i] for i in tokens.ids[0, -2:]] == ["dog", "cat"]
    np.testing.assert_array_equal(tokens.shares[0, 1:, -2:], np.eye(2))
    assert not tokens.shares[0, 1:, :-2].any()


def test_a_text_cut_by_max_tokens_begins_at_what_is_left_of_it() -> None:
    tokenizer = TextTokenizer(word_tokenizer(), TextInput(max_tokens=4))
    tokens = tokenizer.encode(["the old dog sees a cat"], ["1"], words=6)
    assert tokens.shares is not None
    np.testing.assert_array_equal(tokens.shares[0], [[0, 1, 0, 0], [0, 0, 1, 0], *[[0] * 4] * 4])


def test_a_text_of_special_tokens_alone_has_no_words() -> None:
    tokenizer = TextTokenizer(word_tokenizer(), TextInput())
    with pytest.raises(BadDataset, match="'second'") as caught:
        tokenizer.encode(["dog", ""], ["first", "second"], words=3)
    assert caught.value.code == "no-tokens"


def test_words_are_means_of_their_tokens_whatever_padding_holds() -> None:
    states = np.random.default_rng(0).normal(size=(2, 6, 3)).astype(np.float32)
    tokens = TextTokenizer(word_tokenizer(), TextInput()).encode(["the dog, sees", "a"], ["1", "2"], words=4)
    spoilt = states.copy()
    spoilt[1, 3:] = np.nan
    found = read_out(spoilt, tokens, "mean")
    assert found.shape == (2, 4, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found[0, 1], states[0, 2:4].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found[1, 0], states[1, 1], rtol=1e-6)
    assert not found[0, 3:].any() and not found[1, 1:].any()
    plain = Tokens(tokens.ids, tokens.mask, tokens.types)
    np.testing.assert_array_equal(read_out(spoilt, plain, "last"), pooled(spoilt, tokens.mask, "last"))


def test_special_tokens_and_the_side_that_is_cut_are_the_card_s() -> None:
    text = "the dog sees a cat"
    whole = TextTokenizer(word_tokenizer(), TextInput()).encode([text], ["x"]).ids[0].tolist()
    bare = TextTokenizer(word_tokenizer(), TextInput(special_tokens=False)).encode([text], ["x"]).ids[0].tolist()
    assert [2, *bare, 3] == whole
    for side, kept in (("start", bare[-2:]), ("end", bare[:2])):
        spec = TextInput(max_tokens=2, special_tokens=False, cut=side)  # type: ignore[arg-type]
        assert TextTokenizer(word_tokenizer(), spec).encode([text], ["x"]).ids[0].tolist() == kept
