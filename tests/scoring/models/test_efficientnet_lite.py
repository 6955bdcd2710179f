"""EfficientNet-Lite: the graph of the paper, and an ONNX export that keeps its numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from gyral.errors import Unavailable
from gyral.models.efficientnet_lite import Block, EfficientNetLite, Unit, export, load_checkpoint
from gyral.models.onnx_graph import OnnxModel
from made_models import features, vision_card
from uploads import pictures


@pytest.mark.parametrize(
    ("size", "depth", "parameters", "blocks"), [(224, 1.0, 4_652_008, 16), (240, 1.1, 5_416_680, 21)]
)
def test_size_and_blocks_are_the_published_ones(size: int, depth: float, parameters: int, blocks: int) -> None:
    with torch.device("meta"):
        net = EfficientNetLite(size, depth)
        assert net(torch.zeros(2, 3, size, size)).shape == (2, 1000)
    assert sum(p.numel() for p in net.parameters()) == parameters and len(net.blocks) == blocks


@pytest.mark.parametrize(
    ("side", "kernel", "stride"), [(224, 3, 2), (15, 5, 2), (14, 5, 2), (14, 3, 1), (7, 5, 1)]
)
def test_padding_is_tensorflow_s_same(side: int, kernel: int, stride: int) -> None:
    unit = Unit((1, 1, kernel), side, stride=stride, groups=1, active=False).eval()
    torch.nn.init.ones_(unit.conv.weight)
    found = unit.conv(unit.pad(torch.ones(1, 1, side, side)))[0, 0]
    out = -(-side // stride)
    before = max((out - 1) * stride + kernel - side, 0) // 2
    starts = np.arange(out) * stride - before
    inside = np.minimum(starts + kernel, side) - np.maximum(starts, 0)
    np.testing.assert_allclose(found.detach().numpy(), np.outer(inside, inside))


def test_a_block_adds_its_input_only_where_shapes_agree() -> None:
    assert Block(8, 8, 16, kernel=3, stride=1, expansion=6).adds
    assert not Block(8, 8, 16, kernel=3, stride=2, expansion=6).adds
    assert not Block(8, 9, 16, kernel=3, stride=1, expansion=6).adds


def _published_names(net: EfficientNetLite) -> dict[str, torch.Tensor]:
    """The state of ``net`` under the checkpoint's names."""
    parts = {"expand": ("_expand_conv", "_bn0"), "depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}  # fmt: skip
    found = {}
    for name, values in net.state_dict().items():
        scope, _, leaf = name.rpartition(".")
        owner, _, kind = scope.rpartition(".")
        if owner in ("stem", "head"):
            new = {"conv": f"_conv_{owner}", "norm": "_bn0" if owner == "stem" else "_bn1"}[kind]
        elif owner.startswith("blocks."):
            _, number, part = owner.split(".")
            new = f"_blocks.{number}.{parts[part][0 if kind == 'conv' else 1]}"
        else:
            new = "_fc"
        found[f"{new}.{leaf}"] = values
    return found


def test_checkpoint_and_export_keep_the_numbers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, second = EfficientNetLite(32, 1.0), EfficientNetLite(32, 1.0)
    with torch.no_grad():
        first(torch.randn(16, 3, 32, 32))
    torch.save(_published_names(first), tmp_path / "a.pth")
    load_checkpoint(second, tmp_path / "a.pth")
    export(second, 32, tmp_path / "a.onnx")
    data = (tmp_path / "a.onnx").read_bytes()
    assert b"stack_trace" not in data and str(Path(__file__).parents[3]).encode() not in data
    model, stimuli = OnnxModel(data, vision_card()), pictures(tmp_path / "p")
    assert model.layers() == ("stem", *(f"blocks.{i}" for i in range(16)), "head", "classifier")
    from gyral.models.image import load_images

    with torch.no_grad():
        expected = first.eval()(torch.from_numpy(load_images(stimuli.files or (), vision_card().image)))
    np.testing.assert_allclose(features(model, stimuli)["classifier"], expected.numpy(), rtol=1e-2, atol=1e-3)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    state = _published_names(EfficientNetLite(32, 1.0))
    torch.save({**state, "more": torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(Unavailable, match="more"):
        load_checkpoint(EfficientNetLite(32, 1.0), tmp_path / "a.pth")
    del state["_fc.weight"]
    torch.save(state, tmp_path / "b.pth")
    with pytest.raises(Unavailable, match="_fc"):
        load_checkpoint(EfficientNetLite(32, 1.0), tmp_path / "b.pth")
