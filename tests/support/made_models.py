"""Small models made when a test needs them, and model folders built from the mirror as a user would build them."""

import io
import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gyral.datasets.stimulus import StimulusSet
from gyral.models.card import ImageInput, ModelCard, TextInput
from gyral.models.model import Model, Reduction
from needs import absent

SIZE = 32
WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["the", "a", "dog", "cat", "sees", "chases", "old", "young", "near", "far", "house", "tree"],
)
TEXTS = ("the dog sees a cat", "a cat", "the old dog chases the young cat near a far house", "tree near tree")

Floats = NDArray[np.float32]


def vision_card(**changes: Any) -> ModelCard:
    """A card for nets of 32 x 32 pixels."""
    image = ImageInput(size=SIZE, crop=1.0, **changes.pop("image", {}))
    return ModelCard(name="made", modality="vision", image=image, **changes)


def text_card(**changes: Any) -> ModelCard:
    """A card for language models of up to 16 tokens."""
    text = TextInput(**{"max_tokens": 16, **changes.pop("text", {})})
    return ModelCard(name="made", modality="language", text=text, **changes)


def features(
    model: Model, stimuli: StimulusSet, *, memory: int = 1 << 30, grid: int | None = 7
) -> dict[str, Floats]:
    """All layers over all stimuli; small ``memory`` means small batches."""
    found = list(model.batches(stimuli, model.layers(), reduction=Reduction(grid), memory=memory))
    return {name: np.concatenate([b.arrays[name] for b in found]) for name in model.layers()}


def texts() -> StimulusSet:
    """Sentences of different lengths, all words known to `word_tokenizer`."""
    return StimulusSet.from_texts(TEXTS)


# Torch nets ----------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    """Two convolutions around a sum."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(wide, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide)
        self.conv2, self.norm2 = nn.Conv2d(wide, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(x + self.norm2(self.conv2(y)))


class SmallResNet(nn.Module):
    """Stem, two stages of two residual blocks, pooling and a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU())
        self.stages = nn.ModuleList(nn.Sequential(Residual(8), Residual(8)) for _ in range(2))
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean(dim=(2, 3)))  # type: ignore[no-any-return]


def small_resnet() -> SmallResNet:
    """Seeded, with batch statistics that are not trivial."""
    torch.manual_seed(0)
    net = SmallResNet()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(8, 3, SIZE, SIZE))
    return net.eval()


def exported(net: nn.Module, example: tuple[torch.Tensor, ...], **arguments: Any) -> bytes:
    """ONNX bytes by torch's exporter, batch axis (and for ids the length) left open."""
    target = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(net, example, dynamo=True, verbose=False, **arguments)
        assert program is not None
        target.write(program.model_proto.SerializeToString())
    return target.getvalue()


# ONNX by hand --------------------------------------------------------------------------------------------------


def onnx_bytes(
    nodes: Sequence[Any],
    weights: dict[str, NDArray[Any]],
    *,
    inputs: dict[str, tuple[int, list[Any]]] | None = None,
    output: str = "out",
    opset: int = 18,
) -> bytes:
    """A serialised graph with one image input ``x`` unless other ``inputs`` are given."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    given = inputs or {"x": (TensorProto.FLOAT, ["batch", 3, SIZE, SIZE])}
    graph = helper.make_graph(
        list(nodes),
        "made",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in given.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    assert isinstance(model, onnx.ModelProto)
    return bytes(model.SerializeToString())


def deep_plain_net(depth: int = 12, *, wide: int = 8) -> bytes:
    """Convolutions with bias and ReLU, no normalisation, then a linear head; no module names."""
    from onnx import helper

    draw = np.random.default_rng(1)
    nodes, weights, last, channels = [], {}, "x", 3
    for i in range(depth):
        weights[f"w{i}"] = draw.normal(size=(wide, channels, 3, 3)).astype(np.float32) * 0.2
        weights[f"b{i}"] = draw.normal(size=wide).astype(np.float32)
        nodes.append(helper.make_node("Conv", [last, f"w{i}", f"b{i}"], [f"c{i}"], pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"], name=f"relu{i}"))
        last, channels = f"r{i}", wide
    weights["wh"], weights["bh"] = draw.normal(size=(5, wide)).astype(np.float32), np.ones(5, np.float32)
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pool"]))
    nodes.append(helper.make_node("Flatten", ["pool"], ["flat"]))
    nodes.append(helper.make_node("Gemm", ["flat", "wh", "bh"], ["out"], name="head", transB=1))
    return onnx_bytes(nodes, weights)


# Tokenizers and transformers folders ---------------------------------------------------------------------------


def word_tokenizer(*, special: bool = True) -> bytes:
    """``tokenizer.json`` with one token a word; [CLS] and [SEP] around a text unless ``special`` is off."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return str(made.to_str()).encode()


_TEXT = {"vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
SETTINGS: dict[str, dict[str, Any]] = {
    "bert": {**_SMALL, **_TEXT, "max_position_embeddings": 32},
    "roberta": {**_SMALL, **_TEXT, "max_position_embeddings": 34},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 32, **_TEXT},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, **_TEXT},
    "opt": {**_SMALL, **_TEXT, "ffn_dim": 24, "word_embed_proj_dim": 16, "max_position_embeddings": 32},
    "llama": {**_SMALL, **_TEXT, "num_key_value_heads": 1, "max_position_embeddings": 32},
    "qwen2": {**_SMALL, **_TEXT, "num_key_value_heads": 1, "max_position_embeddings": 32},
    "gpt_neox": {**_SMALL, **_TEXT, "max_position_embeddings": 32},
    "vit": {**_SMALL, "image_size": SIZE, "patch_size": 4},
    "dinov2": {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": SIZE, "patch_size": 4},
    "resnet": {"embedding_size": 4, "hidden_sizes": [4, 8], "depths": [1, 1], "layer_type": "basic"},
    "convnext": {"num_stages": 2, "hidden_sizes": [4, 8], "depths": [1, 1]},
    "mobilenet_v2": {"depth_multiplier": 0.1, "image_size": SIZE},
    "swin": {"image_size": SIZE, "patch_size": 2, "embed_dim": 4, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4},
}  # fmt: skip
LANGUAGE = ("bert", "roberta", "distilbert", "gpt2", "opt", "llama", "qwen2", "gpt_neox")
VISION = ("vit", "dinov2", "resnet", "convnext", "mobilenet_v2", "swin")


def transformers_folder(family: str, folder: Path) -> Path:
    """A random model of a family, saved as the library saves it, with a tokenizer for text."""
    from transformers import AutoConfig, AutoModel

    from gyral.models.transformers_check import quiet

    torch.manual_seed(1)
    with quiet():
        net = AutoModel.from_config(AutoConfig.for_model(family, **SETTINGS[family])).eval()
        with torch.no_grad():
            for parameter in net.parameters():  # no zeros and ones left: everything must be read from the file
                parameter.add_(0.05 * torch.randn_like(parameter))
        net.save_pretrained(folder)
    if family in LANGUAGE:
        (folder / "tokenizer.json").write_bytes(word_tokenizer())
    return folder


# The mirror ----------------------------------------------------------------------------------------------------


def mirror_model(name: str, folder: Path) -> Path:
    """A model folder built from ``GYRAL_MODELS/NAME``: its weights as they are, its ``config.json`` told as a card.

    Skips (or fails, where ``GYRAL_REQUIRE`` names ``weights``) without the mirror.
    """
    root = os.environ.get("GYRAL_MODELS")
    if not root or not (Path(root) / name).is_dir():
        absent("weights", "GYRAL_MODELS names no folder of models")
    source = Path(str(root)) / name
    folder.mkdir(parents=True, exist_ok=True)
    settings = json.loads((source / "config.json").read_text("utf-8"))
    kept = ("model.onnx",) if "input" in settings else ("model.safetensors", "config.json", "tokenizer.json")
    for file in kept:
        shutil.copy(source / file, folder / file)
    slug = name.replace("_", "-")
    if "input" in settings:
        shown = settings["input"]
        crop = 1.0 if shown["resize"].startswith("centre square") else 0.875
        image = ImageInput(size=shown["size"], crop=crop, mean=tuple(shown["mean"]), std=tuple(shown["std"]))
        card = ModelCard(name=slug, modality="vision", image=image)
    else:
        card = ModelCard(name=slug, modality="language", text=TextInput(pooling="last"))
    card.write(folder / "gyral.toml")
    return folder


def reference(name: str) -> tuple[Model, ...]:
    """A model of the catalogue; skips (or fails, where required) if its weights cannot be fetched here."""
    from gyral.errors import Unavailable
    from gyral.models.catalogue import open_model

    try:
        return open_model(name)
    except Unavailable as error:
        absent("weights", str(error))
