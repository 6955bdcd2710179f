"""EfficientNet-Lite (Tan and Le 2019, arXiv:1905.11946; Lite variant without squeeze-and-excitation).

The published checkpoint is a pickle of tensors: it is read with ``weights_only=True`` into this equal graph and
turned into ONNX once. Blocks are called ``stem``, ``blocks.0`` ... ``head``, ``classifier``.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import torch
from torch import nn

from gyral.errors import Unavailable
from gyral.models.onnx_strip import strip

# kernel, stride, expansion, channels, repeats
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_STEM, _HEAD, _CLASSES, _EPSILON = 32, 1280, 1000, 1e-3


class Unit(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch normalisation, and ReLU6 if ``active``."""

    def __init__(self, shape: tuple[int, int, int], side: int, *, stride: int, groups: int, active: bool) -> None:
        super().__init__()
        wide, out, kernel = shape
        whole = max((ceil(side / stride) - 1) * stride + kernel - side, 0)
        before, after = whole // 2, whole - whole // 2
        even = before == after
        self.pad = nn.Identity() if even else nn.ZeroPad2d((before, after, before, after))
        self.conv = nn.Conv2d(wide, out, kernel, stride, before if even else 0, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out, eps=_EPSILON)
        self.active = nn.ReLU6() if active else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``samples x channels x height x width`` to the same, ``stride`` times smaller."""
        return self.active(self.norm(self.conv(self.pad(x))))  # type: ignore[no-any-return] # Module returns Any


class Block(nn.Module):
    """Inverted residual: expand, filter each channel, project; the input is added where shapes agree."""

    def __init__(self, wide: int, out: int, side: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = wide * expansion
        self.expand = (
            Unit((wide, inner, 1), side, stride=1, groups=1, active=True) if expansion > 1 else nn.Identity()
        )
        self.depthwise = Unit((inner, inner, kernel), side, stride=stride, groups=inner, active=True)
        self.project = Unit((inner, out, 1), ceil(side / stride), stride=1, groups=1, active=False)
        self.adds = stride == 1 and wide == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``samples x channels x height x width`` to the same, ``stride`` times smaller."""
        y: torch.Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds else y


class EfficientNetLite(nn.Module):
    """The whole network for square images of ``size`` pixels.

    Parameters
    ----------
    size : int
        Side of the input; the asymmetric padding depends on it.
    depth : float
        Multiplies the repeats of all stages but the first and last.
    """

    def __init__(self, size: int, depth: float) -> None:
        super().__init__()
        self.stem = Unit((3, _STEM, 3), size, stride=2, groups=1, active=True)
        side, wide, blocks = ceil(size / 2), _STEM, []
        for i, (kernel, stride, expansion, out, repeats) in enumerate(_STAGES):
            count = repeats if i in (0, len(_STAGES) - 1) else ceil(repeats * depth)
            for j in range(count):
                step = stride if j == 0 else 1
                blocks.append(Block(wide, out, side, kernel=kernel, stride=step, expansion=expansion))
                side, wide = ceil(side / step), out
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit((wide, _HEAD, 1), side, stride=1, groups=1, active=True)
        self.classifier = nn.Linear(_HEAD, _CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``samples x 3 x size x size`` to ``samples x 1000`` logits."""
        maps = self.head(self.blocks(self.stem(x)))
        return self.classifier(maps.mean(dim=(2, 3)))  # type: ignore[no-any-return] # Module returns Any


def load_checkpoint(net: EfficientNetLite, path: Path) -> None:
    """Put the published tensors into ``net``, name by name.

    Raises
    ------
    Unavailable
        Names or shapes are not those of this network (``weights-unfit``).
    """
    stored: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    units: dict[str, tuple[str, Unit]] = {"_conv_stem": ("_bn0", net.stem), "_conv_head": ("_bn1", net.head)}
    for i, block in enumerate(net.blocks):
        parts = {"_expand_conv": "expand", "_depthwise_conv": "depthwise", "_project_conv": "project"}
        for number, (theirs, ours) in enumerate(parts.items()):
            unit = getattr(block, ours)
            if isinstance(unit, Unit):
                units[f"_blocks.{i}.{theirs}"] = (f"_blocks.{i}._bn{number}", unit)
    try:
        for conv, (norm, unit) in units.items():
            unit.conv.load_state_dict({"weight": stored.pop(f"{conv}.weight")})
            names = list(unit.norm.state_dict())
            unit.norm.load_state_dict({name: stored.pop(f"{norm}.{name}") for name in names})
        net.classifier.load_state_dict({name: stored.pop(f"_fc.{name}") for name in ("weight", "bias")})
    except (KeyError, RuntimeError) as error:
        raise Unavailable(f"the checkpoint is not this network's: {error}.", code="weights-unfit") from None
    if stored:
        raise Unavailable(f"the checkpoint has further tensors: {sorted(stored)[:3]}.", code="weights-unfit")


def export(net: EfficientNetLite, size: int, path: Path) -> None:
    """Write ``net`` as a single-file ONNX graph with a dynamic batch axis; bytes do not depend on this machine.

    Raises
    ------
    Unavailable
        onnxscript, which the exporter needs, is not installed.
    """
    try:
        import onnxscript  # noqa: F401 - the exporter's own import error would name no extra
    except ImportError:
        raise Unavailable(
            "turning the checkpoint into ONNX needs onnxscript.",
            mend="Install it: pip install 'gyral[demo]'",
            code="extra-missing",
        ) from None
    example = torch.zeros(2, 3, size, size)
    batch = torch.export.Dim("batch")
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            net.eval(),
            (example,),
            dynamo=True,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=({0: batch},),
            opset_version=18,
            verbose=False,
        )
    assert program is not None  # noqa: S101 - what dynamo=True returns
    data = program.model_proto.SerializeToString(deterministic=True)
    path.write_bytes(b"".join(strip(memoryview(data))[0]))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter from telling about its own internals and about torchvision, which is not needed."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def convert(checkpoint: Path, size: int, depth: float, target: Path) -> None:
    """The published checkpoint as ``target`` (ONNX)."""
    net = EfficientNetLite(size, depth)
    load_checkpoint(net, checkpoint)
    export(net, size, target)
