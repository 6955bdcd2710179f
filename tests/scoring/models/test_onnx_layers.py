"""Names and places of layers come back from what exporters leave."""

from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper

from gyral.models.onnx_check import parse
from gyral.models.onnx_layers import LayerMap, scopes_of, thinned
from made_models import SIZE, deep_plain_net, exported, onnx_bytes, small_resnet


def _node(name: str = "", **metadata: str) -> Any:
    node = helper.make_node("Relu", ["x"], ["y"], name=name)
    for key, value in metadata.items():
        node.metadata_props.add(key=key.replace("_DOT_", "."), value=value)
    return node


def test_scopes_come_from_torch_metadata() -> None:
    scopes = "['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d_3']"
    node = _node("/elsewhere/Relu", pkg_DOT_torch_DOT_onnx_DOT_name_scopes=scopes)
    assert scopes_of(node) == ("layer1", "layer1.0", "layer1.0.conv1")


def test_damaged_metadata_gives_no_scope_and_runs_no_code() -> None:
    assert scopes_of(_node(pkg_DOT_torch_DOT_onnx_DOT_name_scopes="__import__('os').abort()")) == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/layer1/layer1.0/conv1/Conv", ("layer1", "layer1.0", "layer1.0.conv1")),
        ("/encoder/layer.0/attention/MatMul", ("encoder", "encoder.layer.0", "encoder.layer.0.attention")),
        ("model/block_1/Conv2D", ("model", "model.block_1")),
        ("Conv_12", ()),
        ("", ()),
    ],
)
def test_scopes_come_from_node_paths(name: str, expected: tuple[str, ...]) -> None:
    assert scopes_of(_node(name)) == expected


def test_blocks_of_an_exported_resnet_are_its_layers() -> None:
    found = LayerMap(parse(exported(small_resnet(), (torch.zeros(2, 3, SIZE, SIZE),))).graph)
    names = [layer.name for layer in found.default]
    assert names == ["stem", "stages.0.0", "stages.0.1", "stages.1.0", "stages.1.1", "head"]
    inner = {layer.name for layer in found.all}
    assert {"stages.0", "stages.0.0"} < inner


def test_a_graph_without_names_gives_its_activations() -> None:
    names = [layer.name for layer in LayerMap(parse(deep_plain_net(4)).graph).default]
    assert names == ["relu0", "relu1", "relu2", "relu3", "head"]


def test_a_graph_without_names_gives_the_sums_of_its_branches() -> None:
    nodes, weights, last = [], {}, "x"
    for i in range(4):
        weights[f"w{i}"] = np.ones((3, 3, 1, 1), np.float32)
        nodes.append(helper.make_node("Conv", [last, f"w{i}"], [f"c{i}"]))
        nodes.append(helper.make_node("Add", [last, f"c{i}"], [f"s{i}"], name=f"sum{i}"))
        last = f"s{i}"
    names = [layer.name for layer in LayerMap(parse(onnx_bytes(nodes, weights, output=last)).graph).default]
    assert names == ["sum0", "sum1", "sum2", "sum3"]


def test_many_blocks_are_thinned_and_first_and_last_kept() -> None:
    names = [layer.name for layer in LayerMap(parse(deep_plain_net(50)).graph).default]
    assert 10 <= len(names) <= 21 and names[0] == "relu0" and names[-1] == "head"


def test_thinned_keeps_order_ends_and_bound() -> None:
    for count in range(1, 130):
        kept = thinned(range(count), 20)
        assert list(kept) == sorted(kept) and kept[0] == 0 and kept[-1] == count - 1 and len(kept) <= 21
