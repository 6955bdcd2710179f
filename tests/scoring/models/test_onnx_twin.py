"""Untrained twins of ONNX graphs: everything trained is drawn again, nothing collapses, constants stay."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from gyral.models import calibration
from gyral.models.image import normalised
from gyral.models.onnx_check import parse
from gyral.models.onnx_graph import OnnxModel
from gyral.models.onnx_session import cut, open_session
from gyral.models.onnx_twin import redraw
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

Floats = NDArray[np.float32]


def _feed() -> dict[str, NDArray[Any]]:
    return {"x": np.stack([normalised(i, vision_card().image) for i in calibration.images()])}


def _no_feed() -> dict[str, NDArray[Any]]:
    raise AssertionError("a graph with live normalisation is not run to be drawn")


def _weights(proto: Any) -> dict[str, Floats]:
    return {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}


def test_weights_are_he_normal_and_biases_zero() -> None:
    proto = parse(deep_plain_net(3, wide=48))
    old, new = _weights(proto), _weights(redraw(proto, "untrained", 0, _feed))
    for i, channels in enumerate((3, 48, 48)):
        drawn = new[f"w{i}"]
        assert drawn.shape == old[f"w{i}"].shape
        assert abs(np.corrcoef(drawn.ravel(), old[f"w{i}"].ravel())[0, 1]) < 0.1
        np.testing.assert_allclose(drawn.std(), np.sqrt(2 / (9 * channels)), rtol=0.1)
        assert not new[f"b{i}"].any()
    np.testing.assert_allclose(new["wh"].std(), np.sqrt(2 / 48), rtol=0.25)


def test_outputs_are_standardised_per_channel_on_the_made_images() -> None:
    proto = redraw(parse(deep_plain_net(6)), "untrained", 1, _feed)
    names = [f"c{i}" for i in range(6)]
    found = open_session(cut(proto, [*names, "out"]), "cpu", "test").run(None, _feed())
    for values in found[:-1]:
        np.testing.assert_allclose(values.mean(axis=(0, 2, 3)), 0, atol=2e-3)
        np.testing.assert_allclose(values.std(axis=(0, 2, 3)), 1, rtol=2e-3)
    np.testing.assert_allclose(found[-1].std(axis=0), 1, rtol=2e-2)


def test_a_deep_twin_tells_images_apart_where_a_plain_redraw_does_not(tmp_path: Path) -> None:
    data, stimuli = deep_plain_net(40), pictures(tmp_path, 8)

    def spread(values: Floats) -> float:
        flat = values.reshape(len(values), -1)
        return float(flat.std(axis=0).mean() / flat.std())

    twin = features(OnnxModel(data, vision_card(), twin="untrained"), stimuli)
    deepest = [name for name in twin if name.startswith("relu")][-1]
    proto = parse(data)
    plain = _weights(redraw(proto, "untrained", 0, _feed))
    for tensor in proto.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(plain[tensor.name], tensor.name))
    bare = features(OnnxModel(proto.SerializeToString(), vision_card()), stimuli)
    assert spread(twin[deepest]) > 0.3
    assert spread(twin[deepest]) > 3 * spread(bare[deepest])


def test_folded_batch_normalisation_is_standardised_and_module_names_stay(tmp_path: Path) -> None:
    shapes = ({0: torch.export.Dim("batch")},)
    data = exported(small_resnet(), (torch.zeros(2, 3, SIZE, SIZE),), dynamic_shapes=shapes)
    stimuli, model = pictures(tmp_path), OnnxModel(data, vision_card())
    twins = [OnnxModel(data, vision_card(), twin="untrained", seed=seed) for seed in range(5)]
    assert {twin.layers() for twin in twins} == {model.layers()}
    assert len({model.hash, *(twin.hash for twin in twins)}) == 6
    found = [features(twin, stimuli)["head"] for twin in twins]
    assert all(not np.allclose(a, b) for i, a in enumerate(found) for b in found[:i])
    np.testing.assert_array_equal(found[2], features(OnnxModel(data, vision_card(), twin="untrained", seed=2), stimuli)["head"])  # fmt: skip


def test_stored_batch_statistics_are_estimated_again() -> None:
    draw = np.random.default_rng(0)
    vectors = {
        name: draw.normal(3, 1, 8).astype(np.float32) ** 2 for name in ("gain", "shift", "mean", "variance")
    }
    weights = {"w": draw.normal(size=(8, 3, 3, 3)).astype(np.float32), **vectors}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("BatchNormalization", ["c", *vectors], ["out"]),
    ]
    proto = redraw(parse(onnx_bytes(nodes, weights)), "untrained", 0, _feed)
    (values,) = open_session(cut(proto, ["out"]), "cpu", "test").run(None, _feed())
    np.testing.assert_allclose(values.mean(axis=(0, 2, 3)), 0, atol=2e-3)
    np.testing.assert_allclose(values.std(axis=(0, 2, 3)), 1, rtol=2e-3)


def test_preprocessing_inside_the_graph_stays() -> None:
    mean = np.array([0.4, 0.5, 0.6], np.float32)[:, None, None]
    weights = {"mean": mean, "scale": 1 / (mean + 1), "w": np.ones((8, 3, 3, 3), np.float32)}
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "w"], ["out"]),
    ]
    new = _weights(redraw(parse(onnx_bytes(nodes, weights)), "untrained", 0, _feed))
    np.testing.assert_array_equal(new["mean"], weights["mean"])
    np.testing.assert_array_equal(new["scale"], weights["scale"])


def test_half_precision_weights_behind_casts_are_drawn_too() -> None:
    draw = np.random.default_rng(0)
    half = draw.normal(size=(8, 3, 3, 3)).astype(np.float16)
    nodes = [
        helper.make_node("Cast", ["half"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w"], ["out"], name="conv"),
    ]
    new = _weights(redraw(parse(onnx_bytes(nodes, {"half": half})), "untrained", 0, _feed))
    assert abs(np.corrcoef(new["w"].ravel(), half.ravel())[0, 1]) < 0.3


def _text_graph(*, spelt_out: bool) -> tuple[bytes, dict[str, Floats]]:
    """Words + trained positions + sinusoidal positions, a linear layer, layer normalisation in one or many nodes."""
    draw = np.random.default_rng(0)
    step = np.arange(16)[:, None] / 10 ** (np.arange(6) / 2)
    weights: dict[str, Any] = {
        "words": draw.normal(size=(len(WORDS), 12)).astype(np.float32),
        "learned": draw.normal(size=(16, 12)).astype(np.float32),
        "waves": np.concatenate([np.sin(step), np.cos(step)], axis=1).astype(np.float32),
        "w": draw.normal(size=(12, 12)).astype(np.float32),
        "b": draw.normal(size=12).astype(np.float32),
        "gain": draw.normal(size=12).astype(np.float32),
        "shift": draw.normal(size=12).astype(np.float32),
        "two": np.float32(2),
        "tiny": np.float32(1e-5),
        "last": np.array([-1]),
    }
    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["e"]),
        helper.make_node("Gather", ["learned", "position_ids"], ["p"]),
        helper.make_node("Gather", ["waves", "position_ids"], ["s"]),
        helper.make_node("Add", ["e", "p"], ["ep"]),
        helper.make_node("Add", ["ep", "s"], ["eps"]),
        helper.make_node("MatMul", ["eps", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["h"]),
    ]
    if spelt_out:
        nodes += [
            helper.make_node("ReduceMean", ["h", "last"], ["mean"]),
            helper.make_node("Sub", ["h", "mean"], ["d"]),
            helper.make_node("Pow", ["d", "two"], ["dd"]),
            helper.make_node("ReduceMean", ["dd", "last"], ["variance"]),
            helper.make_node("Add", ["variance", "tiny"], ["v"]),
            helper.make_node("Sqrt", ["v"], ["sd"]),
            helper.make_node("Div", ["d", "sd"], ["z"]),
            helper.make_node("Mul", ["z", "gain"], ["zg"]),
            helper.make_node("Add", ["zg", "shift"], ["out"], name="norm"),
        ]
    else:
        nodes.append(helper.make_node("LayerNormalization", ["h", "gain", "shift"], ["out"], name="norm"))
    given = {name: (TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "position_ids")}
    return onnx_bytes(nodes, weights, inputs=given), weights


@pytest.mark.parametrize("spelt_out", [False, True])
def test_text_graphs_keep_position_constants_and_reset_their_norms(spelt_out: bool) -> None:
    data, old = _text_graph(spelt_out=spelt_out)
    new = _weights(redraw(parse(data), "untrained", 0, _no_feed))
    for name in ("words", "learned", "w"):
        assert abs(np.corrcoef(new[name].ravel(), old[name].ravel())[0, 1]) < 0.3
    np.testing.assert_array_equal(new["waves"], old["waves"])
    assert (new["gain"] == 1).all() and not new["shift"].any() and not new["b"].any()
    assert new["two"] == 2 and new["tiny"] == np.float32(1e-5)


def test_a_text_twin_runs_and_differs_by_seed() -> None:
    data, _ = _text_graph(spelt_out=False)
    found = [
        features(OnnxModel(data, text_card(), tokenizer=word_tokenizer(), twin="untrained", seed=s), texts())
        for s in (0, 1)
    ]
    name = next(iter(found[0]))
    assert not np.allclose(found[0][name], found[1][name])


def test_permuted_weights_keep_their_values_and_lose_their_places(tmp_path: Path) -> None:
    proto = parse(deep_plain_net(3, wide=16))
    old, new = _weights(proto), _weights(redraw(proto, "permuted", 0, _no_feed))
    for name, values in old.items():
        np.testing.assert_array_equal(np.sort(new[name].ravel()), np.sort(values.ravel()))
        if values.size > 20:
            assert not np.array_equal(new[name], values)
    found = features(OnnxModel(deep_plain_net(3, wide=16), vision_card(), twin="permuted"), pictures(tmp_path))
    assert all(np.isfinite(values).all() for values in found.values())
