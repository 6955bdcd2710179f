"""Alignment: every kind of sub-word tokenizer gives each word its own tokens."""

from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from gyral.models.alignment import word_shares

HARD = (
    "It isn't the café’s fault, is it?",
    'Don\'t stop -- "now" (or never)...',
    "  naïve   Ünïcödé\twords\n日本語 2024 ",
    "x",
)
CORPUS = [*HARD, "the old dog sees a cat near the house and the cats see the old dogs"]
BYTES = pre_tokenizers.ByteLevel.alphabet()


def _wordpiece() -> Any:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[UNK]", "[CLS]", "[SEP]"]
    made.train_from_iterator(
        CORPUS, trainers.WordPieceTrainer(vocab_size=90, special_tokens=special, show_progress=False)
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return made  # fmt: skip


def _byte_level(trimmed: bool) -> Any:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if trimmed:
        made.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=BYTES, show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    return made


def _metaspace() -> Any:
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=80, unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
    )
    made.train_from_iterator(CORPUS, trainer)
    return made


def _byte_fallback() -> Any:
    """As Llama's older tokenizers: a mark put before the text, spaces replaced, no pre-tokenizer."""
    pieces = ["<unk>", "<s>", "▁", *"thedogcasinrw", *(f"<0x{i:02X}>" for i in range(256))]
    vocabulary = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return made


TOKENIZERS = {
    "wordpiece": _wordpiece,
    "byte-level": lambda: _byte_level(False),
    "byte-level-trimmed": lambda: _byte_level(True),
    "metaspace": _metaspace,
    "byte-fallback": _byte_fallback,
}


def _shares(tokenizer: Any, text: str, words: int = 64) -> np.ndarray:
    return word_shares(text, tokenizer.encode(text), words)


def _owners(tokenizer: Any, text: str) -> list[list[str]]:
    """Tokens of each word."""
    tokens = tokenizer.encode(text).tokens
    return [[tokens[i] for i in np.flatnonzero(row)] for row in _shares(tokenizer, text)]


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("text", HARD)
def test_each_word_has_the_tokens_it_has_alone(kind: str, text: str) -> None:
    # Between single spaces a word's tokens do not depend on its neighbours; the first word has no space before it.
    tokenizer, text = TOKENIZERS[kind](), " ".join(text.split())
    alone = {}
    for number, word in enumerate(text.split()):
        shown = " " + word if number and kind.startswith("byte-level") else word
        encoding = tokenizer.encode(shown)
        pairs = zip(encoding.tokens, encoding.special_tokens_mask, strict=True)
        alone[number] = [token for token, special in pairs if not special]
    assert _owners(tokenizer, text) == list(alone.values())


@pytest.mark.parametrize("kind", TOKENIZERS)
@pytest.mark.parametrize("text", HARD)
def test_every_token_but_special_and_trailing_ones_counts_once(kind: str, text: str) -> None:
    tokenizer = TOKENIZERS[kind]()
    encoding, shares = tokenizer.encode(text), _shares(tokenizer, text)
    assert len(shares) == len(text.split())
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    special = np.array(encoding.special_tokens_mask, bool)
    behind = np.array([not text[start:].strip() for start, _ in encoding.offsets]) & ~special
    np.testing.assert_array_equal((shares > 0).sum(axis=0), ~special & ~behind)
    assert (np.diff([np.flatnonzero(row)[0] for row in shares]) > 0).all()


def test_contractions_punctuation_and_accents_stay_with_their_word() -> None:
    tokenizer = _byte_level(False)
    owners = _owners(tokenizer, "It isn't the café’s fault.")
    shown = [b"".join(bytes([_byte(c)]) for t in word for c in t).decode() for word in owners]
    assert shown == ["It", " isn't", " the", " café’s", " fault."]


def _byte(shown: str) -> int:
    """The byte a character of the byte-level alphabet stands for: printable ones themselves, others from U+0100 on."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in kept]
    return ord(shown) if ord(shown) < 256 else others[ord(shown) - 256]


def test_spaces_alone_belong_to_the_word_behind_them() -> None:
    # One token a byte: no merge hides a space.
    made = Tokenizer(models.BPE(vocab={shown: i for i, shown in enumerate(BYTES)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert _owners(made, "a \n b  ") == [["a"], ["Ġ", "Ċ", "Ġ", "b"]]


def test_a_token_across_a_space_belongs_to_both_words() -> None:
    made = Tokenizer(
        models.BPE(vocab={"a": 0, "b": 1, " ": 2, "a ": 3, "a b": 4}, merges=[("a", " "), ("a ", "b")])
    )
    np.testing.assert_array_equal(_shares(made, "a b a"), [[1, 0, 0], [1, 0, 0], [0, 0.5, 0.5]])


def test_a_word_without_a_token_has_what_was_read_until_then() -> None:
    tokenizer = _wordpiece()
    plain, found = _owners(tokenizer, "dog cat"), _owners(tokenizer, "\x07 dog \x07 \u200b\x07 cat \x07")
    assert found == [plain[0], plain[0], plain[0], plain[0], plain[1], plain[1]]


def test_no_row_where_no_word_has_a_token() -> None:
    assert _shares(_wordpiece(), "\x07 \x07").shape == (0, 2)
    assert _shares(_wordpiece(), "").shape == (0, 2)


def test_a_cut_text_begins_at_the_first_word_that_is_left() -> None:
    tokenizer = _byte_fallback()
    text = "the dogs sat here"
    tokenizer.enable_truncation(max_length=8, direction="left")
    encoding = tokenizer.encode(text)
    assert encoding.tokens == ["<s>", "a", "t", "▁", "h", "e", "r", "e"]
    shares = word_shares(text, encoding, 64)
    np.testing.assert_allclose(shares, [[0, 0.5, 0.5, 0, 0, 0, 0, 0], [0, 0, 0, *[0.2] * 5]], rtol=1e-6)


def test_at_most_so_many_words_are_kept_from_the_end() -> None:
    tokenizer = _wordpiece()
    whole = _shares(tokenizer, "the old dog sees a cat")
    np.testing.assert_array_equal(_shares(tokenizer, "the old dog sees a cat", 2), whole[-2:])
