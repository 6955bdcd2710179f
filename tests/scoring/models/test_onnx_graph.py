"""ONNX models behind the protocol: right numbers, one pass, whatever the batch; bad graphs are refused."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload, UnknownName
from gyral.models.image import load_images
from gyral.models.model import Model, Reduction
from gyral.models.onnx_check import parse
from gyral.models.onnx_graph import OnnxModel
from gyral.models.onnx_session import cut
from gyral.models.steadiness import two_texts
from gyral.models.tokenizer import TextTokenizer
from made_models import (
    SIZE,
    WORDS,
    deep_plain_net,
    exported,
    features,
    onnx_bytes,
    small_resnet,
    text_card,
    texts,
    vision_card,
    word_tokenizer,
)
from uploads import pictures


@cache
def _resnet() -> bytes:
    shapes = ({0: torch.export.Dim("batch")},)
    return exported(small_resnet(), (torch.zeros(2, 3, SIZE, SIZE),), dynamic_shapes=shapes)


def _refused(data: bytes, **arguments: Any) -> BadUpload:
    card = arguments.pop("card", vision_card())
    with pytest.raises(BadUpload) as caught:
        OnnxModel(data, card, **arguments)
    return caught.value


def test_layers_equal_what_torch_computes(tmp_path: Path) -> None:
    stimuli, net = pictures(tmp_path), small_resnet()
    model = OnnxModel(_resnet(), vision_card())
    assert isinstance(model, Model)
    assert model.layers() == ("stem", "stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1", "head")
    seen: dict[str, torch.Tensor] = {}
    for name in model.layers():
        net.get_submodule(name).register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    with torch.no_grad():
        net(torch.from_numpy(load_images(stimuli.files or (), model.card.image)))
    for name, values in features(model, stimuli, grid=None).items():
        np.testing.assert_allclose(values, seen[name].numpy(), rtol=1e-3, atol=1e-4)
        assert values.dtype == np.float32


def test_maps_keep_their_grid_and_are_reduced_as_declared(tmp_path: Path) -> None:
    found = features(OnnxModel(_resnet(), vision_card()), pictures(tmp_path))
    assert found["stages.1.1"].shape == (5, 8, 7, 7) and found["head"].shape == (5, 5)


def test_numbers_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    model, stimuli = OnnxModel(_resnet(), vision_card()), pictures(tmp_path, 9)
    whole, single = features(model, stimuli), features(model, stimuli, memory=1)
    for name in model.layers():
        np.testing.assert_allclose(whole[name], single[name], rtol=1e-4, atol=1e-5)
    again = features(model, stimuli)
    assert all(np.array_equal(whole[name], again[name]) for name in whole)


def test_batches_follow_the_memory_budget(tmp_path: Path) -> None:
    model, stimuli = OnnxModel(_resnet(), vision_card()), pictures(tmp_path)
    found = list(model.batches(stimuli, ("head",), reduction=Reduction(), memory=1))
    assert [(b.start, len(b)) for b in found] == [(i, 1) for i in range(5)]


def test_the_graph_is_cut_to_the_wanted_layers() -> None:
    proto = parse(deep_plain_net(6))
    small = onnx.ModelProto.FromString(cut(proto, ["r1"]))
    assert [n.op_type for n in small.graph.node] == ["Conv", "Relu"] * 2
    assert {t.name for t in small.graph.initializer} == {"w0", "b0", "w1", "b1"}


def test_layers_of_the_card_choose_inner_modules(tmp_path: Path) -> None:
    model = OnnxModel(_resnet(), vision_card(layers=("stages.1", "stages.0.*.norm1")))
    assert model.layers() == ("stages.0.0.norm1", "stages.0.1.norm1", "stages.1")
    found = features(model, pictures(tmp_path))
    assert [a.shape for a in found.values()] == [(5, 8, 7, 7)] * 3
    with pytest.raises(UnknownName, match="stages"):
        OnnxModel(_resnet(), vision_card(layers=("stagse.1",)))


def test_an_unknown_layer_is_named_with_the_nearest(tmp_path: Path) -> None:
    model = OnnxModel(_resnet(), vision_card())
    with pytest.raises(UnknownName, match=r"stages\.0\.0"):
        list(model.batches(pictures(tmp_path), ("stages.0.9",), reduction=Reduction()))


def test_hash_changes_with_weights_and_preprocessing_only() -> None:
    base = OnnxModel(_resnet(), vision_card()).hash
    assert OnnxModel(_resnet(), vision_card(title="Other", description="words")).hash == base
    assert OnnxModel(_resnet(), vision_card(image={"mean": (0.5, 0.5, 0.5)})).hash != base
    assert OnnxModel(deep_plain_net(2), vision_card()).hash != base


def test_a_fixed_batch_size_is_refused_with_the_mend() -> None:
    for size in (1, 4):
        given = {"x": (TensorProto.FLOAT, [size, 3, SIZE, SIZE])}
        error = _refused(onnx_bytes([helper.make_node("Relu", ["x"], ["out"])], {}, inputs=given))
        assert error.code == "onnx-fixed-batch" and str(size) in error.what and "dynamic" in str(error.mend)


def test_a_batch_size_baked_into_the_graph_is_refused() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["out"]),
    ]
    columns = 3 * SIZE * SIZE
    weights = {"shape": np.array([1, columns]), "w": np.ones((columns, 2), np.float32)}
    assert _refused(onnx_bytes(nodes, weights)).code == "onnx-fixed-batch"


def test_a_graph_whose_items_mix_is_refused() -> None:
    axes = {"axes": np.array([0, 2, 3]), "w": np.ones((4, 3, 1, 1), np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Conv", ["centred", "w"], ["out"]),
    ]
    error = _refused(onnx_bytes(nodes, axes))
    assert error.code == "onnx-batch-mixing" and "eval()" in str(error.mend)


def test_input_size_and_layout_must_be_the_card_s() -> None:
    error = _refused(deep_plain_net(2), card=vision_card().model_copy(update={"image": vision_card().image.model_copy(update={"size": 48})}))  # fmt: skip
    assert error.code == "onnx-input-size" and "48" in error.what
    assert _refused(deep_plain_net(2), card=vision_card(image={"layout": "NHWC"})).code == "onnx-input-size"


def test_channels_last_graphs_are_fed_channels_last(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["t", "w"], ["out"], name="conv"),
    ]
    weights = {"w": np.eye(3, dtype=np.float32)[:, :, None, None]}
    given = {"x": (TensorProto.FLOAT, ["b", SIZE, SIZE, 3])}
    model = OnnxModel(onnx_bytes(nodes, weights, inputs=given), vision_card(image={"layout": "NHWC"}))
    stimuli = pictures(tmp_path)
    found = features(model, stimuli, grid=None)["conv"]
    np.testing.assert_allclose(found, load_images(stimuli.files or (), vision_card().image), atol=1e-6)


def test_two_inputs_are_refused_for_images() -> None:
    given = {"x": (TensorProto.FLOAT, ["b", 3, SIZE, SIZE]), "y": (TensorProto.FLOAT, ["b", 3, SIZE, SIZE])}
    data = onnx_bytes([helper.make_node("Add", ["x", "y"], ["out"])], {}, inputs=given)
    assert _refused(data).code == "onnx-inputs"


def test_a_graph_onnxruntime_cannot_load_is_refused_without_traceback() -> None:
    weights = {"w": np.ones((4, 3, 1, 1), np.float32)}
    data = onnx_bytes([helper.make_node("Conv", ["x", "w", "w", "w"], ["out"])], weights)
    error = _refused(data)
    assert error.code == "onnx-refused" and "\n" not in error.what


class _Encoder(nn.Module):
    """Word and position embeddings, one attention layer, layer normalisation; mask honoured if given."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.positions = nn.Embedding(len(WORDS), 12), nn.Embedding(16, 12)
        self.query, self.key, self.value = (nn.Linear(12, 12) for _ in range(3))
        self.norm = nn.LayerNorm(12)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> torch.Tensor:
        x = self.words(input_ids) + self.positions.weight[: input_ids.shape[1]]
        scores = self.query(x) @ self.key(x).transpose(1, 2) / 12**0.5
        if attention_mask is not None:
            scores = scores.masked_fill(attention_mask[:, None] == 0, -1e9)
        return self.norm(x + torch.softmax(scores, dim=-1) @ self.value(x))  # type: ignore[no-any-return]


@cache
def _encoder(masked: bool) -> bytes:
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=16)
    ids = torch.ones(2, 5, dtype=torch.long)
    # Two tensors: the exporter would take one given twice for one input.
    given = (ids, torch.ones_like(ids))[: 2 if masked else 1]
    shapes = ({0: batch, 1: length},) * (2 if masked else 1)
    names = ["input_ids", "attention_mask"][: 2 if masked else 1]
    return exported(_Encoder().eval(), given, dynamic_shapes=shapes, input_names=names)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "last", "cls"])
def test_padding_does_not_change_a_sentence(masked: bool, pooling: str) -> None:
    card = text_card(text={"pooling": pooling})
    model = OnnxModel(_encoder(masked), card, tokenizer=word_tokenizer())
    whole, single = features(model, texts()), features(model, texts(), memory=1)
    for name in model.layers():
        assert whole[name].shape == (4, 12)
        np.testing.assert_allclose(whole[name], single[name], rtol=1e-4, atol=1e-5)


def test_text_is_pooled_as_the_card_declares() -> None:
    net, data = _Encoder().eval(), _encoder(True)
    ids = torch.tensor([[2, 4, 6, 8, 5, 7, 3]])  # [CLS] the dog sees a cat [SEP]
    with torch.no_grad():
        states = net(ids)[0].numpy()
    for pooling, expected in (("mean", states.mean(axis=0)), ("last", states[-1]), ("cls", states[0])):
        model = OnnxModel(data, text_card(text={"pooling": pooling}), tokenizer=word_tokenizer())
        np.testing.assert_allclose(features(model, texts())["norm"][0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("twin", [None, "untrained"])
def test_words_are_means_of_their_tokens_whatever_the_batch(masked: bool, twin: Any) -> None:
    model = OnnxModel(_encoder(masked), text_card(), tokenizer=word_tokenizer(special=False), twin=twin)
    shown = StimulusSet.from_texts(["the dog, sees (cat)", "house!", "a tree", "the old dog, sees"])
    counts = [[1, 2, 1, 3], [2], [1, 1], [1, 1, 2, 1]]  # tokens of each word
    batches = list(model.batches(shown, model.layers(), reduction=Reduction(words=9), memory=1))
    (together,) = model.batches(shown, model.layers(), reduction=Reduction(words=9))
    pooled = features(model, shown)
    for name in model.layers():
        words = together.arrays[name]
        assert words.shape == (4, 9, 12) and words.dtype == np.float32
        single = np.concatenate([batch.arrays[name] for batch in batches])
        np.testing.assert_allclose(words, single, rtol=1e-4, atol=1e-5)
        for row, count in enumerate(counts):
            assert words[row, : len(count)].any(axis=1).all() and not words[row, len(count) :].any()
            mean = np.average(words[row, : len(count)], axis=0, weights=count)
            np.testing.assert_allclose(mean, pooled[name][row], rtol=1e-4, atol=1e-5)


def test_a_layer_of_pooled_texts_stays_flat_where_words_are_asked_for() -> None:
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("MatMul", ["embedded", "w1"], ["mixed"], name="tokens"),
        helper.make_node("Relu", ["mixed"], ["active"], name="active"),
        helper.make_node("ReduceMean", ["active", "axis"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "w2"], ["out"], name="text"),
    ]
    draw = np.random.default_rng(0)
    shapes = {"table": (len(WORDS), 6), "w1": (6, 6), "w2": (6, 5)}
    weights = {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    given = {"input_ids": (TensorProto.INT64, ["batch", "length"])}
    data = onnx_bytes(nodes, {**weights, "axis": np.array([1])}, inputs=given)
    model = OnnxModel(data, text_card(), tokenizer=word_tokenizer())
    (batch,) = model.batches(texts(), model.layers(), reduction=Reduction(words=12))
    shapes_found = {values.shape for values in batch.arrays.values()}
    assert shapes_found == {(4, 12, 6), (4, 5)}


def _text_graph(nodes: list[Any], weights: dict[str, Any], *inputs: str) -> bytes:
    given = {name: (TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", *inputs)}
    table = {"table": np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)}
    return onnx_bytes(nodes, table | weights, inputs=given)


def test_a_text_that_changes_with_its_padding_is_refused() -> None:
    """The mask is an input, and the mean runs over the padding nevertheless."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"], name="/embed/Gather"),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["mask"], ["some"], keepdims=1),
        helper.make_node("ReduceMean", ["embedded", "axis"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "some"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "w"], ["out"], name="/head/MatMul"),
    ]
    weights = {"axis": np.array([1]), "w": np.eye(6, dtype=np.float32)}
    error = _refused(_text_graph(nodes, weights, "attention_mask"), card=text_card(), tokenizer=word_tokenizer())
    assert error.code == "onnx-padding" and "'head'" in error.what and "attention_mask" in str(error.mend)


def test_a_graph_without_weights_has_no_layer() -> None:
    error = _refused(onnx_bytes([helper.make_node("Relu", ["x"], ["out"])], {}))
    assert error.code == "onnx-no-layers"


def test_a_length_baked_into_the_graph_is_refused() -> None:
    short, long, _ = two_texts(TextTokenizer(word_tokenizer(), text_card().text))
    assert short.ids.shape[1] < long.ids.shape[1]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("Add", ["embedded", "positions"], ["placed"]),
        helper.make_node("MatMul", ["placed", "w"], ["out"], name="/head/MatMul"),
    ]
    weights = {"positions": np.ones((1, short.ids.shape[1], 6), np.float32), "w": np.eye(6, dtype=np.float32)}
    error = _refused(_text_graph(nodes, weights), card=text_card(), tokenizer=word_tokenizer())
    assert error.code == "onnx-length" and "dynamic" in str(error.mend)


def test_a_language_graph_without_tokenizer_is_refused() -> None:
    assert _refused(_encoder(True), card=text_card()).code == "tokenizer-missing"
    assert _refused(deep_plain_net(2), card=text_card(), tokenizer=word_tokenizer()).code == "onnx-inputs"
