"""ONNX intake: what is refused, by which name, and what is made of the rest."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gyral.errors import BadUpload
from gyral.models import onnx_check
from gyral.models.onnx_check import parse
from made_models import deep_plain_net, onnx_bytes


def _refused(data: bytes) -> BadUpload:
    with pytest.raises(BadUpload) as caught:
        parse(data)
    assert caught.value.where == "model.onnx"
    return caught.value


def _changed(change: Any) -> bytes:
    model = onnx.ModelProto.FromString(deep_plain_net(2))
    change(model)
    return bytes(model.SerializeToString())


def test_a_good_graph_is_parsed_whole() -> None:
    model = parse(deep_plain_net(3))
    assert [node.op_type for node in model.graph.node].count("Conv") == 3


@pytest.mark.parametrize("data", [b"", b"not a model", deep_plain_net(2)[:200]])
def test_bytes_that_are_no_model_are_refused(data: bytes) -> None:
    assert _refused(data).code == "onnx-unreadable"


@pytest.mark.parametrize("name", ["relu0", "c0", "w0"])  # of a node, a value, a stored tensor
def test_a_name_that_is_no_text_is_refused(name: str) -> None:
    data = deep_plain_net(2)
    assert name.encode() in data
    assert _refused(data.replace(name.encode(), b"\xff" * len(name))).code == "onnx-unreadable"


def test_an_unknown_operator_is_refused_by_name() -> None:
    error = _refused(onnx_bytes([helper.make_node("Conwolution", ["x"], ["out"], name="first")], {}))
    assert error.code == "onnx-operator" and "'Conwolution'" in error.what and "'first'" in error.what
    assert error.mend


def test_an_operator_of_an_unknown_domain_is_refused() -> None:
    error = _refused(onnx_bytes([helper.make_node("Relu", ["x"], ["out"], domain="my.company")], {}))
    assert error.code == "onnx-operator" and "my.company::Relu" in error.what


def test_an_unknown_operator_inside_a_branch_is_found() -> None:
    branch = helper.make_graph(
        [helper.make_node("Sekret", ["x"], ["y"])], "branch", [], [helper.make_tensor_value_info("y", 1, None)]
    )
    node = helper.make_node("If", ["c"], ["out"], then_branch=branch, else_branch=branch)
    assert "'Sekret'" in _refused(onnx_bytes([node], {"c": np.array(True)})).what


def test_an_operator_newer_than_the_opset_is_unknown() -> None:
    node = helper.make_node("Gelu", ["x"], ["out"])
    assert parse(onnx_bytes([node], {}, opset=20)) is not None
    assert _refused(onnx_bytes([node], {}, opset=18)).code == "onnx-operator"


def test_external_data_is_refused_wherever_it_hides() -> None:
    def initialiser(model: Any) -> None:
        model.graph.initializer[0].data_location = TensorProto.EXTERNAL

    def constant(model: Any) -> None:
        tensor = numpy_helper.from_array(np.ones(2, np.float32), "far")
        tensor.external_data.add(key="location", value="/etc/passwd")
        model.graph.node.append(helper.make_node("Constant", [], ["k"], value=tensor))

    for change in (initialiser, constant):
        error = _refused(_changed(change))
        assert error.code == "onnx-external-data" and error.mend


def test_a_random_operator_is_refused() -> None:
    node = helper.make_node("RandomNormalLike", ["x"], ["out"])
    assert _refused(onnx_bytes([node], {})).code == "onnx-random"


@pytest.mark.parametrize("opset", [5, 99])
def test_an_opset_outside_the_range_is_refused(opset: int) -> None:
    def change(model: Any) -> None:
        model.opset_import[0].version = opset

    error = _refused(_changed(change))
    assert error.code == "onnx-opset" and str(opset) in error.what


def test_a_tensor_that_lies_about_its_size_is_refused() -> None:
    def change(model: Any) -> None:
        model.graph.initializer[0].dims[0] = 999

    assert _refused(_changed(change)).code == "onnx-tensor-size"


def test_a_few_bytes_that_ask_for_gigabytes_are_refused() -> None:
    node = helper.make_node("ConstantOfShape", ["shape"], ["out"])
    data = onnx_bytes([node], {"shape": np.array([1 << 16, 1 << 17], np.int64)})
    assert len(data) < 300
    assert _refused(data).code == "onnx-tensor-size"


def test_a_file_over_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_check, "MAX_BYTES", 100)
    assert _refused(deep_plain_net(2)).code == "onnx-too-large"


def test_local_functions_are_inlined_and_constants_lifted() -> None:
    function = helper.make_function(
        "here", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )

    def change(model: Any) -> None:
        model.functions.append(function)
        model.opset_import.append(helper.make_opsetid("here", 1))
        model.graph.node.append(helper.make_node("Twice", ["out"], ["more"], domain="here"))
        value = numpy_helper.from_array(np.ones(2, np.float32))
        model.graph.node.append(helper.make_node("Constant", [], ["k"], value=value))

    model = parse(_changed(change))
    assert "Twice" not in {node.op_type for node in model.graph.node}
    assert "Constant" not in {node.op_type for node in model.graph.node}
    assert "k" in {tensor.name for tensor in model.graph.initializer}
