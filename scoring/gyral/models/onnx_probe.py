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
from gyral.models.onnx_inputs import DYNAMIC
from gyral.models.onnx_layers import Layer
from gyral.models.onnx_session import Feed, run_session
from gyral.models.steadiness import MANY, refuse_change, refuse_padding
from gyral.models.tokenizer import Tokens

_EVALUATION = "Export the model in evaluation mode: net.eval()."
_MASK = "Make the model honour attention_mask, or export it without that input: texts are then not padded."
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
    """The readable layers of a graph that takes images or sounds.

    Parameters
    ----------
    session : InferenceSession
        Whose outputs are the tensors of ``wanted``.
    one, many : dict of array
        The first item alone, and three items.

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
            refuse_change(layer.name, values[:1], single, where=where, mend=_EVALUATION, code="onnx-batch-mixing")
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
    among = _in_batch(session, {name: np.repeat(value, MANY, axis=0) for name, value in one.items()}, where)
    second = _outputs(session, other, where, code="onnx-length", mend=_LENGTH)
    both = None if mixed is None else _outputs(session, mixed, where)
    kept = {}
    for layer in wanted:
        single, values = alone[layer.tensor], among[layer.tensor]
        if not _is_readable(single, values) or not _has_positions(values, tokens):
            continue
        refuse_change(layer.name, values[:1], single, where=where, mend=_EVALUATION, code="onnx-batch-mixing")
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
            refuse_padding(layer.name, padded, single, where=where, mend=_MASK, code="onnx-padding")
        kept[layer.name] = Probed(layer, values.shape[1:])
    return kept


def _outputs(session: Any, feed: Feed, where: str, **error: Any) -> Outputs:
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, run_session(session, feed, where, **error), strict=True))


def _in_batch(session: Any, feed: Feed, where: str) -> Outputs:
    return _outputs(session, feed, where, code="onnx-fixed-batch", mend=DYNAMIC)


def _is_readable(alone: NDArray[Any], among: NDArray[Any]) -> bool:
    """One row an item, floating, of 2 to 4 axes."""
    if among.dtype.kind != "f" or among.ndim not in (2, 3, 4) or alone.ndim != among.ndim:
        return False
    return len(among) == MANY and len(alone) == 1 and among[0].size > 0


def _has_positions(values: NDArray[Any], tokens: Tokens) -> bool:
    """One vector a text, or one a token."""
    return values.ndim == 2 or (values.ndim == 3 and values.shape[1] == tokens.ids.shape[1])
