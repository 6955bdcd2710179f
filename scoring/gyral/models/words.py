"""Words: sentences to the lower-case tokens that word vectors and frequency lists know."""

import re

_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*")
_CLITIC = re.compile(r"(?<=[a-z])(?:n't|'(?:s|re|ve|ll|d|m))$")


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
