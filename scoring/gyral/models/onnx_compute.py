"""Multiply-adds of an ONNX graph: from the shapes that its tensors have when one item is run."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from gyral.errors import BadUpload
from gyral.models.onnx_session import Feed, cut, open_session, run_session

Shape = tuple[int, ...]

# Operator -> places of its two operands among the inputs of a node.
_OPERANDS = {
    **dict.fromkeys(("Conv", "ConvTranspose", "ConvInteger", "MatMul", "MatMulInteger", "Gemm"), (0, 1)),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul"), (0, 3)),
}
# Multiplies inside, in ways that shapes alone do not tell.
_UNTOLD = frozenset(
    (
        "Attention",
        "DFT",
        "DeformConv",
        "Einsum",
        "GRU",
        "If",
        "LSTM",
        "Loop",
        "RNN",
        "RotaryEmbedding",
        "STFT",
        "Scan",
    )
)


def graph_multiply_adds(proto: Any, tensors: Sequence[str], feed: Feed, *, where: str) -> int | None:
    """Multiply-adds of what computes ``tensors`` from ``feed``, which holds one item.

    None where a node multiplies in ways that are not told by shapes (loops, branches, recurrence, operators of others).
    """
    import onnx  # nested: slow to import

    data = cut(proto, tensors)
    graph = onnx.ModelProto.FromString(data).graph
    if any(node.op_type in _UNTOLD or node.domain not in ("", "ai.onnx") for node in graph.node):
        return None
    heavy = [node for node in graph.node if node.op_type in _OPERANDS]
    known: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    known |= {name: tuple(value.shape) for name, value in feed.items()}
    asked = [name for node in heavy for name in (*_operands(node), node.output[0]) if name not in known]
    if asked:
        names = list(dict.fromkeys(asked))
        try:
            found = run_session(open_session(cut(proto, names), "cpu", where), feed, where)
        except BadUpload:
            return None
        known |= {name: tuple(value.shape) for name, value in zip(names, found, strict=True)}
    return sum(_of(node, known) for node in heavy) or None


def _operands(node: Any) -> tuple[str, str]:
    first, second = _OPERANDS[node.op_type]
    return str(node.input[first]), str(node.input[second])


def _of(node: Any, shapes: Mapping[str, Shape]) -> int:
    first, second = (shapes[name] for name in _operands(node))
    out = shapes[node.output[0]]
    if node.op_type == "ConvTranspose":
        return prod(first) * prod(second[1:])
    if "Conv" in node.op_type:
        # Weights are outputs x inputs of a group x kernel.
        return prod(out) * prod(second[1:])
    if node.op_type == "Gemm":
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        return prod(out) * first[0 if transposed else 1]
    return prod(out) * first[-1]
