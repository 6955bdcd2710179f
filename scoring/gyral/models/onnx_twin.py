"""The untrained twin of an ONNX graph.

1. Weights of convolutions, linear and recurrent layers become He-normal, embeddings normal (variance one
   over their width), biases zero; gains of normalisation layers one and their shifts zero; other trained
   additive parameters (position and class tokens) normal with standard deviation .02. Left as they are:
   constants that are not trained (sinusoidal positions, masks, scalars) and whatever touches the input
   before the first weight (preprocessing).
2. A plain re-draw of a deep network without normalisation collapses. Where no layer normalises by what
   it sees, the graph is run once over 64 made images (or sentences), piece by piece, and the output of
   every batch normalisation or, where none is left, of every convolution and linear layer is
   standardised per channel; the two numbers a channel become constants of the graph.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.models.onnx_layers import NORMS, fixed_names
from gyral.models.onnx_session import Feed, inputs_of, open_session
from gyral.models.twins import Twin, generator, he_normal, permuted

Floats = NDArray[np.float32]

_LINEAR = {"Gemm", "MatMul"}
_CONVOLUTION = {"Conv", "ConvTranspose"}
_RECURRENT = {"LSTM", "GRU", "RNN"}
_LIVE_NORMS = NORMS - {"BatchNormalization"}  # in evaluation a batch normalisation uses stored numbers
_SIMPLE = {"Cast", "Identity", "Transpose", "DequantizeLinear", "Reshape", "Unsqueeze", "Squeeze", "Constant"}


def redraw(proto: Any, twin: Twin, seed: int, feed: Callable[[], Feed]) -> Any:
    """A copy of the graph with other weights; tensor names, and so the layers, stay.

    Parameters
    ----------
    proto : ModelProto
        Checked, constants as initialisers.
    twin : {"untrained", "permuted"}
    seed : int
    feed : callable
        Makes the 64 stimuli; called only where outputs are standardised.
    """
    import onnx  # nested: slow to import

    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    weights = _Weights(copy)
    if twin == "permuted":
        for name in weights.trained():
            weights.put(name, permuted(weights.get(name), seed, name))
        return copy
    for name, role in weights.trained().items():
        weights.put(name, _drawn(weights.get(name), role, seed, name))
    points = _standardised_nodes(copy.graph)
    if points:
        _standardise(copy, points, feed())
    return copy


class _Weights:
    """The float initialisers of a graph, and what each one is for.

    Computations on constants alone (casts from float16, transposes) are carried out first, so that a weight
    is what the operator sees.
    """

    def __init__(self, proto: Any) -> None:
        from onnx import numpy_helper  # nested: slow to import

        self._helper = numpy_helper
        self.graph = proto.graph
        self._fold(proto)
        self.tensors = {tensor.name: tensor for tensor in self.graph.initializer}

    def get(self, name: str) -> Floats:
        """Values of an initialiser."""
        return np.asarray(self._helper.to_array(self.tensors[name]), np.float32)

    def put(self, name: str, values: Floats) -> None:
        """Replace the values, keeping dtype and shape."""
        old = self.tensors[name]
        dtype = self._helper.to_array(old).dtype
        old.CopyFrom(self._helper.from_array(np.ascontiguousarray(values.astype(dtype)), name))

    def trained(self) -> dict[str, "_Role"]:
        """Trained float tensors in graph order, with the role of their first use."""
        roles: dict[str, _Role] = {}
        reached = False  # the first weight has been met: what came before is preprocessing
        for node in self.graph.node:
            for position, name in enumerate(node.input):
                if name not in self.tensors or name in roles or not self._is_float(name):
                    continue
                role = _role(node, position, self.tensors[name].dims, reached=reached)
                if role is not None and not self._is_constant(name, role):
                    roles[name] = role
                    reached = reached or role.kind == "weight"
        return roles

    def _is_float(self, name: str) -> bool:
        return self._helper.to_array(self.tensors[name]).dtype.kind == "f"

    def _is_constant(self, name: str, role: "_Role") -> bool:
        """True for tables nobody trained: masks (two values at most) and sinusoidal positions (rows of one norm)."""
        if role.kind not in ("embedding", "additive"):
            return False
        values = self.get(name)
        if values.size > 1 and len(np.unique(values[..., :64])) <= 2 and len(np.unique(values)) <= 2:
            return True
        rows = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values[None]
        norms = np.linalg.norm(rows, axis=1)
        half = np.sqrt(rows.shape[1] / 2)
        return len(rows) > 1 and bool(np.abs(rows).max() <= 1.001 and np.allclose(norms, half, rtol=1e-3))

    def _fold(self, proto: Any) -> None:
        from onnx.reference import ReferenceEvaluator  # nested: slow to import

        graph = self.graph
        fixed = {tensor.name: tensor for tensor in graph.initializer}
        kept = []
        for node in graph.node:
            inputs = [name for name in node.input if name]
            if node.op_type not in _SIMPLE or not inputs or any(name not in fixed for name in inputs):
                kept.append(node)
                continue
            values = {name: self._helper.to_array(fixed[name]) for name in inputs}
            (made,) = ReferenceEvaluator(_single(node, proto)).run(None, values)
            tensor = graph.initializer.add()
            tensor.CopyFrom(self._helper.from_array(np.asarray(made), node.output[0]))
            fixed[tensor.name] = tensor
        del graph.node[:]
        graph.node.extend(kept)


class _Role:
    """What an initialiser is for: how it is re-drawn, and how many inputs feed one of its outputs."""

    def __init__(self, kind: str, fan_in: int = 1) -> None:
        self.kind, self.fan_in = kind, fan_in


def _role(node: Any, position: int, dims: Any, *, reached: bool) -> _Role | None:
    """The role of the initialiser at input ``position`` of ``node``; None: leave it."""
    kind, shape = node.op_type, list(dims)
    if kind in _CONVOLUTION:
        if position == 1:
            channels = shape[1] if kind == "Conv" else shape[0] // _attribute(node, "group", 1)
            return _Role("weight", channels * int(np.prod(shape[2:])))
        return _Role("zero") if position == 2 else None
    if kind in _LINEAR and position < 2 and len(shape) > 1:
        return _Role("weight", _fan_in(node, position, shape))
    if kind == "Gemm" and position == 2:
        return _Role("zero")
    if kind in _RECURRENT:
        return _Role("weight", shape[-1]) if position in (1, 2) else _Role("zero") if position == 3 else None
    if kind == "Gather" and position == 0 and len(shape) > 1:
        return _Role("embedding", shape[-1])
    if kind in NORMS:
        return {1: _Role("one"), 2: _Role("zero"), 3: _Role("zero"), 4: _Role("one")}.get(position)
    if not reached or int(np.prod(shape)) < 2:
        return None
    if kind == "PRelu":
        return _Role("quarter")
    if kind == "Mul":
        return _Role("one")
    if kind in ("Add", "Sub"):
        flat = int(np.prod(shape)) == max(shape)
        return _Role("zero") if flat else _Role("additive")
    return _Role("additive") if kind in ("Concat", "Expand") else None


def _fan_in(node: Any, position: int, shape: list[int]) -> int:
    if node.op_type == "MatMul":
        return shape[-2] if position == 1 else shape[-1]
    turned = _attribute(node, "transB" if position == 1 else "transA", 0)
    first = bool(turned) if position == 0 else not turned
    return shape[0] if first else shape[1]


def _attribute(node: Any, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def _drawn(old: Floats, role: _Role, seed: int, name: str) -> Floats:
    if role.kind == "weight":
        return he_normal(old.shape, role.fan_in, seed, name)
    if role.kind == "embedding":
        return generator(seed, name).standard_normal(old.shape, np.float32) / np.float32(np.sqrt(role.fan_in))
    if role.kind == "additive":
        return generator(seed, name).standard_normal(old.shape, np.float32) * np.float32(0.02)
    return np.full(old.shape, {"zero": 0, "one": 1, "quarter": 0.25}[role.kind], np.float32)


def _standardised_nodes(graph: Any) -> list[Any]:
    """The nodes whose outputs are standardised: none where a layer normalises by what it sees."""
    if any(node.op_type in _LIVE_NORMS for node in graph.node) or _has_spelt_out_norm(graph):
        return [node for node in graph.node if node.op_type == "BatchNormalization"]
    batch = [node for node in graph.node if node.op_type == "BatchNormalization"]
    if batch:
        return batch
    fixed = fixed_names(graph)
    weighted = [n for n in graph.node if n.op_type in _CONVOLUTION | _LINEAR and fixed.intersection(n.input[:2])]
    return weighted


def _has_spelt_out_norm(graph: Any) -> bool:
    """Layer normalisation written as ReduceMean, Sqrt and Div (exports below opset 17)."""
    maker = {name: node for node in graph.node for name in node.output}
    for node in graph.node:
        if node.op_type != "Sqrt":
            continue
        before, steps = maker.get(node.input[0]), 0
        while before is not None and before.op_type in ("Add", "Identity") and steps < 3:
            before = next((maker[name] for name in before.input if name in maker), None)
            steps += 1
        if before is not None and before.op_type == "ReduceMean":
            return True
    return False


def _standardise(proto: Any, points: list[Any], feed: Feed) -> None:
    """Run the graph piece by piece and put ``(x - mean) / deviation`` behind every point.

    Pieces end at a point; between them only tensors that are still needed are kept.
    """
    from onnx import helper, numpy_helper  # nested: slow to import

    graph, live = proto.graph, dict(feed)
    pieces = _pieces(graph, {node.output[0] for node in points})
    made: list[Any] = []
    for i, (piece, point) in enumerate(pieces):
        if point is None:
            made.extend(piece)
            continue
        later = {name for rest, _ in pieces[i + 1 :] for node in rest for name in node.input}
        wanted = [n for node in piece for n in node.output if n and (n in later or n == point.output[0])]
        live.update(zip(wanted, _run_piece(proto, piece, wanted, live), strict=True))
        name, axis = point.output[0], 1 if point.op_type in _CONVOLUTION | {"BatchNormalization"} else -1
        gain, shift = _scale(live[name], axis)
        live[name] = np.asarray(live[name] * gain + shift, live[name].dtype)
        live = {n: values for n, values in live.items() if n in later}
        raw = f"{name}__raw"
        point.output[0] = raw
        for part, values in (("gain", gain), ("shift", shift)):
            tensor = numpy_helper.from_array(values.astype(live[name].dtype if name in live else np.float32))
            tensor.name = f"{name}__{part}"
            graph.initializer.append(tensor)
        made.extend(piece)
        made.append(helper.make_node("Mul", [raw, f"{name}__gain"], [f"{name}__scaled"]))
        made.append(helper.make_node("Add", [f"{name}__scaled", f"{name}__shift"], [name]))
    del graph.node[:]
    graph.node.extend(made)


def _pieces(graph: Any, ends: set[str]) -> list[tuple[list[Any], Any]]:
    """Consecutive nodes up to and including each end; the last piece ends nowhere."""
    import onnx  # nested: slow to import

    pieces: list[tuple[list[Any], Any]] = []
    piece: list[Any] = []
    for node in graph.node:
        # Copies: the graph's own list is emptied before it is filled again.
        own = onnx.NodeProto()
        own.CopyFrom(node)
        piece.append(own)
        if own.output[0] in ends:
            pieces.append((piece, own))
            piece = []
    pieces.append((piece, None))
    return pieces


def _scale(values: NDArray[Any], axis: int) -> tuple[Floats, Floats]:
    """Gain and shift that give every channel mean 0 and variance 1, shaped to broadcast; dead channels keep gain 1."""
    over = tuple(i for i in range(values.ndim) if i != axis % values.ndim)
    mean = values.mean(axis=over, dtype=np.float64, keepdims=True)
    deviation = values.std(axis=over, dtype=np.float64, keepdims=True)
    gain = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 1.0)
    shift = -mean * gain
    shape = (1, -1, *(1,) * (values.ndim - 2)) if axis == 1 else (-1,)
    return gain.reshape(shape).astype(np.float32), shift.reshape(shape).astype(np.float32)


def _run_piece(proto: Any, piece: list[Any], wanted: list[str], live: Mapping[str, NDArray[Any]]) -> list[Any]:
    """Outputs ``wanted`` of some nodes, given the tensors computed before them."""
    import onnx  # nested: slow to import

    inside = {name for node in piece for name in node.output}
    needed = {name for node in piece for name in inputs_of(node)} - inside
    graph = onnx.GraphProto(name="piece")
    graph.node.extend(piece)
    graph.initializer.extend(t for t in proto.graph.initializer if t.name in needed)
    fed = {name: live[name] for name in sorted(needed & live.keys())}
    for name, values in fed.items():
        kind = onnx.helper.np_dtype_to_tensor_dtype(values.dtype)
        graph.input.append(onnx.helper.make_tensor_value_info(name, kind, [None] * values.ndim))
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    model = onnx.ModelProto(ir_version=proto.ir_version, graph=graph)
    model.opset_import.extend(proto.opset_import)
    session = open_session(model.SerializeToString(), "cpu", "twin")
    return list(session.run(wanted, fed))


def _single(node: Any, proto: Any) -> Any:
    import onnx  # nested: slow to import

    graph = onnx.GraphProto(name="constant")
    graph.node.append(node)
    for name in filter(None, node.input):
        graph.input.append(onnx.ValueInfoProto(name=name))
    graph.output.append(onnx.ValueInfoProto(name=node.output[0]))
    model = onnx.ModelProto(ir_version=proto.ir_version, graph=graph)
    model.opset_import.extend(proto.opset_import)
    return model
