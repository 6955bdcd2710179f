"""Windows: the tokens a model sees for texts that are read behind others (`gyral.datasets.stimulus.StimulusSet.contexts`).

A text is read with as much of its context as the model's length leaves. Where context and text are longer than that, the
window begins at a multiple of half the length: it moves in strides, and at least half the length stands before the last
token of a text. So consecutive texts of a passage share windows, and a causal model, whose earlier states do not change
with what follows, reads all texts of a window in one pass. Other models read each text by itself, with nothing after it.
The values are the same either way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gyral.models.alignment import word_shares
from gyral.models.card import Pooling
from gyral.models.tokenizer import TextTokenizer, Tokens, no_tokens

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Windows:
    """Passes of a model, and where in them each text is read.

    Parameters
    ----------
    tokens : Tokens
        One row a pass; its shares are passes x (texts of a pass * rows) x positions.
    places : sequence of (int, int)
        Pass and place in it of each text.
    rows : int
        Vectors a text: its words, or 1 for pooled texts.
    """

    tokens: Tokens
    places: tuple[tuple[int, int], ...]
    rows: int

    def by_text(self, values: NDArray[Any]) -> Floats:
        """From passes x (texts * rows) x channels to texts x rows x channels."""
        rows = self.rows
        read = [values[at, place * rows : (place + 1) * rows] for at, place in self.places]
        return np.asarray(np.stack(read), np.float32)


class _Text(NamedTuple):
    """One text behind its context.

    ``ids`` are the tokens of both, ``start`` is the first one in the window, ``shares`` are rows x tokens of the window.
    """

    whole: str
    ids: list[int]
    start: int
    shares: Floats


class _Seen(NamedTuple):
    """What `gyral.models.alignment.word_shares` needs to know of the tokens in a window."""

    ids: list[int]
    offsets: list[tuple[int, int]]
    special_tokens_mask: list[bool]
    overflowing: bool


def windows(
    tokenizer: TextTokenizer,
    texts: Sequence[str],
    contexts: Sequence[str],
    names: Sequence[str],
    *,
    words: int,
    policy: Pooling,
    causal: bool,
) -> Windows:
    """The passes in which ``texts`` are read behind their ``contexts``.

    Parameters
    ----------
    texts, contexts, names : sequence of str
        What is read, what stands before it, and stimulus ids for messages.
    words : int
        Align so many words of each text; 0: pool it.
    policy : {"last", "mean", "cls"}
        How a pooled text becomes one vector: of its own tokens, special ones not counted; "cls" is the first token of
        the window, in a pass of the text's own.
    causal : bool
        Whether texts may share a pass.

    Raises
    ------
    BadDataset
        A text has no token.
    """
    prefix, suffix = tokenizer.around(texts[0])
    room = tokenizer.most - len(prefix) - len(suffix)
    wholes = [f"{context} {text}" if context else text for text, context in zip(texts, contexts, strict=True)]
    read = [
        _look(tokenizer.cased(text), tokenizer.cased(whole), encoding, name, room, words, policy)
        for text, whole, encoding, name in zip(texts, wholes, tokenizer.whole(wholes), names, strict=True)
    ]
    alone = not causal or (policy == "cls" and not words)
    passes: list[list[int]] = []
    for number, text in enumerate(read):
        before = read[number - 1] if number else None
        if before is not None and not alone and _goes_on(before, text, contexts[number], wholes[number - 1]):
            passes[-1].append(number)
        else:
            passes.append([number])
    return _laid_out(read, passes, prefix, suffix, words or 1, first_token=policy == "cls" and not words)


def _look(text: str, whole: str, encoding: Any, name: str, room: int, words: int, policy: Pooling) -> _Text:
    begin, ids = len(whole) - len(text), list(encoding.ids)
    start = first_token(len(ids), room)
    # Offsets as if the text stood alone; what ends before it is not its own.
    offsets = [(max(a - begin, 0), b - begin) for a, b in encoding.offsets]
    foreign = [stop <= 0 for _, stop in offsets]
    seen = _Seen(ids[start:], offsets[start:], foreign[start:], not all(foreign[:start]))
    shares = word_shares(text, seen, words or len(text))
    if not len(shares):
        raise no_tokens(name)
    if not words:
        own = np.flatnonzero(~np.array(seen.special_tokens_mask))
        shares = np.zeros((1, len(seen.ids)), np.float32)
        shares[0, own[-1:] if policy == "last" else own] = 1 if policy == "last" else 1 / len(own)
    return _Text(whole, ids, start, shares)


def first_token(tokens: int, room: int) -> int:
    """Where the window over the last of ``tokens`` begins that holds at most ``room``.

    >>> [first_token(tokens, 8) for tokens in (8, 9, 12, 13)]
    [0, 4, 4, 8]
    """
    stride = max(1, room // 2)
    return -(-max(0, tokens - room) // stride) * stride


def _goes_on(before: _Text, text: _Text, context: str, whole: str) -> bool:
    """Whether ``text`` follows in the same window; a tokenizer may merge tokens across the border."""
    return context == whole and text.start == before.start and text.ids[: len(before.ids)] == before.ids


def _laid_out(
    read: Sequence[_Text],
    passes: Sequence[Sequence[int]],
    prefix: Sequence[int],
    suffix: Sequence[int],
    rows: int,
    *,
    first_token: bool,
) -> Windows:
    lines = [[*prefix, *read[group[-1]].ids[read[group[-1]].start :], *suffix] for group in passes]
    width, most = max(map(len, lines)), max(map(len, passes))
    ids, mask = (np.zeros((len(lines), width), np.int64) for _ in range(2))
    shares = np.zeros((len(lines), most * rows, width), np.float32)
    places = []
    for at, (line, group) in enumerate(zip(lines, passes, strict=True)):
        ids[at, : len(line)], mask[at, : len(line)] = line, 1
        for place, number in enumerate(group):
            own = read[number].shares[-rows:]
            first = place * rows
            shares[at, first : first + len(own), len(prefix) : len(prefix) + own.shape[1]] = own
            if first_token:
                shares[at, first] = np.eye(1, width, dtype=np.float32)
            places.append((at, place))
    return Windows(Tokens(ids, mask, np.zeros_like(ids), shares), tuple(places), rows)
