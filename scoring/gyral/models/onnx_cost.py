"""Multiply-adds of one ONNX node, from the shapes of its inputs and its first output.

Operators of the standard (onnx.ai/onnx/operators) and of onnxruntime (its docs/ContribOperators.md). Precision changes
nothing: a product of 4-bit weights has as many multiply-adds as one of floats.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
# None where the shapes do not tell.
Cost = Callable[[Any, Shapes], int | None]

_STANDARD_DOMAINS = ("", "ai.onnx")
_CONTRIBUTED_DOMAIN = "com.microsoft"


def cost_of(node: Any) -> Cost | None:
    """How the multiply-adds of a node follow from shapes; `free` where it has none, None where they do not follow."""
    if any(True for _ in _inner_nodes(node)):
        return free if all(cost_of(inner) is free for inner in _inner_nodes(node)) else None
    if node.domain in _STANDARD_DOMAINS:
        return None if node.op_type in _UNTOLD else _STANDARD.get(node.op_type, free)
    if node.domain == _CONTRIBUTED_DOMAIN:
        return free if node.op_type in _FREE else _CONTRIBUTED.get(node.op_type)
    return None


def free(node: Any, shapes: Shapes) -> int:
    """Of what moves, looks up, normalises or works element by element."""
    return 0


def _inner_nodes(node: Any) -> Any:
    """Of the branches or the body of a node."""
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from graph.node


def _shape(node: Any, place: int, shapes: Shapes) -> Shape | None:
    """Of an input; None where an optional one is left out."""
    name = node.input[place] if place < len(node.input) else ""
    return shapes[name] if name else None


def _given(node: Any, place: int, shapes: Shapes) -> Shape:
    return shapes[node.input[place]]


def _out(node: Any, shapes: Shapes) -> Shape:
    return shapes[node.output[0]]


def _attribute(node: Any, name: str, default: Any) -> Any:
    from onnx.helper import get_attribute_value  # nested: slow to import

    return next((get_attribute_value(a) for a in node.attribute if a.name == name), default)


def _conv(weights: int) -> Cost:
    # Weights are outputs x inputs of a group x kernel, whichever way the kernel is turned.
    return lambda node, shapes: prod(_out(node, shapes)) * prod(_given(node, weights, shapes)[1:])


def _conv_transpose(node: Any, shapes: Shapes) -> int:
    return prod(_given(node, 0, shapes)) * prod(_given(node, 1, shapes)[1:])


def _matmul(node: Any, shapes: Shapes) -> int | None:
    if any(_attribute(node, name, 0) for name in ("transBatchA", "transBatchB")):
        return None
    first = _given(node, 0, shapes)
    return prod(_out(node, shapes)) * first[-2 if _attribute(node, "transA", 0) else -1]


def _recurrent(node: Any, shapes: Shapes) -> int | None:
    if _shape(node, 4, shapes) is not None:  # how many steps each sequence has, which no shape tells
        return None
    steps, batch = _given(node, 0, shapes)[:2]
    # Directions x gates and units x inputs, and the same from the state before.
    return steps * batch * sum(prod(_given(node, place, shapes)) for place in (1, 2))


def _einsum(node: Any, shapes: Shapes) -> int | None:
    """Every combination of indices, as two tensors are contracted; more than two depend on the order."""
    if len(node.input) != 2:
        return 0 if len(node.input) == 1 else None
    terms, arrow, result = _attribute(node, "equation", b"").decode().replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    rest: Shape = ()
    for place, term in enumerate(terms.split(",")):
        shape = _given(node, place, shapes)
        before, _, after = term.partition("...")
        end = len(shape) - len(after)
        named = (*shape[: len(before)], *shape[end:]) if "..." in term else shape
        rest = np.broadcast_shapes(rest, shape[len(before) : end] if "..." in term else ())
        for label, size in zip(before + after, named, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    first, second = (set(term) for term in terms.split(","))
    kept = set(result) if arrow else first ^ second
    if not (first & second) - kept - {"."}:
        return 0  # nothing is summed over: element by element
    # An index of one tensor alone is summed over before the two meet.
    return prod(rest) * prod(size for k, size in sizes.items() if k in kept or k in first & second)


def _attention(node: Any, shapes: Shapes) -> int | None:
    """Queries by keys, then weights by values; a mask saves nothing."""
    windowed = any(_attribute(node, name, -1) >= 0 for name in ("left_window_size", "right_window_size"))
    if windowed or _shape(node, 6, shapes) is not None:
        return None
    keys = _given(node, 1, shapes)[-2] + (_shape(node, 4, shapes) or (0, 0))[-2]
    return (prod(_given(node, 0, shapes)) + prod(_out(node, shapes))) * keys


def _projected_attention(past: int) -> Cost:
    """Inputs by weights of queries, keys and values, then attention."""

    def cost(node: Any, shapes: Shapes) -> int | None:
        if _attribute(node, "past_present_share_buffer", 0):  # the past fills its buffer in part
            return None
        (batch, steps, _), weights = _given(node, 0, shapes), _given(node, 1, shapes)
        before = _shape(node, past, shapes)
        keys = steps + (before[3] if before else 0)  # past: 2 x batch x heads x steps x size
        queries = _attribute(node, "qkv_hidden_sizes", [weights[1] // 3])[0]
        return batch * steps * (prod(weights) + int(queries) * keys) + prod(_out(node, shapes)) * keys

    return cost


def _multi_head_attention(node: Any, shapes: Shapes) -> int | None:
    if _shape(node, 8, shapes) is not None:  # length of the past inside its buffer
        return None
    query, key = _given(node, 0, shapes), _shape(node, 1, shapes)
    # Packed queries, keys and values: batch x steps x heads x 3 x size.
    asked = prod(query) // (3 if len(query) == 5 else 1)
    keys = query[1] if key is None else key[2 if len(key) == 4 else 1]
    keys += (_shape(node, 6, shapes) or (0, 0, 0))[2]
    return (asked + prod(_out(node, shapes))) * keys


def _group_query_attention(node: Any, shapes: Shapes) -> int | None:
    before = _shape(node, 3, shapes)
    if (before and before[2]) or _attribute(node, "local_window_size", -1) > 0:
        return None
    return 2 * prod(_out(node, shapes)) * _given(node, 0, shapes)[1]


_STANDARD: dict[str, Cost] = {
    **dict.fromkeys(("Conv", "ConvInteger", "DeformConv", "CausalConvWithState"), _conv(1)),
    **dict.fromkeys(("MatMul", "MatMulInteger", "QLinearMatMul", "Gemm"), _matmul),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    "QLinearConv": _conv(3),
    "ConvTranspose": _conv_transpose,
    "AffineGrid": lambda node, shapes: prod(_out(node, shapes)) * _given(node, 0, shapes)[-1],
    "Attention": _attention,
    "Einsum": _einsum,
}
# They multiply in ways that shapes alone do not tell: by their algorithm, or by what their state holds.
_UNTOLD = frozenset(("DFT", "Det", "LinearAttention", "STFT"))
_CONTRIBUTED: dict[str, Cost] = {
    **dict.fromkeys(("FusedConv", "NhwcConv", "NhwcFusedConv"), _conv(1)),
    **dict.fromkeys(("DynamicQuantizeMatMul", "FusedGemm", "FusedMatMul", "FusedMatMulActivation"), _matmul),
    **dict.fromkeys(("GemmFloat8", "MatMulBnb4", "MatMulFpQ4", "MatMulIntegerToFloat", "MatMulNBits"), _matmul),
    **dict.fromkeys(("QGemm", "TransposeMatMul"), _matmul),
    "ConvTransposeWithDynamicPads": _conv_transpose,
    "DynamicQuantizeLSTM": _recurrent,
    "QLinearConv": _conv(3),
    "Attention": _projected_attention(4),
    "QAttention": _projected_attention(8),
    "GroupQueryAttention": _group_query_attention,
    "MultiHeadAttention": _multi_head_attention,
}
_FREE = frozenset(
    (
        *("BiasAdd", "BiasDropout", "BiasGelu", "BiasSoftmax", "BiasSplitGelu", "DequantizeLinear", "ExpandDims"),
        *("EmbedLayerNormalization", "FastGelu", "GatherBlockQuantized", "GatherND", "Gelu"),
        *("GridSample", "GroupNorm", "MaxpoolWithMask", "NhwcMaxPool", "Pad", "QEmbedLayerNormalization"),
        *("QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearGlobalAveragePool", "QLinearLeakyRelu"),
        *("QLinearMul", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax", "QLinearWhere", "QuantizeLinear"),
        *(
            "QuickGelu",
            "Range",
            "RemovePadding",
            "RestorePadding",
            "RotaryEmbedding",
            "SimplifiedLayerNormalization",
        ),
        *("SkipGroupNorm", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "Trilu", "Unique"),
    )
)
