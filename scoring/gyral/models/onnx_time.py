"""Time of an ONNX graph that hears: which of the axes of a layer holds channels, so that the other is time.

Convolutions, pooling and batch normalisation have channels ahead of time, by their definition; linear and recurrent
layers and layer normalisation have them last. A layer has the order of the last of these before it, turned by the
transpositions on the way.
"""

from typing import Any

from gyral.models.activation import ChannelAxis
from gyral.models.onnx_layers import NORMS, fixed_names

_FIRST = {
    "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "GlobalAveragePool", "GroupNormalization",
    "InstanceNormalization", "LpPool", "MaxPool",
}  # fmt: skip
_LAST = {"Attention", "Gemm", "GRU", "LSTM", "MatMul", "RNN"} | (NORMS - _FIRST)


def channel_axis(graph: Any, tensor: str) -> ChannelAxis:
    """Where channels are in a tensor of three axes; last where nothing tells.

    Parameters
    ----------
    graph : GraphProto
        Topologically sorted.
    tensor : str
    """
    maker = {name: node for node in graph.node for name in node.output}
    fixed = fixed_names(graph)
    turned = False
    while (node := maker.get(tensor)) is not None:
        if node.op_type in _FIRST:
            return 2 if turned else 1
        if node.op_type in _LAST:
            return 1 if turned else 2
        if node.op_type == "Transpose":
            turned ^= _swaps(node)
        data = [name for name in node.input if name and name not in fixed]
        if not data:
            break
        tensor = data[0]
    return 2


def _swaps(node: Any) -> bool:
    """Whether a transposition exchanges the last two axes of three."""
    order = next((list(a.ints) for a in node.attribute if a.name == "perm"), [])
    return order == [0, 2, 1]
