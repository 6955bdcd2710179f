"""Surprisal: how little a causal language model expected each word, in bits.

``S(word) = sum over its tokens of -log2 p(token | tokens before)``; the surprisals of the words of a text add up to that
of the text. The first token of a text is expected behind the special token that the tokenizer puts first, else behind the
one that begins a text in the configuration (``bos_token_id``, else ``eos_token_id``).

References
----------
Hale (2001), doi:10.3115/1073336.1073357; Levy (2008), doi:10.1016/j.cognition.2007.05.006.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.models.tokenizer import Ids

Floats = NDArray[np.float32]

LAYER = "surprisal"


def token_bits(logits: Any, ids: Any) -> Floats:
    """Surprisal of every token but the first, which has 0.

    Parameters
    ----------
    logits : torch.Tensor, samples x positions x vocabulary
        What the model expects *behind* each position.
    ids : torch.Tensor, samples x positions

    Returns
    -------
    array, samples x positions
    """
    import torch  # nested: slow to import

    found = torch.zeros(ids.shape, dtype=torch.float32)
    for row in range(len(ids)):  # one at a time: a vocabulary is wide
        expected = torch.log_softmax(logits[row, :-1].float(), dim=-1)
        chosen = expected.gather(-1, ids[row, 1:, None])[:, 0]
        found[row, 1:] = -chosen.cpu() / float(np.log(2))
    return found.numpy()


def word_bits(bits: Floats, shares: Floats) -> Floats:
    """Surprisal of every word: the sum over its tokens.

    A token that touches several words counts for each of them in equal parts, so that nothing counts twice.

    Parameters
    ----------
    bits : array, samples x positions
    shares : array, samples x words x positions
        See `gyral.models.tokenizer.Tokens`.

    Returns
    -------
    array, samples x words
        0 behind the last word.

    Examples
    --------
    >>> shares = np.array([[[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]], np.float32)
    >>> word_bits(np.array([[1.0, 2.0, 4.0]], np.float32), shares).tolist()
    [[3.0, 4.0]]
    """
    touched = shares > 0
    parts = touched / np.maximum(1, touched.sum(axis=1, keepdims=True))
    return np.asarray(np.matmul(parts, bits[:, :, None])[:, :, 0], np.float32)


def mean_bits(words: Floats, shares: Floats) -> Floats:
    """Mean surprisal of the words of each text, samples x 1."""
    present = (shares > 0).any(axis=2)
    return np.asarray(words.sum(axis=1, keepdims=True) / present.sum(axis=1, keepdims=True), np.float32)


def with_first(ids: Ids, mask: Ids, first: int) -> tuple[Ids, Ids]:
    """A token before every row."""
    column = np.ones((len(ids), 1), np.int64)
    return np.hstack([first * column, ids]), np.hstack([column, mask])
