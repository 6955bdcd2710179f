"""onnxruntime: the part of a graph that is wanted, a session over it, and a run, with errors that say what failed."""

import os
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from gyral.errors import BadUpload

Feed = dict[str, NDArray[Any]]


def cut(proto: Any, tensors: Sequence[str]) -> bytes:
    """The serialised graph that computes ``tensors`` and nothing else."""
    import onnx  # nested: slow to import

    graph = proto.graph
    maker = {name: node for node in graph.node for name in node.output}
    needed, todo = set(), list(tensors)
    while todo:
        name = todo.pop()
        if name in needed or not name:
            continue
        needed.add(name)
        if name in maker:
            todo.extend(inputs_of(maker[name]))
    small = onnx.GraphProto(name=graph.name or "graph")
    small.node.extend(n for n in graph.node if needed.intersection(n.output))
    small.initializer.extend(t for t in graph.initializer if t.name in needed)
    small.sparse_initializer.extend(graph.sparse_initializer)
    small.input.extend(graph.input)
    small.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    whole = onnx.ModelProto(ir_version=proto.ir_version, graph=small, producer_name="gyral")
    whole.opset_import.extend(proto.opset_import)
    return bytes(whole.SerializeToString())


def inputs_of(node: Any) -> list[str]:
    """Inputs of a node and what its branches or loop bodies take from outside."""
    found = list(node.input)
    for attribute in node.attribute:
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            for sub in inner.node:
                found.extend(inputs_of(sub))
            found.extend(value.name for value in inner.output)
    return found


def open_session(data: bytes, device: str, where: str) -> Any:
    """An onnxruntime session over a graph from bytes.

    Raises
    ------
    BadUpload
        onnxruntime refuses the graph (``onnx-refused``); its first line is told.
    """
    import onnxruntime  # nested: slow to import

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
    # Waiting threads would otherwise spin on cores that other work needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    available = onnxruntime.get_available_providers()
    fast = ["CUDAExecutionProvider"] if device.startswith("cuda") else []
    providers = [p for p in (*fast, "CPUExecutionProvider") if p in available]
    try:
        return onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no public base class
        raise BadUpload(
            f"onnxruntime refuses the graph: {_first_line(error)}",
            where=where,
            mend="Check it at home with onnx.checker.check_model(model, full_check=True).",
            code="onnx-refused",
        ) from None


def run_session(
    session: Any, feed: Feed, where: str, *, code: str = "onnx-failed", mend: str | None = None
) -> list[NDArray[Any]]:
    """Every output of the session for one feed.

    Raises
    ------
    BadUpload
        onnxruntime fails on it (``code``); the first line of what it says is told.
    """
    try:
        return list(session.run(None, feed))
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no public base class
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in feed.items())
        raise BadUpload(
            f"the graph fails on {shapes}: {_first_line(error)}", where=where, mend=mend, code=code
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
