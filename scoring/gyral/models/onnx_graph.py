"""ONNX models: a graph from bytes, run by onnxruntime, inner layers exposed as outputs."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload
from gyral.hashing import hash_bytes, hash_json
from gyral.models import calibration
from gyral.models.activation import (
    reduced,
    require_finite,
    require_finite_weights,
    require_layers,
    require_modality,
    spans,
)
from gyral.models.card import ImageInput, ModelCard
from gyral.models.export import EXPORT
from gyral.models.image import load_images, normalised
from gyral.models.model import CARD_LAYERS, Batch, Reduction, choose_layers
from gyral.models.onnx_check import parse
from gyral.models.onnx_layers import Layer, LayerMap
from gyral.models.tokenizer import TextTokenizer, Tokens, read_out
from gyral.models.twins import Twin

VERSION = "onnx-1"  # part of the hash: raise it when the features of the same file change

_TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
_DYNAMIC = f"Export with a dynamic batch axis: {EXPORT}."

Feed = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Shape:
    """What the probe saw of one layer, without the batch axis."""

    layer: Layer
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        return 4 * prod(self.shape)


class OnnxModel:
    """A single-file ONNX graph behind the `Model` protocol.

    Parameters
    ----------
    data : bytes
        The file. It is never opened by path: a link would be followed.
    card : ModelCard
        Declares modality, preprocessing and layers.
    tokenizer : bytes, optional
        Content of ``tokenizer.json``; needed by language models.
    device : str
        Honoured where onnxruntime has a provider for it, else the processor is used.
    twin, seed
        Which redrawn twin instead of the model itself.
    where : str
        Name of the file, for messages.

    Raises
    ------
    BadUpload
        What `gyral.models.onnx_check.parse` refuses, and ``onnx-inputs``, ``onnx-fixed-batch``,
        ``onnx-input-size``, ``onnx-refused``, ``onnx-failed``, ``onnx-batch-mixing``, ``onnx-no-layers``,
        ``tokenizer-missing``.
    """

    def __init__(
        self,
        data: bytes,
        card: ModelCard,
        *,
        tokenizer: bytes | None = None,
        device: str = "cpu",
        twin: Twin | None = None,
        seed: int = 0,
        where: str = "model.onnx",
    ) -> None:
        self.card, self._device, self._twin, self._seed, self._where = card, device, twin, seed, where
        self.hash = content_hash(data, card, tokenizer, twin, seed)
        self._proto = parse(data, where)
        self._inputs = _graph_inputs(self._proto.graph)
        self._tokenizer: TextTokenizer | None = None
        if card.modality == "language":
            if tokenizer is None:
                raise BadUpload(
                    "a language model needs its tokenizer.",
                    where=where,
                    mend="Put tokenizer.json beside it.",
                    code="tokenizer-missing",
                )
            self._tokenizer = TextTokenizer(tokenizer, card.text)
            _check_text_inputs(self._inputs, where)
        else:
            _check_image_input(self._inputs, card.image, where)
        self._map = LayerMap(self._proto.graph)
        self._chosen = self._probe()

    def layers(self) -> tuple[str, ...]:
        """Layers matching the card's patterns, else the graph's blocks."""
        return tuple(self._chosen)

    def batches(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        *,
        reduction: Reduction,
        memory: int = 1 << 30,
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`."""
        require_modality(self.card, stimuli)
        require_layers(layers, self._chosen)
        shapes = [self._chosen[name] for name in layers]
        session = self._session(self._graph, [s.layer.tensor for s in shapes])
        # A runtime keeps about as much again for what lies between the layers.
        cost = 2 * sum(s.bytes for s in shapes) + 4 * prod((3, self.card.image.size, self.card.image.size))
        for start, stop in spans(len(stimuli), cost, memory):
            raw = self._raw(session, stimuli.subset(range(start, stop)), reduction.words)
            arrays = {}
            for name, values in zip(layers, raw, strict=True):
                # The positions of a text are no square grid, even where their number is a square.
                is_text = self._tokenizer is not None
                arrays[name] = np.asarray(values, np.float32) if is_text else reduced(values, reduction)
                require_finite(name, arrays[name], stimuli, start)
            yield Batch(start, arrays)

    def verify(self) -> None:
        """Refuse what opening alone lets pass: layers that are not finite for made stimuli.

        Raises
        ------
        BadUpload
            See `gyral.models.activation.require_finite_weights`.
        """
        session = self._session(self._proto, list({shape.layer.tensor for shape in self._chosen.values()}))
        one = dict(zip([value.name for value in session.get_outputs()], self._probe_runs(session)[1], strict=True))
        read = {name: one[shape.layer.tensor] for name, shape in self._chosen.items()}
        require_finite_weights(read, _weights(self._proto.graph), self._where)

    @cached_property
    def _graph(self) -> Any:
        """The graph that is run: the model's own or its twin's."""
        if self._twin is None:
            return self._proto
        from gyral.models.onnx_twin import redraw  # nested: only twins need it

        return redraw(self._proto, self._twin, self._seed, self._calibration_feed)

    def _calibration_feed(self) -> Feed:
        if self._tokenizer is None:
            return self._image_feed(np.stack([normalised(i, self.card.image) for i in calibration.images()]))
        texts = calibration.sentences()
        return self._text_feed(self._tokenizer.encode(texts, texts))

    def _raw(self, session: Any, stimuli: StimulusSet, words: int) -> list[NDArray[Any]]:
        """Outputs of one batch, tokens pooled to texts or words."""
        if self._tokenizer is None:
            images = load_images(stimuli.files or (), self.card.image)
            return _run(session, self._image_feed(images), self._where)
        tokens = self._tokenizer.encode(stimuli.texts or (), stimuli.ids, words=words)
        if "attention_mask" in self._inputs:
            return self._pool(_run(session, self._text_feed(tokens), self._where), tokens)
        # Without a mask padding would change the result: run sentences of the same length together.
        found: list[tuple[NDArray[np.int64], list[NDArray[Any]]]] = []
        for length in np.unique(tokens.lengths):
            rows = np.flatnonzero(tokens.lengths == length)
            part = tokens.of_length(rows, int(length))
            found.append((rows, self._pool(_run(session, self._text_feed(part), self._where), part)))
        order = np.argsort(np.concatenate([rows for rows, _ in found]))
        return [np.concatenate(parts)[order] for parts in zip(*(values for _, values in found), strict=True)]

    def _pool(self, raw: list[NDArray[Any]], tokens: Tokens) -> list[NDArray[Any]]:
        return [read_out(v, tokens, self.card.text.pooling) if v.ndim == 3 else v for v in raw]

    def _image_feed(self, images: NDArray[np.float32]) -> Feed:
        name, value = next(iter(self._inputs.items()))
        return {name: images.astype(_numpy_type(value))}

    def _text_feed(self, tokens: Tokens) -> Feed:
        position = np.broadcast_to(np.arange(tokens.ids.shape[1]), tokens.ids.shape)
        values = dict(zip(_TEXT_INPUTS, (tokens.ids, tokens.mask, tokens.types, position), strict=True))
        return {name: values[name].astype(_numpy_type(value)) for name, value in self._inputs.items()}

    def _session(self, proto: Any, tensors: Sequence[str]) -> Any:
        return open_session(cut(proto, tensors), self._device, self._where)

    def _probe(self) -> dict[str, _Shape]:
        """Run two batch sizes of made stimuli through the graph and keep the layers that hold one row an item."""
        wanted = self._map.all if self.card.layers else self._map.default
        if self.card.layers:
            names = choose_layers([layer.name for layer in wanted], self.card.layers, where=CARD_LAYERS)
            wanted = tuple(layer for layer in wanted if layer.name in names)
        session = self._session(self._proto, list(dict.fromkeys(layer.tensor for layer in wanted)))
        tensors = [value.name for value in session.get_outputs()]
        many, one = (dict(zip(tensors, run, strict=True)) for run in self._probe_runs(session))
        kept = {}
        for layer in wanted:
            values, alone = many[layer.tensor], one[layer.tensor]
            if not self._is_readable(values, alone):
                continue
            _refuse_mixing(layer.name, values[:1], alone, self._where)
            kept[layer.name] = _Shape(layer, values.shape[1:])
        if not kept:
            raise BadUpload(
                "no layer of the graph has one row an item and 2 to 4 axes.",
                where=self._where,
                mend="Keep the batch axis first in every layer.",
                code="onnx-no-layers",
            )
        return kept

    def _probe_runs(self, session: Any) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
        if self._tokenizer is None:
            made = [normalised(image, self.card.image) for image in calibration.images(3)]
            feeds = [self._image_feed(np.stack(made)), self._image_feed(np.stack(made[:1]))]
        else:
            text = calibration.sentences()[0]
            encoded = [self._tokenizer.encode([text] * count, ["made"] * count) for count in (3, 1)]
            feeds = [self._text_feed(tokens) for tokens in encoded]
            self._positions = encoded[0].ids.shape[1]
        one = _run(session, feeds[1], self._where)
        return _run(session, feeds[0], self._where, code="onnx-fixed-batch", mend=_DYNAMIC), one

    def _is_readable(self, values: NDArray[Any], alone: NDArray[Any]) -> bool:
        if values.dtype.kind != "f" or values.ndim not in (2, 3, 4):
            return False
        if len(values) != 3 or len(alone) != 1 or values[0].size < 1:
            return False
        if self._tokenizer is None:
            return True
        return values.ndim == 2 or (values.ndim == 3 and values.shape[1] == self._positions)


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


def _run(
    session: Any, feed: Feed, where: str, *, code: str = "onnx-failed", mend: str | None = None
) -> list[NDArray[Any]]:
    try:
        return list(session.run(None, feed))
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions share no public base class
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in feed.items())
        raise BadUpload(
            f"the graph fails on {shapes}: {_first_line(error)}", where=where, mend=mend, code=code
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:400]


def content_hash(data: bytes, card: ModelCard, tokenizer: bytes | None, twin: Twin | None, seed: int) -> str:
    """`OnnxModel.hash` without opening the graph."""
    shown = card.image if card.modality == "vision" else card.text
    return hash_json(
        [
            VERSION,
            hash_bytes(data),
            card.modality,
            shown.model_dump(mode="json"),
            hash_bytes(tokenizer) if tokenizer is not None else None,
            [twin, seed] if twin else None,
        ]
    )


def _graph_inputs(graph: Any) -> dict[str, Any]:
    fixed = {tensor.name for tensor in graph.initializer}
    return {value.name: value for value in graph.input if value.name not in fixed}


def _numpy_type(value: Any) -> np.dtype[Any]:
    import onnx  # nested: slow to import

    return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))


def _sides(value: Any) -> list[int | None]:
    """Axes of a graph input; None where the graph leaves them open."""
    return [d.dim_value if d.dim_value > 0 else None for d in value.type.tensor_type.shape.dim]


def _refuse_fixed_batch(value: Any, where: str) -> None:
    sides = _sides(value)
    if sides and sides[0] is not None:
        raise BadUpload(
            f"the input {value.name!r} has a fixed batch size of {sides[0]}.",
            where=where,
            mend=_DYNAMIC,
            code="onnx-fixed-batch",
        )


def _check_image_input(inputs: Mapping[str, Any], spec: ImageInput, where: str) -> None:
    values = list(inputs.values())
    if len(values) != 1 or len(_sides(values[0])) != 4 or _numpy_type(values[0]).kind != "f":
        raise BadUpload(
            f"a vision model takes one float input with 4 axes; this one takes {list(inputs)!r}.",
            where=where,
            mend="Export it with the image batch as its only input.",
            code="onnx-inputs",
        )
    _refuse_fixed_batch(values[0], where)
    sides = _sides(values[0])[1:]
    expected = [3, spec.size, spec.size] if spec.layout == "NCHW" else [spec.size, spec.size, 3]
    if any(have not in (None, want) for have, want in zip(sides, expected, strict=True)):
        shown = [side if side is not None else "any" for side in sides]
        raise BadUpload(
            f"the input wants {shown}, the card says {expected} ({spec.layout}).",
            where=where,
            mend="Set image.size and image.layout in gyral.toml to what the graph takes.",
            code="onnx-input-size",
        )


def _check_text_inputs(inputs: Mapping[str, Any], where: str) -> None:
    strange = [name for name in inputs if name not in _TEXT_INPUTS]
    wrong = [n for n, v in inputs.items() if _numpy_type(v).kind not in "iu" or len(_sides(v)) != 2]
    if strange or wrong or "input_ids" not in inputs:
        raise BadUpload(
            f"a language model takes integer inputs with 2 axes out of {list(_TEXT_INPUTS)!r}, "
            f"'input_ids' among them; this one takes {list(inputs)!r}.",
            where=where,
            code="onnx-inputs",
        )
    for value in inputs.values():
        _refuse_fixed_batch(value, where)
        if _sides(value)[1] is not None:
            raise BadUpload(
                f"the input {value.name!r} has a fixed length of {_sides(value)[1]} tokens.",
                where=where,
                mend="Export with a dynamic sequence axis.",
                code="onnx-inputs",
            )


def _weights(graph: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    from onnx import numpy_helper  # nested: slow to import

    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f":
            yield tensor.name, values


def _refuse_mixing(name: str, among: NDArray[Any], alone: NDArray[Any], where: str) -> None:
    if not np.isfinite(alone).all():
        return  # nothing to compare; `verify` and extraction refuse the layer
    scale = float(np.abs(alone).max()) or 1.0
    if not np.allclose(among, alone, rtol=1e-2, atol=1e-3 * scale, equal_nan=True):
        raise BadUpload(
            f"the layer {name!r} of one item changes with the other items of its batch.",
            where=where,
            mend="Export the model in evaluation mode: net.eval().",
            code="onnx-batch-mixing",
        )
