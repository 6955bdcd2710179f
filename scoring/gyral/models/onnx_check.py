"""ONNX intake: bytes to a graph that is safe to hand to onnxruntime, or a clear refusal.

Everything here looks at the file only; nothing is allocated or run.
"""

from collections.abc import Iterator
from math import prod
from typing import Any

from gyral.errors import BadUpload
from gyral.models.export import way

MAX_BYTES = 1 << 30
MAX_ELEMENTS = 1 << 31  # of one tensor whose shape the graph fixes
OLDEST_OPSET = 7

_RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}
_STANDARD = ("", "ai.onnx")
_CONTRIBUTED = ("com.microsoft",)  # onnxruntime's own: it names what it does not know


def parse(data: bytes, where: str = "model.onnx") -> Any:
    """The checked ``ModelProto`` with local functions inlined and constants as initialisers.

    Raises
    ------
    BadUpload
        ``onnx-too-large``, ``onnx-unreadable``, ``onnx-external-data``, ``onnx-opset``, ``onnx-operator``,
        ``onnx-random``, ``onnx-tensor-size``.
    """
    import onnx  # nested: slow to import

    if len(data) > MAX_BYTES:
        raise BadUpload(
            f"the file has {len(data):,} bytes, at most {MAX_BYTES:,} are taken.",
            where=where,
            code="onnx-too-large",
        )
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception:  # noqa: BLE001 - protobuf raises its own and built-in ones
        model = None
    if model is None or not model.graph.node or not model.opset_import or not _is_text(model):
        raise BadUpload(
            "not an ONNX model, or a truncated one.", where=where, mend="Export it again.", code="onnx-unreadable"
        )
    _refuse_external_data(model, where)
    if model.functions:
        from onnx.inliner import inline_local_functions  # nested: rarely needed

        model = inline_local_functions(model)
    _check_operators(model, where)
    _check_sizes(model, where)
    _lift_constants(model.graph)
    return model


def _is_text(message: Any) -> bool:
    """Whether every name in the message, and below it, is text: protobuf hands out bytes where it is no UTF-8."""
    for field, value in message.ListFields():
        if field.type not in (field.TYPE_STRING, field.TYPE_MESSAGE):
            continue
        for one in [value] if isinstance(value, (str, bytes)) or hasattr(value, "ListFields") else value:
            if isinstance(one, bytes) or (field.type == field.TYPE_MESSAGE and not _is_text(one)):
                return False
    return True


def _refuse_external_data(model: Any, where: str) -> None:
    for tensor in tensors(model):
        if tensor.data_location == 1 or tensor.external_data:
            raise BadUpload(
                f"the tensor {tensor.name!r} keeps its data in another file.",
                where=where,
                mend=way("one-file"),
                code="onnx-external-data",
            )


def _check_operators(model: Any, where: str) -> None:
    import onnx  # nested: slow to import

    versions = {entry.domain: entry.version for entry in model.opset_import}
    newest = onnx.defs.onnx_opset_version()
    opset = versions.get("", versions.get("ai.onnx", newest))
    if not OLDEST_OPSET <= opset <= newest:
        raise BadUpload(
            f"opset {opset!r} is outside {OLDEST_OPSET}..{newest}.",
            where=where,
            mend="Export again with opset_version=18.",
            code="onnx-opset",
        )
    for node in nodes(model.graph):
        known = node.domain in _CONTRIBUTED or (
            node.domain in _STANDARD and onnx.defs.has(node.op_type, max_inclusive_version=opset, domain="")
        )
        if not known:
            name = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
            raise BadUpload(
                f"unknown operator {name!r} (node {node.name!r}) in opset {opset}.",
                where=where,
                mend="Only standard ONNX operators run here; export without custom ones.",
                code="onnx-operator",
            )
        if node.op_type in _RANDOM:
            raise BadUpload(
                f"the operator {node.op_type!r} (node {node.name!r}) draws random numbers.",
                where=where,
                mend="Export the model in evaluation mode: net.eval().",
                code="onnx-random",
            )


def _check_sizes(model: Any, where: str) -> None:
    import onnx  # nested: slow to import

    for tensor in tensors(model):
        if prod(tensor.dims) > MAX_ELEMENTS or any(side < 0 for side in tensor.dims):
            raise _too_big(tensor.name, list(tensor.dims), where)
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize if tensor.raw_data else 0
        # Four-bit types are packed: their raw data is shorter than the elements' unpacked size.
        if tensor.raw_data and itemsize > 1 and len(tensor.raw_data) != prod(tensor.dims) * itemsize:
            raise BadUpload(
                f"the tensor {tensor.name!r} says {list(tensor.dims)} and holds {len(tensor.raw_data):,} bytes.",
                where=where,
                mend="The file is damaged; export it again.",
                code="onnx-tensor-size",
            )
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # noqa: BLE001 - onnx raises its own and built-in ones; onnxruntime judges the graph later
        return
    for info in (*inferred.graph.value_info, *inferred.graph.output):
        shape = [d.dim_value for d in info.type.tensor_type.shape.dim if d.HasField("dim_value")]
        if prod(shape) > MAX_ELEMENTS:
            raise _too_big(info.name, shape, where)


def _too_big(name: str, shape: list[int], where: str) -> BadUpload:
    return BadUpload(
        f"the tensor {name!r} of shape {shape} has more than {MAX_ELEMENTS:,} elements.",
        where=where,
        mend="Use a smaller model or input.",
        code="onnx-tensor-size",
    )


def _lift_constants(graph: Any) -> None:
    """Turn ``Constant`` nodes that hold a tensor into initialisers, so that weights stand in one place."""
    kept = []
    for node in graph.node:
        value = next((a for a in node.attribute if a.name == "value"), None)
        if node.op_type == "Constant" and value is not None:
            tensor = graph.initializer.add()
            tensor.CopyFrom(value.t)
            tensor.name = node.output[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def nodes(graph: Any) -> Iterator[Any]:
    """Every node, those of branches and loop bodies included."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                yield from nodes(inner)


def tensors(model: Any) -> Iterator[Any]:
    """Every stored tensor: initialisers and attributes, in functions, branches and loop bodies too."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _node_tensors(node)


def _graph_tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield sparse.values
        yield sparse.indices
    for node in graph.node:
        yield from _node_tensors(node)


def _node_tensors(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _graph_tensors(inner)
