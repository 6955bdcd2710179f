"""What a node costs: graphs that onnxruntime runs, counted by hand or by torch, and node by node what it runs elsewhere."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from gyral.models.compute import counted
from gyral.models.onnx_compute import graph_multiply_adds
from gyral.models.onnx_cost import cost_of, free

MS = "com.microsoft"
B, S, H, D = 2, 5, 3, 4  # items, steps, heads, size of a head
W = H * D
Arrays = dict[str, NDArray[Any]]


def node(kind: str, names: str, out: str = "out", **attributes: Any) -> Any:
    """A node whose inputs are words; "-" stands for one that is left out."""
    return helper.make_node(kind, ["" if n == "-" else n for n in names.split()], out.split(), **attributes)


def some(*shape: int, kind: Any = np.float32) -> NDArray[Any]:
    return np.ones(shape, kind)


def count(nodes: Any, feed: Arrays, weights: Arrays | None = None, opset: int = 20) -> int | None:
    """Multiply-adds up to ``out``, by the shapes that onnxruntime finds."""
    kinds = {name: helper.np_dtype_to_tensor_dtype(value.dtype) for name, value in feed.items()}
    graph = helper.make_graph(
        nodes if isinstance(nodes, list) else [nodes],
        "made",
        [helper.make_tensor_value_info(name, kinds[name], list(value.shape)) for name, value in feed.items()],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid(MS, 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return graph_multiply_adds(proto, ["out"], feed, where="model.onnx")


# Operators that onnxruntime runs on a processor: node, feed, weights, count by hand.
RUN: dict[str, tuple[Any, Arrays, Arrays, int]] = {
    "Gemm": (node("Gemm", "x w", transA=1), {"x": some(7, 4)}, {"w": some(7, 5)}, 4 * 7 * 5),
    "MatMulInteger": (
        node("MatMulInteger", "x w"), {"x": some(2, 3, 7, kind=np.uint8)}, {"w": some(7, 5, kind=np.int8)}, 2 * 3 * 7 * 5
    ),
    "QLinearMatMul": (
        node("QLinearMatMul", "x s z w s z s z"),
        {"x": some(3, 7, kind=np.uint8)},
        {"w": some(7, 5, kind=np.uint8), "s": some(), "z": some(kind=np.uint8)},
        3 * 7 * 5,
    ),
    "ConvInteger": (
        node("ConvInteger", "x w"), {"x": some(1, 3, 8, 8, kind=np.uint8)}, {"w": some(4, 3, 3, 3, kind=np.uint8)}, 36 * 4 * 27
    ),
    "QLinearConv": (
        node("QLinearConv", "x s z w s z s z"),
        {"x": some(1, 3, 8, 8, kind=np.uint8)},
        {"w": some(4, 3, 3, 3, kind=np.uint8), "s": some(), "z": some(kind=np.uint8)},
        36 * 4 * 27,
    ),
    "ConvTranspose": (node("ConvTranspose", "x w", strides=[2, 2]), {"x": some(1, 3, 8, 8)}, {"w": some(3, 4, 2, 2)}, 64 * 3 * 16),
    "AffineGrid": (
        node("AffineGrid", "x size"), {"x": some(1, 2, 3)}, {"size": np.array([1, 1, 4, 5])}, 4 * 5 * 2 * 3
    ),
    # 4 gates from what is below and from the state before, in both directions, at every step.
    "LSTM": (
        node("LSTM", "x w r", hidden_size=6, direction="bidirectional"),
        {"x": some(S, B, 7)}, {"w": some(2, 24, 7), "r": some(2, 24, 6)}, S * B * 2 * 4 * 6 * (7 + 6),
    ),
    "LSTM, last state only": (
        node("LSTM", "x w r", "- out", hidden_size=6),
        {"x": some(S, B, 7)}, {"w": some(1, 24, 7), "r": some(1, 24, 6)}, S * B * 4 * 6 * (7 + 6),
    ),
    "GRU": (
        node("GRU", "x w r", hidden_size=6), {"x": some(S, B, 7)}, {"w": some(1, 18, 7), "r": some(1, 18, 6)}, S * B * 3 * 6 * 13
    ),
    "RNN": (node("RNN", "x w r", hidden_size=6), {"x": some(S, B, 7)}, {"w": some(1, 6, 7), "r": some(1, 6, 6)}, S * B * 6 * 13),
    "FusedMatMul": (node("FusedMatMul", "x w", domain=MS, transA=1), {"x": some(7, 4)}, {"w": some(7, 5)}, 4 * 7 * 5),
    "FusedConv": (node("FusedConv", "x w", domain=MS, activation="Relu"), {"x": some(1, 3, 8, 8)}, {"w": some(4, 3, 3, 3)}, 36 * 4 * 27),
    "MatMulNBits": (
        node("MatMulNBits", "x w s", domain=MS, K=32, N=5, bits=4, block_size=16),
        {"x": some(3, 32)}, {"w": some(5, 2, 8, kind=np.uint8), "s": some(10)}, 3 * 32 * 5,
    ),
    "MatMulIntegerToFloat": (
        node("MatMulIntegerToFloat", "x w s s", domain=MS),
        {"x": some(3, 7, kind=np.uint8)}, {"w": some(7, 5, kind=np.uint8), "s": some()}, 3 * 7 * 5,
    ),
    "DynamicQuantizeMatMul": (
        node("DynamicQuantizeMatMul", "x w s", domain=MS), {"x": some(3, 7)}, {"w": some(7, 5, kind=np.uint8), "s": some()}, 3 * 7 * 5
    ),
    "QGemm": (
        node("QGemm", "x s z w s z - s z", domain=MS),
        {"x": some(3, 7, kind=np.uint8)},
        {"w": some(7, 5, kind=np.uint8), "s": some(), "z": some(kind=np.uint8)},
        3 * 7 * 5,
    ),
    # Queries, keys and values of W each; then each query by each key, and each weight by each value.
    "Attention of onnxruntime": (
        node("Attention", "x w b", domain=MS, num_heads=H), {"x": some(B, S, 7)}, {"w": some(7, 3 * W), "b": some(3 * W)},
        B * S * 7 * 3 * W + 2 * B * H * S * S * D,
    ),
    "Attention with narrow values": (
        node("Attention", "x w b", domain=MS, num_heads=H, qkv_hidden_sizes=[W, W, 2 * H]),
        {"x": some(B, S, 7)}, {"w": some(7, 2 * W + 2 * H), "b": some(2 * W + 2 * H)},
        B * S * 7 * (2 * W + 2 * H) + B * H * S * S * (D + 2),
    ),
    "MultiHeadAttention": (
        node("MultiHeadAttention", "x k k", domain=MS, num_heads=H),
        {"x": some(B, S, W), "k": some(B, 9, W)}, {}, 2 * B * H * S * 9 * D,
    ),
    "MultiHeadAttention after others": (
        node("MultiHeadAttention", "x x x - - - p p", "out pk pv", domain=MS, num_heads=H),
        {"x": some(B, S, W), "p": some(B, H, 4, D)}, {}, 2 * B * H * S * (S + 4) * D,
    ),
    "GroupQueryAttention": (
        node("GroupQueryAttention", "x k k - - l t", "out pk pv", domain=MS, num_heads=4, kv_num_heads=2),
        {"x": some(1, S, 64), "k": some(1, S, 32)},
        {"l": np.array([S - 1], np.int32), "t": np.array(S, np.int32)},
        2 * 4 * S * S * 16,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUN)
def test_operators_that_are_run_are_counted_by_hand(name: str) -> None:
    made, feed, weights, by_hand = RUN[name]
    assert count(made, feed, weights) == by_hand


@pytest.mark.parametrize("shape", [(B, H, S, D), (B, S, W)])
def test_attention_of_the_standard_is_queries_by_keys_and_weights_by_values(shape: tuple[int, ...]) -> None:
    keys = (B, H, 9, D) if len(shape) == 4 else (B, 9, W)
    heads = {} if len(shape) == 4 else {"q_num_heads": H, "kv_num_heads": H}
    made = node("Attention", "x k k", **heads)
    assert count(made, {"x": some(*shape), "k": some(*keys)}, opset=23) == 2 * B * H * S * 9 * D


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("bchw,wk->bchk", [(2, 3, 4, 5), (5, 6)]),
        ("bhid,bhjd->bhij", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("...ij,jk", [(2, 3, 4), (4, 5)]),
        ("i,j->ij", [(3,), (4,)]),  # element by element
        ("ij,ij->ij", [(3, 4), (3, 4)]),
        ("i,i", [(3,), (3,)]),
        ("ab,bc->c", [(3, 4), (4, 5)]),
    ],
)
def test_contractions_are_counted_as_torch_counts_them(equation: str, shapes: list[tuple[int, ...]]) -> None:
    feed = {name: some(*shape) for name, shape in zip("xy", shapes, strict=True)}
    run = counted(lambda: torch.einsum(equation, *(torch.from_numpy(v) for v in feed.values())))
    assert count(node("Einsum", "x y", equation=equation), feed) == run


def test_contractions_of_one_tensor_move_data() -> None:
    made = [node("Einsum", "x", "y", equation="ij->ji"), node("MatMul", "y x")]
    assert count(made, {"x": some(3, 4)}) == 4 * 3 * 4


MOVES = [
    ("Reshape", ""), ("Transpose", ""), ("Gather", ""), ("Concat", ""), ("Slice", ""), ("Pad", ""), ("Resize", ""),
    ("LayerNormalization", ""), ("RotaryEmbedding", ""), ("DequantizeLinear", ""), ("Softmax", ""), ("MaxPool", ""),
    ("GatherBlockQuantized", MS), ("SkipLayerNormalization", MS), ("QLinearAdd", MS), ("FastGelu", MS),
    ("RotaryEmbedding", MS), ("EmbedLayerNormalization", MS),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "domain"), MOVES)
def test_what_moves_and_what_works_element_by_element_costs_nothing(kind: str, domain: str) -> None:
    assert cost_of(node(kind, "x", domain=domain)) is free


def test_weights_that_are_looked_up_in_blocks_cost_nothing() -> None:
    table = {"data": some(8, 16, kind=np.uint8), "s": some(8, 2), "w": some(32, 5)}
    looked = node("GatherBlockQuantized", "data ids s", "y", domain=MS, bits=4, block_size=16, quantize_axis=1)
    assert count([looked, node("MatMul", "y w")], {"ids": np.array([[1, 2, 3]])}, table) == 3 * 32 * 5


def test_quantised_forms_that_run_elsewhere_are_counted_from_their_shapes() -> None:
    shapes = {"x": (1, 3, 8, 8), "w": (4, 3, 3, 3), "out": (1, 4, 6, 6), "s": (), "q": (B, S, 7), "qw": (7, 3 * W)}
    conv = node("QLinearConv", "x s s w s s s s", domain=MS)
    assert _cost(conv)(conv, shapes) == 36 * 4 * 27
    # Keys of 4 steps before, too: 2 x items x heads x steps x size.
    attention = node("QAttention", "q qw s s s - s s p", domain=MS, num_heads=H)
    told = shapes | {"out": (B, S, W), "p": (2, B, H, 4, D)}
    assert _cost(attention)(attention, told) == B * S * 7 * 3 * W + 2 * B * H * S * (S + 4) * D
    packed = node("MultiHeadAttention", "q", domain=MS, num_heads=H)
    told = {"q": (B, S, H, 3, D), "out": (B, S, W)}
    assert _cost(packed)(packed, told) == 2 * B * H * S * S * D


def _cost(made: Any) -> Callable[[Any, Any], int | None]:
    found = cost_of(made)
    assert found is not None
    return found


def _branches(*inside: Any) -> Any:
    body = helper.make_graph(
        list(inside), "body", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    )
    return node("If", "c", then_branch=body, else_branch=body)


def test_branches_that_only_move_data_cost_nothing() -> None:
    feed, weights = {"x": some(3, 7)}, {"c": np.array(True), "w": some(7, 5)}
    made = [_branches(node("Identity", "x", "y")), node("MatMul", "x w", "z"), node("Add", "z z", "out")]
    made[0].output[0], made[2].input[0] = "u", "v"
    made.insert(2, node("ReduceSum", "u", "v"))
    assert count(made, feed, weights) == 3 * 7 * 5
    assert count(_branches(node("MatMul", "x w", "y")), feed, weights) is None


@pytest.mark.parametrize(
    "made",
    [
        node("Det", "x"),
        node("DFT", "x"),
        node("LinearAttention", "x x x"),
        node("MoE", "x x x", domain=MS),
        node("SparseAttention", "x x x", domain=MS),
        node("Relu", "x", domain="org.example"),
    ],
)
def test_operators_whose_shapes_do_not_tell_are_not_guessed(made: Any) -> None:
    assert cost_of(made) is None


@pytest.mark.parametrize(
    "made",
    [
        node("LSTM", "x x x - lengths"),
        node("Attention", "x x x", left_window_size=4),
        node("Attention", "x x x", domain=MS, past_present_share_buffer=1),
        node("MultiHeadAttention", "x x x - - - x x length", domain=MS),
        node("GroupQueryAttention", "x x x x x", domain=MS),
        node("GroupQueryAttention", "x x x", domain=MS, local_window_size=8),
        node("FusedMatMul", "x x", domain=MS, transBatchA=1),
        node("Einsum", "x x x", equation="ab,bc,cd->ad"),
    ],
)
def test_values_that_decide_are_not_guessed(made: Any) -> None:
    shapes = {"x": (2, 3, 4, 5), "lengths": (2,), "length": (), "out": (2, 3, 4)}
    assert _cost(made)(made, shapes) is None


def test_every_operator_with_a_name_of_a_product_is_placed() -> None:
    """An operator that a later onnx brings must be looked at before it is taken for free."""
    words = ("Attention", "Conv", "Einsum", "GRU", "Gemm", "LSTM", "MatMul", "RNN")
    kinds = {s.name for s in onnx.defs.get_all_schemas() if s.domain == ""}
    named = {kind for kind in kinds if any(word in kind for word in words)}
    assert {kind for kind in named if cost_of(node(kind, "x")) is free} == set()
