"""Words: sentences to words by whitespace (positions), and to the lower-case words that vocabularies know."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset

MOST_POSITIONS = 64

_SHOWN = re.compile(r"\S+")
_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*")
_CLITIC = re.compile(r"(?<=[a-z])(?:n't|'(?:s|re|ve|ll|d|m))$")


def word_spans(text: str) -> list[tuple[int, int]]:
    """Start and stop of every word: whatever whitespace separates, punctuation included.

    >>> word_spans(" Isn't it?")
    [(1, 6), (7, 10)]
    """
    return [found.span() for found in _SHOWN.finditer(text)]


def shown_words(text: str, name: str) -> list[str]:
    """The words at the positions of a text; ``name`` is its stimulus id, for the message.

    Raises
    ------
    BadDataset
        The text is empty or whitespace (``no-words``).
    """
    found = text.split()
    if not found:
        raise BadDataset("the text has no word.", where=f"stimulus {name!r}", code="no-words")
    return found


def word_positions(stimuli: StimulusSet) -> int:
    """How many positions hold the words of every text: those of the longest one, at most 64; 0 for other stimuli.

    For `gyral.models.model.Reduction`: a function of the whole set, so that batches, resumed extractions and
    all models agree.

    Raises
    ------
    BadDataset
        A text has no word (``no-words``).
    """
    if stimuli.modality != "text":
        return 0
    texts = zip(stimuli.texts or (), stimuli.ids, strict=True)
    return min(MOST_POSITIONS, max((len(shown_words(text, name)) for text, name in texts), default=0))


def in_positions(sequences: Sequence[NDArray[Any]], words: int) -> NDArray[np.float32]:
    """Sequences of different lengths as one array: the last ``words`` of each from position 0 on, zeros behind.

    Parameters
    ----------
    sequences : sequence of array, words x channels
    words : int

    Returns
    -------
    array, samples x positions x channels

    Examples
    --------
    >>> in_positions([np.array([[1.0], [2.0], [3.0]]), np.array([[4.0]])], 2)[..., 0].tolist()
    [[2.0, 3.0], [4.0, 0.0]]
    """
    made = np.zeros((len(sequences), words, sequences[0].shape[1]), np.float32)
    for row, values in zip(made, sequences, strict=True):
        kept = values[-words:]
        row[: len(kept)] = kept
    return made


def words_of(text: str) -> list[str]:
    """Words of a text in lower case, punctuation dropped.

    >>> words_of("The well-known doctor didn't answer!")
    ['the', 'well-known', 'doctor', "didn't", 'answer']
    """
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def pieces_of(word: str) -> list[str]:
    """A word the vocabulary does not have, in the parts it may have: contractions as in the Penn treebank, hyphens apart.

    >>> pieces_of("didn't"), pieces_of("well-known"), pieces_of("cat")
    (['did', "n't"], ['well', 'known'], ['cat'])
    """
    found = _CLITIC.search(word)
    if found:
        return [*pieces_of(word[: found.start()]), found.group()]
    return [part for part in re.split(r"[-']", word) if part]
