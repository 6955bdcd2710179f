"""Which tensors of an ONNX graph are layers, and what they are called.

Module names come back from the exporter: torch's ``pkg.torch.onnx.name_scopes``, the paths of its older
exporter (``/layer1/layer1.0/conv1/Conv``) and TensorFlow's (``model/block_1/Conv2D``). A module's layer is
the last tensor its nodes hand to the rest of the graph, a directly following activation included. Where
no names are left, layers are the sums of residual branches, else the outputs of weighted operators.
"""

import ast
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil
from typing import Any

from gyral.models.onnx_strip import SCOPES

WEIGHTED = {"Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN", "Gather"}
NORMS = {
    "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization", "RMSNormalization",
    "SimplifiedLayerNormalization", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization",
    "EmbedLayerNormalization",
}  # fmt: skip
ACTIVATIONS = {
    "Relu", "LeakyRelu", "PRelu", "Clip", "Elu", "Selu", "Celu", "Sigmoid", "Tanh", "Softplus", "HardSwish",
    "HardSigmoid", "Gelu", "Mish", "Swish", "ThresholdedRelu",
}  # fmt: skip
MOST_LAYERS = 20
_ENOUGH = 8


@dataclass(frozen=True)
class Layer:
    """A readable tensor."""

    name: str
    tensor: str


def thinned(names: Sequence[Any], most: int = MOST_LAYERS) -> tuple[Any, ...]:
    """Every second (third ...) item, the last one and the first always kept, so that at most about ``most`` stay.

    >>> thinned(range(5), 3)
    (0, 2, 4)
    >>> thinned(range(6), 3)
    (0, 1, 3, 5)
    """
    if len(names) <= most:
        return tuple(names)
    step = ceil(len(names) / most)
    kept = set(range(len(names) - 1, -1, -step)) | {0}
    return tuple(names[i] for i in sorted(kept))


def scopes_of(node: Any) -> tuple[str, ...]:
    """Modules a node was exported from, outermost first, as dotted paths.

    The operator's own name is not one of them.
    """
    for entry in node.metadata_props:
        if entry.key == SCOPES:
            try:
                found = ast.literal_eval(entry.value)
            except (ValueError, SyntaxError):
                return ()
            return tuple(str(scope) for scope in found[:-1] if scope)
    parts = [part for part in node.name.split("/")[:-1] if part]
    paths: list[str] = []
    for i, part in enumerate(parts):
        before = paths[-1] if paths else ""
        # The older torch exporter repeats a list's name in its items: /layer1/layer1.0/...
        if i and part.startswith(parts[i - 1] + "."):
            part = part[len(parts[i - 1]) + 1 :]
        paths.append(f"{before}.{part}" if before else part)
    return tuple(paths)


def fixed_names(graph: Any) -> set[str]:
    """Names of the tensors that do not depend on the input: initialisers and what is computed from them alone."""
    fixed = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if node.input and all(name in fixed or not name for name in node.input):
            fixed.update(node.output)
    return fixed


class LayerMap:
    """The module tree of a graph.

    Parameters
    ----------
    graph : GraphProto
        Topologically sorted, constants as initialisers.
    """

    def __init__(self, graph: Any) -> None:
        self.nodes = list(graph.node)
        self.fixed = fixed_names(graph)
        self.outputs = {value.name for value in graph.output}
        self.consumers: dict[str, list[int]] = defaultdict(list)
        for i, node in enumerate(self.nodes):
            for name in node.input:
                self.consumers[name].append(i)
        self.chains = [("", *scopes_of(node)) for node in self.nodes]
        self.members: dict[str, list[int]] = defaultdict(list)
        self.children: dict[str, dict[str, None]] = defaultdict(dict)
        self.weights: dict[str, int] = defaultdict(int)  # weighted operators in a module and below
        self.trained: set[str] = set()  # modules with weights or a normalisation
        self.residual: set[str] = set()
        for i, chain in enumerate(self.chains):
            self._note(i, chain)

    def _note(self, i: int, chain: tuple[str, ...]) -> None:
        node = self.nodes[i]
        weighted = node.op_type in WEIGHTED and any(name in self.fixed for name in node.input)
        if weighted or node.op_type in NORMS:
            self.trained.update(chain)
        for parent, child in pairwise(chain):
            self.children[parent][child] = None
        for scope in dict.fromkeys(chain):
            self.members[scope].append(i)
            self.weights[scope] += weighted
        if node.op_type == "Add" and not any(name in self.fixed for name in node.input):
            self.residual.add(chain[-1])

    @cached_property
    def all(self) -> tuple[Layer, ...]:
        """Every module with weights of its own or below, in graph order; unnamed graphs: the default ones."""
        scopes = [scope for scope in self.members if scope and scope in self.trained]
        if not scopes:
            return self._unnamed
        found = {scope: self._end(scope, set()) for scope in scopes}
        order = sorted((end, len(scope), scope) for scope, end in found.items() if end is not None)
        return tuple(Layer(scope, self.nodes[end].output[0]) for end, _, scope in order)

    @cached_property
    def default(self) -> tuple[Layer, ...]:
        """Blocks: at most about twenty, from input to output."""
        frontier = self._frontier()
        if not frontier:
            return thinned(self._unnamed)
        ends = {scope: self._end(scope, set(frontier)) for scope in frontier}
        order = sorted((end, scope) for scope, end in ends.items() if end is not None)
        return thinned([Layer(scope, self.nodes[end].output[0]) for end, scope in order])

    def _frontier(self) -> list[str]:
        """Open the module tree until its parts are blocks."""
        frontier = [""]
        while opened := [scope for scope in frontier if self._may_open(scope)]:
            parts = [p for s in frontier for p in (self._parts(s) if s in opened else [s])]
            if len(frontier) >= _ENOUGH and len(parts) > MOST_LAYERS:
                break
            frontier = parts
        return [scope for scope in frontier if scope]

    def _parts(self, scope: str) -> list[str]:
        return [child for child in self.children[scope] if child in self.trained]

    def _may_open(self, scope: str) -> bool:
        if not self._parts(scope):
            return False
        if not scope:
            return True
        return self.weights[scope] > 1 and self._has_numbered(scope) and not self._is_block(scope)

    def _has_numbered(self, scope: str) -> bool:
        return any(_numbered(part) or self._has_numbered(part) for part in self._parts(scope))

    def _is_block(self, scope: str) -> bool:
        """True for a module that adds branches, and for its numbered siblings."""
        if scope in self.residual:
            return True
        stem = scope.rpartition(".")[0]
        return _numbered(scope) and any(s.rpartition(".")[0] == stem and _numbered(s) for s in self.residual)

    def _end(self, scope: str, others: set[str]) -> int | None:
        """Index of the node whose first output is the layer of ``scope``."""
        inside = set(self.members[scope])
        end = None
        for i in self.members[scope]:
            output = self.nodes[i].output[0]
            leaves = output in self.outputs or any(c not in inside for c in self.consumers[output])
            if leaves and self.nodes[i].op_type not in ("Shape", "Cast", "Constant"):
                end = i
        while end is not None:
            after = self.consumers[self.nodes[end].output[0]]
            if len(after) != 1 or self.nodes[after[0]].op_type not in ACTIVATIONS:
                break
            if others.intersection(self.chains[after[0]]):
                break
            end = after[0]
        return end

    @cached_property
    def _unnamed(self) -> tuple[Layer, ...]:
        """Without module names: sums of branches, else weighted operators with their activation."""
        sums = [i for i, n in enumerate(self.nodes) if n.op_type == "Add" and not self.fixed.intersection(n.input)]
        ends = (
            sums if len(sums) > 2 else [self._after(i) for i, n in enumerate(self.nodes) if self._is_weighted(n)]
        )
        return tuple(
            Layer(self.nodes[i].name or self.nodes[i].output[0], self.nodes[i].output[0])
            for i in dict.fromkeys(ends)
        )

    def _is_weighted(self, node: Any) -> bool:
        return node.op_type in WEIGHTED - {"Gather"} and any(name in self.fixed for name in node.input)

    def _after(self, i: int) -> int:
        """Follow bias, normalisation and activation behind node ``i``."""
        while True:
            after = self.consumers[self.nodes[i].output[0]]
            if len(after) != 1:
                return i
            node = self.nodes[after[0]]
            single = sum(name not in self.fixed and name != "" for name in node.input) == 1
            if not single or node.op_type not in ACTIVATIONS | {"Add", "BatchNormalization"}:
                return i
            i = after[0]


def _numbered(scope: str) -> bool:
    return scope.rpartition(".")[2].isdigit()
