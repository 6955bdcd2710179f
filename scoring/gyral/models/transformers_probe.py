"""The probe of a transformers network: made images in two batch sizes, and texts of two lengths, before it is accepted.

The families that are taken honour their masks, but a configuration may ask for what does not: positions scaled by the
longest text of a batch (``longrope``), say.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.models import calibration
from gyral.models.families import Family
from gyral.models.steadiness import MANY, refuse_change, refuse_padding, two_texts
from gyral.models.tokenizer import TextTokenizer, Tokens
from gyral.models.transformers_net import run

_WHERE = "config.json"
_MIXING = "Nothing in the configuration may depend on the batch: take out what scales with it, or export to ONNX."
_PADDING = "Take out what scales with the longest text of a batch (rope_parameters), or export to ONNX."
_LONGEST = 256  # tokens: enough to pass where most scalings of positions begin, and quick

Floats = NDArray[np.float32]


def probe_images(net: Any, family: Family, images: Floats, layers: Sequence[str]) -> dict[str, Floats]:
    """States of ``images`` (several), after the first was shown alone as well.

    Raises
    ------
    BadUpload
        It gives something else among others (``weights-batch-mixing``).
    """
    alone, among = run(net, family, pixel_values=images[:1]), run(net, family, pixel_values=images)
    for layer, single, values in zip(layers, alone, among, strict=True):
        refuse_change(layer, values[:1], single, where=_WHERE, mend=_MIXING, code="weights-batch-mixing")
    return dict(zip(layers, among, strict=True))


def probe_texts(net: Any, family: Family, tokenizer: TextTokenizer, layers: Sequence[str]) -> None:
    """Show a short text alone, three times, and padded beside a long one.

    Raises
    ------
    BadUpload
        It gives something else among others (``weights-batch-mixing``), or behind padding (``weights-padding``).
    """
    short, _, _ = two_texts(tokenizer)
    alone = _run(net, family, short)
    ids, mask, types = (np.repeat(values, MANY, axis=0) for values in (short.ids, short.mask, short.types))
    among, padded = _run(net, family, Tokens(ids, mask, types)), _run(net, family, _beside_long(tokenizer, short))
    for layer, single, values, behind in zip(layers, alone, among, padded, strict=True):
        refuse_change(layer, values[:1], single, where=_WHERE, mend=_MIXING, code="weights-batch-mixing")
        refuse_padding(layer, behind[:1], single, where=_WHERE, mend=_PADDING, code="weights-padding")


def _beside_long(tokenizer: TextTokenizer, short: Tokens) -> Tokens:
    """The short text, padded, and one as long as the model takes, up to 256 tokens."""
    ids = tokenizer.encode([" ".join(calibration.sentences())], ["made"]).ids[:, :_LONGEST]
    width = max(ids.shape[1], short.ids.shape[1])
    rows = [np.pad(row, (0, width - len(row))) for row in (short.ids[0], ids[0])]
    mask = [np.pad(np.ones(n, np.int64), (0, width - n)) for n in (short.ids.shape[1], ids.shape[1])]
    return Tokens(np.stack(rows), np.stack(mask), np.zeros((2, width), np.int64))


def _run(net: Any, family: Family, tokens: Tokens) -> list[Floats]:
    return run(net, family, input_ids=tokens.ids, attention_mask=tokens.mask)
