"""ONNX models: a graph from bytes, run by onnxruntime, inner layers exposed as outputs."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload
from gyral.hashing import hash_bytes, hash_json
from gyral.models import calibration
from gyral.models.activation import (
    over_time,
    projected,
    reduced,
    require_finite,
    require_finite_weights,
    require_layers,
    require_modality,
    spans,
)
from gyral.models.card import ModelCard
from gyral.models.compute import Typical
from gyral.models.hearing import fitted, load_sounds
from gyral.models.image import load_images, normalised
from gyral.models.model import CARD_LAYERS, Batch, Reduction, choose_layers
from gyral.models.onnx_check import parse
from gyral.models.onnx_compute import graph_multiply_adds
from gyral.models.onnx_inputs import (
    TEXT_INPUTS,
    check_image_input,
    check_sound_input,
    check_text_inputs,
    graph_inputs,
    input_axes,
    numpy_type,
)
from gyral.models.onnx_layers import Layer, LayerMap
from gyral.models.onnx_probe import Probed, probe_images, probe_texts
from gyral.models.onnx_session import Feed, cut, open_session, run_session
from gyral.models.onnx_strip import stripped_hash
from gyral.models.onnx_time import channel_axis
from gyral.models.steadiness import two_texts
from gyral.models.tokenizer import TextTokenizer, Tokens, read_out
from gyral.models.twins import Twin
from gyral.models.windows import windows

VERSION = "onnx-1"  # part of the hash: raise it when the features of a file change


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
        ``onnx-input-size``, ``onnx-refused``, ``onnx-failed``, ``onnx-batch-mixing``, ``onnx-length``,
        ``onnx-padding``, ``onnx-no-layers``, ``tokenizer-missing``.
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
        self._inputs = graph_inputs(self._proto.graph)
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
            check_text_inputs(self._inputs, where)
        elif card.modality == "audio":
            check_sound_input(self._inputs, card.sound, where)
        else:
            check_image_input(self._inputs, card.image, where)
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
        item = self.card.sound.length or 0 if self.card.modality == "audio" else 3 * self.card.image.size**2
        cost = 2 * sum(s.bytes for s in shapes) + 4 * item
        for start, stop in spans(len(stimuli), cost, memory):
            raw = self._raw(session, stimuli.subset(range(start, stop)), reduction.words)
            arrays = {}
            for name, shape, values in zip(layers, shapes, raw, strict=True):
                # The positions of a text are no square grid, even where their number is a square.
                if self._tokenizer is not None:
                    arrays[name] = projected(np.asarray(values, np.float32), reduction.channels)
                elif self.card.modality == "audio" and values.ndim == 3:
                    arrays[name] = over_time(values, channel_axis(self._proto.graph, shape.layer.tensor))
                else:
                    arrays[name] = reduced(values, reduction)
                require_finite(name, arrays[name], stimuli, start)
            yield Batch(start, arrays)

    def multiply_adds(self, stimuli: StimulusSet, layers: Sequence[str]) -> int | None:
        """See `gyral.models.compute.Countable`: of the part of the graph that computes ``layers``."""
        tensors = list(dict.fromkeys(self._chosen[name].layer.tensor for name in layers))
        if self._tokenizer is None:
            return graph_multiply_adds(self._proto, tensors, self._made_feed(1), where=self._where)
        texts = stimuli.texts or ()
        if stimuli.contexts is None:
            tokens = self._tokenizer.encode(texts, stimuli.ids)
        else:
            policy = self.card.text.pooling
            seen = windows(
                self._tokenizer, texts, stimuli.contexts, stimuli.ids, words=0, policy=policy, causal=False
            )
            tokens = seen.tokens
        typical = Typical.of(tokens, len(texts))
        ids = np.full((1, typical.length), tokens.ids[0, 0])
        feed = self._text_feed(Tokens(ids, np.ones_like(ids), np.zeros_like(ids)))
        found = graph_multiply_adds(self._proto, tensors, feed, where=self._where)
        return None if found is None else round(found * typical.passes)

    def verify(self) -> None:
        """Refuse what opening alone lets pass: layers that are not finite for made stimuli.

        Raises
        ------
        BadUpload
            See `gyral.models.activation.require_finite_weights`.
        """
        session = self._session(self._proto, list({shape.layer.tensor for shape in self._chosen.values()}))
        one = dict(
            zip(
                [value.name for value in session.get_outputs()],
                run_session(session, self._made_feed(1), self._where),
                strict=True,
            )
        )
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
            return self._made_feed(calibration.COUNT)
        texts = calibration.sentences()
        return self._text_feed(self._tokenizer.encode(texts, texts))

    def _raw(self, session: Any, stimuli: StimulusSet, words: int) -> list[NDArray[Any]]:
        """Outputs of one batch, tokens pooled to texts or words."""
        if self._tokenizer is None:
            files = stimuli.files or ()
            audio = self.card.modality == "audio"
            shown = load_sounds(files, self.card.sound) if audio else load_images(files, self.card.image)
            return run_session(session, self._array_feed(shown), self._where)
        texts, policy = stimuli.texts or (), self.card.text.pooling
        if stimuli.contexts is None:
            return self._read_text(session, self._tokenizer.encode(texts, stimuli.ids, words=words))
        # Whether a graph looks ahead is not known: each text is read by itself, with nothing after it.
        seen = windows(
            self._tokenizer, texts, stimuli.contexts, stimuli.ids, words=words, policy=policy, causal=False
        )
        found = self._read_text(session, seen.tokens)
        return [values[:, 0] if values.ndim == 3 and not words else values for values in found]

    def _read_text(self, session: Any, tokens: Tokens) -> list[NDArray[Any]]:
        if "attention_mask" in self._inputs:
            return self._pool(run_session(session, self._text_feed(tokens), self._where), tokens)
        # Without a mask padding would change the result: run sentences of the same length together.
        found: list[tuple[NDArray[np.int64], list[NDArray[Any]]]] = []
        for length in np.unique(tokens.lengths):
            rows = np.flatnonzero(tokens.lengths == length)
            part = tokens.of_length(rows, int(length))
            found.append((rows, self._pool(run_session(session, self._text_feed(part), self._where), part)))
        order = np.argsort(np.concatenate([rows for rows, _ in found]))
        return [np.concatenate(parts)[order] for parts in zip(*(values for _, values in found), strict=True)]

    def _pool(self, raw: list[NDArray[Any]], tokens: Tokens) -> list[NDArray[Any]]:
        return [read_out(v, tokens, self.card.text.pooling) if v.ndim == 3 else v for v in raw]

    def _array_feed(self, values: NDArray[np.float32]) -> Feed:
        """Images, or sounds (samples x times) with an axis for the one channel where the graph has it."""
        name, value = next(iter(self._inputs.items()))
        if values.ndim == 2 and input_axes(self._inputs) == 3:
            values = values[:, None]
        return {name: values.astype(numpy_type(value))}

    def _text_feed(self, tokens: Tokens) -> Feed:
        position = np.broadcast_to(np.arange(tokens.ids.shape[1]), tokens.ids.shape)
        values = dict(zip(TEXT_INPUTS, (tokens.ids, tokens.mask, tokens.types, position), strict=True))
        return {name: values[name].astype(numpy_type(value)) for name, value in self._inputs.items()}

    def _session(self, proto: Any, tensors: Sequence[str]) -> Any:
        return open_session(cut(proto, tensors), self._device, self._where)

    def _probe(self) -> dict[str, Probed]:
        """Run made stimuli through the graph and keep the layers that hold one row an item."""
        wanted = self._map.all if self.card.layers else self._map.default
        if self.card.layers:
            names = choose_layers([layer.name for layer in wanted], self.card.layers, where=CARD_LAYERS)
            wanted = tuple(layer for layer in wanted if layer.name in names)
        kept = self._probed(wanted) if wanted else {}
        if not kept:
            raise BadUpload(
                "no layer of the graph has weights, one row an item and 2 to 4 axes.",
                where=self._where,
                mend="Keep the batch axis first in every layer.",
                code="onnx-no-layers",
            )
        return kept

    def _probed(self, wanted: Sequence[Layer]) -> dict[str, Probed]:
        session = self._session(self._proto, list(dict.fromkeys(layer.tensor for layer in wanted)))
        if self._tokenizer is None:
            return probe_images(session, wanted, self._made_feed(1), self._made_feed(3), self._where)
        short, long, both = two_texts(self._tokenizer)
        mixed = self._text_feed(both) if "attention_mask" in self._inputs else None
        pair = [(tokens, self._text_feed(tokens)) for tokens in (short, long)]
        return probe_texts(session, wanted, pair[0], pair[1], mixed, self._where)

    def _made_feed(self, count: int) -> Feed:
        """Made stimuli as the graph takes them: images, sounds, or texts of one length."""
        if self._tokenizer is not None:
            return self._text_feed(self._tokenizer.encode(calibration.sentences()[:1] * count, ["made"] * count))
        if self.card.modality == "audio":
            return self._array_feed(np.stack([fitted(s, self.card.sound) for s in calibration.sounds(count)]))
        return self._array_feed(
            np.stack([normalised(image, self.card.image) for image in calibration.images(count)])
        )


def content_hash(data: bytes, card: ModelCard, tokenizer: bytes | None, twin: Twin | None, seed: int) -> str:
    """`OnnxModel.hash` without opening the graph."""
    return hash_json(
        [
            VERSION,
            stripped_hash(data),
            card.modality,
            card.shown.facts(),
            hash_bytes(tokenizer) if tokenizer is not None else None,
            [twin, seed] if twin else None,
        ]
    )


def _weights(graph: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    from onnx import numpy_helper  # nested: slow to import

    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f":
            yield tensor.name, values
