"""What a file or folder says of itself, for the card that `gyral init` writes: nothing is run."""

import json
import re
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from gyral.datasets.sound import ENDINGS
from gyral.errors import BadUpload
from gyral.models.card import SoundInput
from gyral.models.export import PAGE
from gyral.models.families import find_family
from gyral.models.features_table import IDS, MANIFEST
from gyral.models.folder_checks import CARD
from gyral.models.formats import refused_by_magic, refused_by_name
from gyral.models.report import Kind, named
from gyral.models.safetensors_header import read_header
from gyral.models.timm_names import as_transformers

_NORMAL = ("mean", "std")
_PARTS = ("model.safetensors", "config.json", "tokenizer.json")
_TEXT_INPUT = "input_ids"


@dataclass
class Found:
    """What an upload says of itself.

    Parameters
    ----------
    kind : {"onnx", "transformers", "features"}
    folder : Path
        Where the card belongs.
    fields : dict
        Keys of the card, nested as in `ModelCard`.
    told : dict
        Dotted key -> where its value was found.
    layers : tuple of str
        Names the patterns of ``layers`` can choose from; empty where only opening the model would tell.
    """

    kind: Kind
    folder: Path
    fields: dict[str, Any] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()

    def note(self, key: str, value: Any, source: str) -> None:
        """Fill in one key."""
        table, dot, name = key.rpartition(".")
        (self.fields.setdefault(table, {}) if dot else self.fields)[name] = value
        self.told[key] = source


def inspect_upload(path: Path) -> Found:
    """Inspect a model folder, an ``.onnx`` file, or a folder of features.

    Raises
    ------
    BadUpload
        Nothing there, or nothing a model could be read from.
    """
    if not path.exists():
        raise BadUpload("there is no such file or folder.", where=str(path), code="missing")
    folder = path if path.is_dir() else path.parent
    names = {file.name for file in folder.iterdir() if file.is_file()} if path.is_dir() else {path.name}
    graphs = sorted(name for name in names if name.endswith(".onnx"))
    if graphs:
        if path.is_file():
            _refuse_company(path)
        found = Found("onnx", folder)
        _read_graph(found, folder / ("model.onnx" if "model.onnx" in graphs else graphs[0]))
    elif path.is_dir() and ("config.json" in names or "model.safetensors" in names):
        found = Found("transformers", folder)
        _read_config(found)
    elif path.is_dir() and any(name.endswith(".npy") for name in names):
        found = Found("features", folder)
        _read_arrays(found)
    else:
        raise _nothing(path, names)
    slug = re.sub(r"[^a-z0-9._-]+", "-", (path.stem if path.is_file() else path.resolve().name).lower())
    found.note("name", slug.strip("-._")[:64] or "model", "from the name of the file or folder")
    return found


def _read_graph(found: Found, file: Path) -> None:
    from gyral.models.onnx_check import parse, tensors  # nested: slow to import
    from gyral.models.onnx_inputs import graph_inputs  # nested: as above
    from gyral.models.onnx_layers import LayerMap  # nested: as above

    proto = parse(file.read_bytes(), file.name)
    inputs = graph_inputs(proto.graph)
    # One number is a constant of the arithmetic, not a weight.
    found.note(
        "parameters", sum(prod(t.dims) for t in tensors(proto) if prod(t.dims) > 1), f"counted in {file.name}"
    )
    found.layers = tuple(layer.name for layer in LayerMap(proto.graph).all)
    if _TEXT_INPUT in inputs:
        found.note("modality", "language", f"{file.name} takes {_TEXT_INPUT}")
        return
    shapes = {name: [side.dim_value for side in v.type.tensor_type.shape.dim] for name, v in inputs.items()}
    if len(shapes) == 1 and len(axes := next(iter(shapes.values()))) in (2, 3):
        found.note("modality", "audio", f"{file.name} takes one input with {len(axes)} axes")
        if axes[-1] > 0:
            told = f"{axes[-1]} samples at sound.rate, the last axis of {next(iter(shapes))!r:.100}"
            found.note("sound.seconds", axes[-1] / SoundInput().rate, told)
        return
    found.note("modality", "vision", f"{file.name} takes no {_TEXT_INPUT}")
    for name, shape in list(shapes.items())[:1]:
        sides = shape[1:]
        if len(sides) != 3:
            continue
        last = sides[2] == 3 and sides[0] != 3
        found.note("image.layout", "NHWC" if last else "NCHW", f"the axes of {name!r:.100}")
        size = sides[0] if last else sides[2]
        if 8 <= size <= 1024:
            found.note("image.size", size, f"the axes of {name!r:.100}")


def _read_config(found: Found) -> None:
    settings = as_transformers(_json(found.folder / "config.json"))
    family = find_family(settings.get("model_type"))
    found.note("modality", family.modality, f"config.json: model_type = {settings['model_type']!r}")
    found.note("family", str(settings["model_type"]), "config.json")
    weights = found.folder / "model.safetensors"
    if weights.is_file():
        count = sum(prod(tensor.shape) for tensor in read_header(weights))
        found.note("parameters", count, "counted in the header of model.safetensors")
    if family.modality == "language":
        length = settings.get("max_position_embeddings") or settings.get("n_positions")
        if isinstance(length, int) and length - family.offset > 0:
            found.note("text.max_tokens", min(length - family.offset, 8192), "config.json: its positions")
        return
    size = settings.get("image_size")
    if isinstance(size, int) and 8 <= size <= 1024:
        found.note("image.size", size, "config.json: image_size")
    shown = _json(found.folder / "preprocessor_config.json", optional=True)
    for key in _NORMAL:
        values = shown.get(f"image_{key}")
        if isinstance(values, list) and len(values) == 3 and all(isinstance(v, int | float) for v in values):
            found.note(f"image.{key}", values, f"preprocessor_config.json: image_{key}")
    if shown.get("do_center_crop") is False:
        found.note("image.crop", 1.0, "preprocessor_config.json: do_center_crop = false")


def _read_arrays(found: Found) -> None:
    if not (found.folder / IDS).is_file():
        raise BadUpload(
            f"there are arrays and no {IDS}.",
            where=found.folder.name,
            mend=f"Copy the table `gyral stimuli BENCHMARK --out DIR` writes (stimuli.csv) here as {IDS}.",
            code="features-missing-file",
        )
    found.layers = tuple(sorted(file.stem for file in found.folder.glob("*.npy")))
    table = (found.folder / IDS).read_text("utf-8-sig", errors="replace")[: 1 << 16].splitlines()
    columns = table[0].split(",") if table else []
    if "text" in columns and len(table) > 1:
        # `gyral stimuli` fills this column for sentences and leaves it empty for images and sounds.
        first = dict(zip(columns, table[1].split(",", 4), strict=False))
        if first["text"].strip():
            found.note("modality", "language", f"{IDS}: its column text")
        else:
            heard = first.get("file", "").lower().endswith(ENDINGS)
            found.note("modality", "audio" if heard else "vision", f"{IDS}: its columns text and file")


def _json(file: Path, *, optional: bool = False) -> dict[str, Any]:
    if not file.is_file():
        if optional:
            return {}
        raise BadUpload(
            "the configuration is missing.",
            where=file.name,
            mend="Save with save_pretrained().",
            code="config-missing",
        )
    try:
        fields = json.loads(file.read_bytes()[: 1 << 20])
    except (ValueError, RecursionError) as error:
        raise BadUpload(
            f"not valid JSON: {str(error)[:200]}.", where=file.name, mend="Save it again.", code="config-json"
        ) from None
    return fields if isinstance(fields, dict) else {}


def _refuse_company(file: Path) -> None:
    """A card speaks for its whole folder: a single file needs one of its own."""
    beside = ("gyral.toml", "tokenizer.json", file.name)
    strangers = sorted(
        p.name for p in file.resolve().parent.iterdir() if p.name not in beside and p.name[0] != "."
    )
    if strangers:
        raise BadUpload(
            f"the folder holds {named(strangers)} besides, and a card speaks for its whole folder.",
            where=str(file),
            mend=f"Give it a folder: mkdir {file.stem} && cp {file.name} {file.stem}/model.onnx, then gyral init {file.stem}.",
            code="not-alone",
        )


def _nothing(path: Path, names: set[str]) -> BadUpload:
    for name in sorted(names):
        file = path if path.is_file() else path / name
        with file.open("rb") as stream:
            refused = refused_by_name(name) or refused_by_magic(stream.read(64))
        if refused is not None:
            return BadUpload(refused.what, where=name, mend=refused.mend, code=refused.code)
    if path.name in (CARD, MANIFEST):
        return BadUpload(
            "this is a card itself.",
            where=path.name,
            mend=f"Edit it, then: gyral check {path.parent}; or name the folder: gyral init {path.parent} --force.",
            code="card-exists",
        )
    if path.is_file() and (path.suffix in (".safetensors", ".npy") or path.name in _PARTS):
        return BadUpload(
            "this is one file of a model, and a card describes all of them.",
            where=path.name,
            mend=f"Name the folder, with {', '.join(_PARTS)} or one .npy a layer: gyral init {path.parent}.",
            code="unknown-format",
        )
    return BadUpload(
        "there is no model to describe: no .onnx, no config.json with model.safetensors, no .npy.",
        where=path.name,
        mend=f"{PAGE} says how to make one.",
        code="unknown-format",
    )
