"""Tokenizer: sentences to padded token ids through a ``tokenizer.json``, and tokens back to one vector a text or a word."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadDataset, BadUpload
from gyral.models.alignment import word_shares
from gyral.models.card import Pooling, TextInput

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tokens:
    """A batch of sentences, padded on the right.

    Parameters
    ----------
    ids : array, samples x positions
    mask : array, samples x positions
        1 for tokens (special ones included), 0 for padding.
    types : array, samples x positions
        Segment ids.
    shares : array, samples x words x positions, optional
        Share of each token in each word (`gyral.models.alignment`); rows sum to one, behind the last word to zero.
    """

    ids: Ids
    mask: Ids
    types: Ids
    shares: Floats | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Ids:
        """Tokens of each sentence."""
        return np.asarray(self.mask.sum(axis=1), np.int64)

    def of_length(self, rows: Ids, length: int) -> "Tokens":
        """Some sentences of one length, without padding."""
        shares = None if self.shares is None else self.shares[rows, :, :length]
        return Tokens(self.ids[rows, :length], self.mask[rows, :length], self.types[rows, :length], shares)


class TextTokenizer:
    """A fast tokenizer with the card's length, case and special tokens.

    Longer texts are cut at the end the card names; special tokens stay.

    Parameters
    ----------
    data : bytes
        Content of ``tokenizer.json``.
    spec : TextInput
        ``max_tokens``, ``lowercase``, ``special_tokens`` and ``cut``.

    Raises
    ------
    BadUpload
        ``tokenizer.json`` cannot be read.
    """

    def __init__(self, data: bytes, spec: TextInput) -> None:
        from tokenizers import Tokenizer  # nested: slow to import

        try:
            self._tokenizer: Any = Tokenizer.from_buffer(data)
        except Exception as error:  # noqa: BLE001 - tokenizers raises bare Exception
            raise BadUpload(
                f"the tokenizer cannot be read: {error}.", where="tokenizer.json", code="tokenizer"
            ) from None
        self._tokenizer.no_padding()
        self._special = spec.special_tokens
        if spec.max_tokens <= self._special * self._tokenizer.num_special_tokens_to_add(False):
            raise BadUpload(
                f"max_tokens = {spec.max_tokens!r} leaves no room beside the special tokens.",
                where="gyral.toml",
                mend="Raise text.max_tokens.",
                code="card-value",
            )
        self._tokenizer.enable_truncation(
            max_length=spec.max_tokens, direction="left" if spec.cut == "start" else "right"
        )
        self._lowercase, self.most = spec.lowercase, spec.max_tokens

    @property
    def size(self) -> int:
        """Number of tokens in the vocabulary, added ones included."""
        return int(self._tokenizer.get_vocab_size())

    @cached_property
    def _uncut(self) -> Any:
        whole = type(self._tokenizer).from_str(self._tokenizer.to_str())
        whole.no_truncation()
        return whole

    def cased(self, text: str) -> str:
        """A text as it is tokenized."""
        return text.lower() if self._lowercase else text

    def whole(self, texts: Sequence[str]) -> list[Any]:
        """Encodings of whole texts, however long, without special tokens."""
        return list(self._uncut.encode_batch([self.cased(text) for text in texts], add_special_tokens=False))

    def around(self, text: str) -> tuple[list[int], list[int]]:
        """Ids of the special tokens that stand before and behind a text."""
        encoding = self._uncut.encode(self.cased(text), add_special_tokens=self._special)
        own = [i for i, special in enumerate(encoding.special_tokens_mask) if not special]
        if not own:
            return list(encoding.ids), []
        return list(encoding.ids[: own[0]]), list(encoding.ids[own[-1] + 1 :])

    def encode(self, texts: Sequence[str], names: Sequence[str], *, words: int = 0) -> Tokens:
        """Token ids of ``texts``; ``names`` are their stimulus ids, for messages.

        Parameters
        ----------
        words : int
            Align so many words (the last ones) of each text; 0: none.

        Raises
        ------
        BadDataset
            A text has no token, or none but special ones where words are aligned.
        """
        shown = [self.cased(text) for text in texts]
        found = self._tokenizer.encode_batch(shown, add_special_tokens=self._special)
        for name, encoding in zip(names, found, strict=True):
            if not encoding.ids:
                raise no_tokens(name)
        width = max(len(encoding.ids) for encoding in found)
        ids, mask, types = (np.zeros((len(found), width), np.int64) for _ in range(3))
        for row, encoding in enumerate(found):
            length = len(encoding.ids)
            ids[row, :length], mask[row, :length] = encoding.ids, 1
            types[row, :length] = encoding.type_ids
        if not words:
            return Tokens(ids, mask, types)
        shares = np.zeros((len(found), words, width), np.float32)
        for row, (text, encoding) in enumerate(zip(shown, found, strict=True)):
            own = word_shares(text, encoding, words)
            if not len(own):
                raise no_tokens(names[row])
            shares[row, : len(own), : own.shape[1]] = own
        return Tokens(ids, mask, types, shares)


def no_tokens(name: str) -> BadDataset:
    """The error for a text of which the model sees nothing."""
    return BadDataset("the text has no token for this model.", where=f"stimulus {name!r}", code="no-tokens")


def read_out(states: NDArray[Any], tokens: Tokens, policy: Pooling) -> Floats:
    """What is handed out of token states: one vector a word where words were aligned, else one a sentence.

    Parameters
    ----------
    states : array, samples x positions x channels
    tokens : Tokens
        What the states were made from.
    policy : {"last", "mean", "cls"}
        See `pooled`; words are always the mean of their tokens.

    Returns
    -------
    array, samples x channels or samples x words x channels
    """
    if tokens.shares is None:
        return pooled(states, tokens.mask, policy)
    values = np.asarray(states, np.float32)
    # Padding may hold anything, NaN included: zero times NaN would spoil every word.
    kept = np.where(tokens.mask[:, :, None] > 0, values, np.float32(0))
    return np.asarray(np.matmul(tokens.shares, kept), np.float32)


def pooled(states: NDArray[Any], mask: Ids, policy: Pooling) -> Floats:
    """One vector a sentence from token states; padding never counts.

    Parameters
    ----------
    states : array, samples x positions x channels
    mask : array, samples x positions
        1 for tokens, 0 for padding on the right.
    policy : {"last", "mean", "cls"}
        Last token, mean of all tokens (special ones included), or first token.

    Returns
    -------
    array, samples x channels
    """
    values = np.asarray(states, np.float32)
    if policy == "cls":
        return np.ascontiguousarray(values[:, 0])
    if policy == "last":
        return np.ascontiguousarray(values[np.arange(len(values)), mask.sum(axis=1) - 1])
    weights = mask[:, :, None].astype(np.float32)
    # Padding may hold anything, NaN included: multiply only what counts.
    kept = np.where(weights > 0, values, np.float32(0))
    return np.asarray(kept.sum(axis=1) / weights.sum(axis=1), np.float32)
