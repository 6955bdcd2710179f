"""Multiply-adds: against formulas, against torch's own count of the same net, the same in a guest, and None where unknown."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import helper

import uploads
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadUpload
from gyral.isolation.answers import read_count
from gyral.isolation.host import IsolatedModel
from gyral.models.catalogue import open_model
from gyral.models.compute import Typical, counted, multiply_adds
from gyral.models.model import Reduction
from gyral.models.onnx_compute import graph_multiply_adds
from gyral.models.onnx_graph import OnnxModel
from gyral.models.tokenizer import Tokens
from gyral.models.upload import open_folder
from made_models import (
    LANGUAGE,
    SETTINGS,
    SIZE,
    VISION,
    exported,
    mirror_model,
    onnx_bytes,
    small_resnet,
    text_card,
    texts,
    transformers_folder,
    vision_card,
)
from needs import absent

OPEN = {"dynamic_shapes": ({0: "batch"},)}
PIXELS = np.zeros((1, 3, SIZE, SIZE), np.float32)


def _graph(*nodes: object, weights: dict[str, tuple[int, ...]]) -> int | None:
    import onnx

    made: dict[str, NDArray[np.float32]] = {name: np.ones(shape, np.float32) for name, shape in weights.items()}
    proto = onnx.ModelProto.FromString(onnx_bytes(list(nodes), made))
    return graph_multiply_adds(proto, ["out"], {"x": PIXELS}, where="model.onnx")


def _conv(kind: str, *options: int, **attributes: object) -> object:
    return helper.make_node(kind, ["x", "w"], ["out"], **attributes)


def test_convolutions_are_counted_as_torch_counts_them() -> None:
    cases = [
        (_conv("Conv", strides=[2, 2]), (8, 3, 3, 3), torch.nn.Conv2d(3, 8, 3, stride=2)),
        (_conv("Conv", group=3), (6, 1, 5, 5), torch.nn.Conv2d(3, 6, 5, groups=3)),
        (_conv("ConvTranspose", strides=[2, 2]), (3, 4, 2, 2), torch.nn.ConvTranspose2d(3, 4, 2, stride=2)),
    ]
    for node, shape, net in cases:
        found = _graph(node, weights={"w": shape})
        assert found == counted(lambda net=net: net(torch.from_numpy(PIXELS))), node.op_type  # type: ignore[attr-defined]


def test_products_are_counted_by_their_inner_side() -> None:
    assert _graph(helper.make_node("MatMul", ["x", "w"], ["out"]), weights={"w": (SIZE, 7)}) == 3 * SIZE * SIZE * 7
    # Of two computed tensors: attention.
    square = helper.make_node("MatMul", ["x", "x"], ["out"])
    assert _graph(square, weights={}) == 3 * SIZE**3
    flat = helper.make_node("Flatten", ["x"], ["f"])
    gemm = helper.make_node("Gemm", ["f", "w"], ["out"])
    assert _graph(flat, gemm, weights={"w": (3 * SIZE * SIZE, 5)}) == 3 * SIZE * SIZE * 5
    turned = helper.make_node("Gemm", ["f", "w"], ["out"], transA=1)
    assert _graph(flat, turned, weights={"w": (1, 5)}) == 3 * SIZE * SIZE * 5


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Einsum", ["x", "w", "w"], ["out"], equation="bchw,wk,wl->bchkl"),
        helper.make_node("FusedMatMul", ["x", "w"], ["out"], domain="org.example"),
    ],
)
def test_what_shapes_do_not_tell_is_not_guessed(node: object) -> None:
    assert _graph(node, weights={"w": (SIZE, 2)}) is None


def test_graphs_without_a_product_have_no_count() -> None:
    assert _graph(helper.make_node("Relu", ["x"], ["out"]), weights={}) is None


def test_graph_is_counted_up_to_the_layers_that_are_read() -> None:
    net, images = small_resnet(), StimulusSet.from_files([])
    model = OnnxModel(exported(net, (torch.zeros(2, 3, SIZE, SIZE),), **OPEN), vision_card())
    counts = [multiply_adds(model, images, [name]) or 0 for name in model.layers()]
    assert counts == sorted(counts) and counts[0] < counts[-1]
    whole = counted(lambda: net(torch.from_numpy(PIXELS))) or 0
    assert multiply_adds(model, images, model.layers()) == counts[-1]
    assert whole - 8 * 5 <= counts[-1] <= whole


# As published: arXiv:1512.03385 (CIFAR ResNets, 41 and 126 M as later counts have them), the table of TF-slim for
# MobileNets (14, 77 and 300 M), pjreddie.com/darknet/tiny-darknet (.98 G operations).
@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("cifar_resnet20", 41),
        ("cifar_resnet56", 126),
        ("mobilenet_v1_025_128", 14),
        ("mobilenet_v1_050_160", 77),
        ("mobilenet_v2_imagenet", 300),
        ("tiny_darknet", 490),
    ],
)
def test_networks_of_the_mirror_are_counted_as_published(name: str, millions: int, tmp_path: Path) -> None:
    model = open_folder(mirror_model(name, tmp_path / name))
    assert isinstance(model, OnnxModel)
    whole = graph_multiply_adds(
        model._proto, [value.name for value in model._proto.graph.output], model._made_feed(1), where=name
    )
    assert whole == pytest.approx(millions * 1e6, rel=0.05)
    read = multiply_adds(model, StimulusSet.from_files([]), model.layers())
    assert read is not None and 0.6 * whole < read <= whole


def test_recurrent_network_of_the_mirror_is_counted_by_hand(tmp_path: Path) -> None:
    import onnx

    folder = Path(os.environ.get("GYRAL_MODELS") or absent("weights", "GYRAL_MODELS names no folder of models"))
    proto = onnx.load(folder / "charlstm_bronte" / "model.onnx")
    ids = np.ones((1, 9), np.int64)
    # 9 steps of 2 layers with 4 gates of 128 units, from 128 below and 128 before; then 108 characters.
    by_hand = 9 * (2 * 4 * 128 * (128 + 128) + 128 * 108)
    names = [value.name for value in proto.graph.output]
    assert graph_multiply_adds(proto, names, {"input_ids": ids}, where="model.onnx") == by_hand


def test_llama_of_the_mirror_is_counted(tmp_path: Path) -> None:
    model = open_folder(mirror_model("stories260k", tmp_path / "stories"))
    found = multiply_adds(model, StimulusSet.from_texts(["Once upon a time."]), model.layers())
    assert found is not None and found > 100_000


def test_fixture_of_the_guests_is_counted_by_hand() -> None:
    model = open_folder(uploads.GOOD / "conv")
    # 8 maps of 16 x 16 from 3 x 3 x 3, 12 maps of 8 x 8 from 8 x 3 x 3, 10 classes from 12 means.
    by_hand = 8 * 27 * 16 * 16 + 12 * 72 * 8 * 8 + 10 * 12
    assert multiply_adds(model, StimulusSet.from_files([]), model.layers()) == by_hand


@pytest.mark.parametrize("family", VISION)
def test_vision_networks_are_counted_as_when_they_are_run(family: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = transformers_folder(family, tmp_path / family)
    vision_card().write(folder / "gyral.toml")
    model = open_folder(folder)
    net = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        run = counted(lambda: net(pixel_values=torch.from_numpy(PIXELS)))
    assert run is not None
    assert multiply_adds(model, StimulusSet.from_files([]), model.layers()) == run


@pytest.mark.parametrize("family", LANGUAGE)
def test_language_networks_are_counted_at_the_mean_length(family: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = transformers_folder(family, tmp_path / family)
    text_card().write(folder / "gyral.toml")
    model = open_folder(folder)
    # 5, 2, 11 and 3 words, with [CLS] and [SEP].
    ids = torch.ones((1, round((7 + 4 + 13 + 5) / 4)), dtype=torch.long)
    net = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    with torch.no_grad():
        run = counted(lambda: net(input_ids=ids))
    assert run is not None
    assert multiply_adds(model, texts(), model.layers()) == run


def test_transformer_is_counted_by_its_formula(tmp_path: Path) -> None:
    folder = transformers_folder("bert", tmp_path / "bert")
    text_card().write(folder / "gyral.toml")
    model = open_folder(folder)
    wide, inner, tokens = SETTINGS["bert"]["hidden_size"], SETTINGS["bert"]["intermediate_size"], 7
    block = (4 * wide**2 + 2 * wide * inner) * tokens + 2 * tokens**2 * wide
    assert multiply_adds(model, texts(), model.layers()) == 2 * block + wide**2


def test_typical_text_shares_its_pass() -> None:
    mask = np.array([[1, 1, 1, 0], [1, 1, 1, 1]])
    tokens = Tokens(mask, mask, mask)
    assert Typical.of(tokens, 2) == Typical(4, 1.0)
    assert Typical.of(tokens, 8) == Typical(4, 0.25)


def test_models_that_are_no_graph_have_no_count() -> None:
    (floor,) = open_model("word-length")
    assert multiply_adds(floor, texts(), floor.layers()) is None
    given = open_folder(uploads.GOOD / "features")
    assert multiply_adds(given, texts(), given.layers()) is None


@pytest.mark.parametrize("name", ["conv", "bert"])
def test_guest_counts_the_same_and_goes_on_to_the_features(name: str, tmp_path: Path) -> None:
    stimuli = uploads.sentences() if name == "bert" else uploads.pictures(tmp_path)
    here = open_folder(uploads.GOOD / name)
    with IsolatedModel(uploads.GOOD / name, tier="process") as there:
        found = there.multiply_adds(stimuli, there.layers())
        assert found == multiply_adds(here, stimuli, here.layers())
        first = next(iter(there.batches(stimuli, there.layers(), reduction=Reduction())))
        assert len(first)


@pytest.mark.parametrize("said", [0, -1, True, 1.5, "many", 10**18, [1]])
def test_counts_that_are_none_are_refused(said: object) -> None:
    with pytest.raises(BadUpload, match="no number of multiply-adds"):
        read_count({"say": "count", "multiply_adds": said})
    assert read_count({"say": "count", "multiply_adds": None}) is None
