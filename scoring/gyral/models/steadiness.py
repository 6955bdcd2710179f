"""Steadiness: what an item gives must depend neither on the items beside it nor on the padding behind it.

Scores would change with the order of the stimuli, and with the memory that decides how many are shown at once.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadUpload
from gyral.models import calibration
from gyral.models.tokenizer import TextTokenizer, Tokens

MANY = 3  # items of the larger of the two batches that are tried


def two_texts(tokenizer: TextTokenizer) -> tuple[Tokens, Tokens, Tokens]:
    """The shortest and the longest of eight made sentences in this tokenizer's tokens, each alone, and both padded."""
    texts = sorted(calibration.sentences()[:8], key=lambda text: tokenizer.encode([text], ["made"]).ids.shape[1])
    short, long = texts[0], texts[-1]
    alone, other = (tokenizer.encode([text], ["made"]) for text in (short, long))
    return alone, other, tokenizer.encode([short, long], ["made", "made"])


def refuse_change(
    layer: str, among: NDArray[Any], alone: NDArray[Any], *, where: str, mend: str, code: str
) -> None:
    """Raise BadUpload with ``code`` where a layer of an item is not the same among others as it is alone.

    Parameters
    ----------
    layer : str
    among, alone : array, 1 x ...
        The item's values in a batch of several, and by itself.
    where, mend, code : str
        Of the error.
    """
    if not _same(among, alone):
        raise BadUpload(
            f"the layer {layer!r} of one item changes with the other items of its batch.",
            where=where,
            mend=mend,
            code=code,
        )


def refuse_padding(
    layer: str, padded: NDArray[Any], alone: NDArray[Any], *, where: str, mend: str, code: str
) -> None:
    """Raise BadUpload with ``code`` where a layer of a text changes with the padding behind it.

    Parameters
    ----------
    layer : str
    padded, alone : array, 1 x positions x channels or 1 x channels
        The text's values beside a longer one, more positions than it has, and by itself.
    where, mend, code : str
        Of the error.
    """
    own = padded[:, : alone.shape[1]] if alone.ndim == 3 else padded
    if not _same(own, alone):
        raise BadUpload(
            f"the layer {layer!r} of a text changes with the padding behind it, whatever its attention_mask says.",
            where=where,
            mend=mend,
            code=code,
        )


def _same(given: NDArray[Any], alone: NDArray[Any]) -> bool:
    if given.shape != alone.shape:
        return False
    if not np.isfinite(alone).all():
        return True  # nothing to compare; `verify` and extraction refuse the layer
    scale = float(np.abs(alone).max()) or 1.0
    return bool(np.allclose(given, alone, rtol=1e-2, atol=1e-3 * scale, equal_nan=True))
