"""The probe of an ONNX graph: made stimuli in two batch sizes, and texts of two lengths, before it is accepted.

A layer is kept where it holds one row an item. What an item gives must depend neither on the items beside it nor on
the padding behind it: scores would change with the order of the stimuli.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.errors import BadUpload
from gyral.models import calibration
from gyral.models.onnx_inputs import DYNAMIC
from gyral.models.onnx_layers import Layer
from gyral.models.onnx_session import Feed, run_session
from gyral.models.tokenizer import TextTokenizer, Tokens

_MANY = 3
_EVALUATION = "Export the model in evaluation mode: net.eval()."
_LENGTH = "Export with a dynamic sequence axis: dynamic_shapes={'input_ids': {0: 'batch', 1: 'length'}, ...}."

Outputs = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Probed:
    """What the probe saw of one layer; the shape is without the batch axis."""

    layer: Layer
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Of one item, as float32."""
        return 4 * prod(self.shape)


def probe_images(session: Any, wanted: Sequence[Layer], one: Feed, many: Feed, where: str) -> dict[str, Probed]:
    """The readable layers of a vision graph.

    Parameters
    ----------
    session : InferenceSession
        Whose outputs are the tensors of ``wanted``.
    one, many : dict of array
        The first image alone, and three images.

    Raises
    ------
    BadUpload
        ``onnx-failed``, ``onnx-fixed-batch``, ``onnx-batch-mixing``.
    """
    alone, among = _outputs(session, one, where), _in_batch(session, many, where)
    kept = {}
    for layer in wanted:
        single, values = alone[layer.tensor], among[layer.tensor]
        if _is_readable(single, values):
            _refuse_change(layer, values[:1], single, where)
            kept[layer.name] = Probed(layer, values.shape[1:])
    return kept


def probe_texts(
    session: Any, wanted: Sequence[Layer], short: tuple[Tokens, Feed], long: tuple[Tokens, Feed], mixed: Feed | None,
    where: str,
) -> dict[str, Probed]:  # fmt: skip
    """The readable layers of a language graph.

    Parameters
    ----------
    session : InferenceSession
        Whose outputs are the tensors of ``wanted``.
    short, long : (Tokens, dict of array)
        A text alone, and another of more tokens (or as many) alone.
    mixed : dict of array or None
        Both, the short one padded; None where the graph has no mask, and so is never shown padding.

    Raises
    ------
    BadUpload
        ``onnx-failed``, ``onnx-fixed-batch``, ``onnx-batch-mixing``, ``onnx-length``, ``onnx-padding``.
    """
    (tokens, one), (longer, other) = short, long
    alone = _outputs(session, one, where)
    among = _in_batch(session, {name: np.repeat(value, _MANY, axis=0) for name, value in one.items()}, where)
    second = _outputs(session, other, where, code="onnx-length", mend=_LENGTH)
    both = None if mixed is None else _outputs(session, mixed, where)
    kept = {}
    for layer in wanted:
        single, values = alone[layer.tensor], among[layer.tensor]
        if not _is_readable(single, values) or not _has_positions(values, tokens):
            continue
        _refuse_change(layer, values[:1], single, where)
        if not _has_positions(second[layer.tensor], longer):
            raise BadUpload(
                f"the layer {layer.name!r} has the shape {list(second[layer.tensor].shape)} for a text of "
                f"{longer.ids.shape[1]} tokens and {list(single.shape)} for one of {tokens.ids.shape[1]}.",
                where=where,
                mend=_LENGTH,
                code="onnx-length",
            )
        if both is not None:
            padded = both[layer.tensor][:1]
            _refuse_padding(layer, padded[:, : single.shape[1]] if single.ndim == 3 else padded, single, where)
        kept[layer.name] = Probed(layer, values.shape[1:])
    return kept


def two_texts(tokenizer: TextTokenizer) -> tuple[Tokens, Tokens, Tokens]:
    """The shortest and the longest of eight made sentences in this tokenizer's tokens, each alone, and both padded."""
    texts = sorted(calibration.sentences()[:8], key=lambda text: tokenizer.encode([text], ["made"]).ids.shape[1])
    short, long = texts[0], texts[-1]
    alone, other = (tokenizer.encode([text], ["made"]) for text in (short, long))
    return alone, other, tokenizer.encode([short, long], ["made", "made"])


def _outputs(session: Any, feed: Feed, where: str, **error: Any) -> Outputs:
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, run_session(session, feed, where, **error), strict=True))


def _in_batch(session: Any, feed: Feed, where: str) -> Outputs:
    return _outputs(session, feed, where, code="onnx-fixed-batch", mend=DYNAMIC)


def _is_readable(alone: NDArray[Any], among: NDArray[Any]) -> bool:
    """One row an item, floating, of 2 to 4 axes."""
    if among.dtype.kind != "f" or among.ndim not in (2, 3, 4) or alone.ndim != among.ndim:
        return False
    return len(among) == _MANY and len(alone) == 1 and among[0].size > 0


def _has_positions(values: NDArray[Any], tokens: Tokens) -> bool:
    """One vector a text, or one a token."""
    return values.ndim == 2 or (values.ndim == 3 and values.shape[1] == tokens.ids.shape[1])


def _refuse_change(layer: Layer, among: NDArray[Any], alone: NDArray[Any], where: str) -> None:
    if not _same(among, alone):
        raise BadUpload(
            f"the layer {layer.name!r} of one item changes with the other items of its batch.",
            where=where,
            mend=_EVALUATION,
            code="onnx-batch-mixing",
        )


def _refuse_padding(layer: Layer, padded: NDArray[Any], alone: NDArray[Any], where: str) -> None:
    if not _same(padded, alone):
        raise BadUpload(
            f"the layer {layer.name!r} of a text changes with the padding behind it, whatever its attention_mask says.",
            where=where,
            mend="Make the model honour attention_mask, or export it without that input: texts are then not padded.",
            code="onnx-padding",
        )


def _same(given: NDArray[Any], alone: NDArray[Any]) -> bool:
    if given.shape != alone.shape:
        return False
    if not np.isfinite(alone).all():
        return True  # nothing to compare; `verify` and extraction refuse the layer
    scale = float(np.abs(alone).max()) or 1.0
    return bool(np.allclose(given, alone, rtol=1e-2, atol=1e-3 * scale, equal_nan=True))
