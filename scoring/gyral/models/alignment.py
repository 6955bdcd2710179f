"""Alignment: which sub-word tokens make up each word of a text, by the tokenizer's offsets.

Offsets are characters of the text the tokenizer was given, whatever it does to them (lower case, accents, NFKC)
and whichever mark it sets for a space (``\u0120``, ``\u2581``, ``##``). The rules:

- a token belongs to every word it touches: one, except for vocabularies with tokens that reach across a space;
- a token of whitespace alone belongs to the word behind it, as a leading space inside a token does;
  at the end of a text it belongs to none;
- special tokens that the tokenizer adds belong to none;
- a word without a token (control characters, say) has what the model had read until then: the vector of the
  word before it, at the beginning of a text of the word after it;
- a text that was cut (``max_tokens`` keeps the end) begins at the first word of which a token is left.
"""

from bisect import bisect_left, bisect_right
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.models.words import word_spans

Floats = NDArray[np.float32]


def word_shares(text: str, encoding: Any, words: int) -> Floats:
    """The share of each token in each word: rows sum to one.

    Parameters
    ----------
    text : str
        What ``encoding`` was made from.
    encoding : tokenizers.Encoding
    words : int
        At most so many words are kept, from the end.

    Returns
    -------
    array, words x tokens
        No row where no word has a token.
    """
    spans = word_spans(text)
    starts, stops = [start for start, _ in spans], [stop for _, stop in spans]
    shares = np.zeros((len(spans), len(encoding.ids)), np.float32)
    tokens = zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
    for token, ((start, stop), special) in enumerate(tokens):
        if not special:
            first = bisect_right(stops, start)
            shares[first : max(bisect_left(starts, stop), first + 1), token] = 1
    read = np.flatnonzero(shares.any(axis=1))
    if not len(read):
        return shares[:0]
    begin = int(read[0]) if encoding.overflowing else 0
    before = np.searchsorted(read, np.arange(begin, len(spans)), side="right") - 1
    shares = shares[read[np.maximum(before, 0)]][-words:]
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)
