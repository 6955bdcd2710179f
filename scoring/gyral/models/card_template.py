"""A commented ``gyral.toml`` (or ``features.toml``): what was found in the model filled in, the rest explained."""

from collections.abc import Iterator
from typing import Any

import tomli_w
from pydantic import BaseModel

from gyral.models.card import ImageInput, ModelCard, SoundInput, TextInput
from gyral.models.features_table import MANIFEST
from gyral.models.inspection import Found

CARD = "gyral.toml"
_GUESSED = "not in the file: is it right?"
_ASK = {
    "modality", "image.size", "image.crop", "image.mean", "image.std", "image.resize", "text.pooling", "text.max_tokens",
    "sound.rate", "sound.seconds", "sound.normalise",
}  # fmt: skip

# What to say of a key beyond its description in the card.
_MEANT = {
    "name": "identifier on the boards: lower-case letters, digits, '.', '_', '-'",
    "title": "what people read; the name if empty",
    "modality": "vision, language or audio",
    "licence": "such as MIT, Apache-2.0, CC-BY-4.0",
    "paper": "DOI or address",
    "image.mean": "subtracted from pixel / 255, red green blue",
    "image.std": "divided by afterwards",
    "image.layout": "NCHW or NHWC",
    "image.background": "what shows through transparency",
    "image.resize": "shorter-side, or square: the whole image, its proportions changed",
    "image.interpolation": "bicubic, bilinear, lanczos or nearest",
    "text.pooling": "how tokens become one vector a sentence: mean, last or cls",
    "text.lowercase": "lower case before the tokenizer",
    "sound.seconds": "what the model hears; shorter sounds have silence behind them",
    "sound.cut": "which end of a longer sound is cut: end, start, or both (the middle is kept)",
    "sound.normalise": "none, or rms: divided by the root mean square",
    "text.cut": "which end of a longer text is cut: start or end",
}
_ASKED = (
    "title",
    "description",
    "family",
    "parameters",
    "training_data",
    "training_datasets",
    "licence",
    "paper",
    "layers",
)


_TABLES: dict[str, tuple[str, type[BaseModel]]] = {
    "vision": ("image", ImageInput),
    "language": ("text", TextInput),
    "audio": ("sound", SoundInput),
}


def file_name(found: Found) -> str:
    """Which file the card stands in."""
    return MANIFEST if found.kind == "features" else CARD


def render(found: Found) -> str:
    """The file's text; it is a card that is accepted as it stands.

    Keys that were found, or that decide the features, are set; the others are there as comments.
    """
    head = [
        "# The model card. Everything that decides the features is set below; check it.",
        "# docs/concepts.md has every key; `gyral check` says what is wrong, and how a stimulus is shown.",
    ]
    features = found.kind == "features"
    prefix = "card." if features else ""
    lines = [*head, *(["", "format = 1", "", "[card]"] if features else [""]), *_plain(found)]
    modality = found.fields.get("modality", "vision")
    if not features:
        table, model = _TABLES[modality]
        lines += ["", f"[{prefix}{table}]", *_table(found, table, model)]
        lines += _layer_names(found)
    else:
        lines += [line for name in found.layers for line in ("", "[[layer]]", *_entry(name, modality))]
    return "\n".join(lines) + "\n"


def _plain(found: Found) -> Iterator[str]:
    values = {"modality": "vision", **found.fields}
    yield _line(found, "name", values["name"])
    yield _line(found, "modality", values["modality"])
    for key in _ASKED:
        if found.kind == "features" and key in ("parameters", "layers"):
            continue
        if key in found.fields:
            yield _line(found, key, found.fields[key])
        else:
            yield f"# {_line(found, key, 0 if key == 'parameters' else [] if key in ('layers', 'training_datasets') else '', unset=True)}"


def _table(found: Found, table: str, model: type[BaseModel]) -> Iterator[str]:
    given = found.fields.get(table, {})
    for key, value in model().model_dump(mode="json").items():
        yield _line(found, f"{table}.{key}", given.get(key, value))


def _line(found: Found, key: str, value: Any, *, unset: bool = False) -> str:
    name = key.rpartition(".")[2]
    source = found.told.get(key, _GUESSED if key in _ASK and not unset else "")
    words = "; ".join(part for part in (_meaning(key), source) if part)
    return f"{name} = {_toml(value)}{f'  # {words}' if words else ''}"


def _meaning(key: str) -> str:
    table, _, name = key.rpartition(".")
    models: dict[str, type[BaseModel]] = {"": ModelCard, **dict(_TABLES.values())}
    return _MEANT.get(key) or models[table].model_fields[name].description or ""


def _layer_names(found: Found) -> Iterator[str]:
    if found.layers:
        yield ""
        yield "# Layers that the patterns of `layers` can choose from:"
        yield from (f"#   {name}" for name in found.layers if name.isprintable())


def _entry(name: str, modality: str) -> Iterator[str]:
    yield f"name = {_toml(name)}"
    yield f"file = {_toml(f'{name}.npy')}"
    if modality == "language":
        yield '# positions = "words"  # where each position of a three-axis array is a word of the text'


def _toml(value: Any) -> str:
    """One value as TOML writes it, on one line."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()
