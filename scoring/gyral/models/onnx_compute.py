"""Multiply-adds of an ONNX graph: from the shapes that its tensors have when one item is run."""

from collections.abc import Sequence
from typing import Any

from gyral.errors import BadUpload
from gyral.models.onnx_cost import Shape, cost_of, free
from gyral.models.onnx_session import Feed, cut, open_session, run_session


def graph_multiply_adds(proto: Any, tensors: Sequence[str], feed: Feed, *, where: str) -> int | None:
    """Multiply-adds of what computes ``tensors`` from ``feed``, which holds one item.

    None where a node multiplies in ways that are not told by shapes (loops, branches, operators of others), and where none does.
    """
    import onnx  # nested: slow to import

    graph = onnx.ModelProto.FromString(cut(proto, tensors)).graph
    heavy = [(node, cost) for node in graph.node if (cost := cost_of(node)) is not free]
    known: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    known |= {name: tuple(value.shape) for name, value in feed.items()}
    asked = [name for node, _ in heavy for name in (*node.input, *node.output[:1]) if name and name not in known]
    if any(cost is None for _, cost in heavy):
        return None
    if asked:
        names = list(dict.fromkeys(asked))
        try:
            found = run_session(open_session(cut(proto, names), "cpu", where), feed, where)
        except BadUpload:
            return None
        known |= {name: tuple(value.shape) for name, value in zip(names, found, strict=True)}
    total = 0
    for node, cost in heavy:
        counted = None if cost is None else cost(node, known)
        if counted is None:
            return None
        total += counted
    return total or None
