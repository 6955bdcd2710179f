"""Checks of a model folder that open nothing: names, magic numbers, configuration, headers of weights."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload, UserError
from gyral.models.export import way
from gyral.models.families import find_family
from gyral.models.formats import refused_by_magic, refused_by_name
from gyral.models.report import Finding, Kind
from gyral.models.safetensors_header import read_header
from gyral.models.timm_names import as_transformers

CARD = "gyral.toml"
MAX_FILES = 512
MAX_BYTES = 8 << 30

_READ = {
    "onnx": re.compile(r"gyral\.toml|[^/]*\.onnx|tokenizer\.json"),
    "transformers": re.compile(r"gyral\.toml|model\.safetensors|config\.json|tokenizer\.json"),
    "features": re.compile(r"features\.toml|ids\.csv|[^/]*\.npy"),
}
_BESIDE = re.compile(r"(?i)readme.*|licen[cs]e.*|notice.*|.*\.md|.*\.txt|\.gitattributes|[a-z_]*tokenizer.*\.json|"
                     r"special_tokens_map\.json|preprocessor_config\.json|generation_config\.json|vocab\.json|"
                     r"added_tokens\.json|sentence_bert_config\.json|modules\.json|config_.*\.json")  # fmt: skip


def entries(folder: Path) -> list[Path]:
    """Files and links in ``folder`` and below, sorted; at most one more than the number allowed."""
    found: list[Path] = []
    for parent, _, names in os.walk(folder):
        found += [Path(parent) / name for name in names]
        if len(found) > MAX_FILES:
            break
    return sorted(found)


def names_in(folder: Path) -> set[str]:
    """Names of the files directly in ``folder``."""
    return {path.name for path in entries(folder) if path.parent == folder}


def check_files(path: Path, kind: Kind) -> tuple[list[Finding], list[Finding]]:
    """Faults and notes about what stands in the folder, file by file."""
    if path.is_file():
        return list(_magic(path, path.name)), []
    faults, notes, total = list[Finding](), list[Finding](), 0
    files = entries(path)
    if len(files) > MAX_FILES:
        faults.append(
            Finding("too-many-files", f"more than {MAX_FILES} files.", path.name, "Keep only the model's.")
        )
    for file in files[:MAX_FILES]:
        name = file.relative_to(path).as_posix()
        if file.is_symlink() or not file.is_file():
            faults.append(Finding("link", "it is a link or no plain file.", name, "Put the file itself in."))
            continue
        total += file.stat().st_size
        found = check_file(file, name)
        faults += found
        if (
            not found
            and kind != "unknown"
            and not _READ[kind].fullmatch(name)
            and not _BESIDE.fullmatch(file.name)
        ):
            notes.append(Finding("not-read", "the file is not read.", name))
    if total > MAX_BYTES:
        faults.append(Finding("too-large", f"{total:,} bytes, at most {MAX_BYTES:,} are taken.", path.name))
    return faults, notes


def check_file(file: Path, name: str | None = None) -> list[Finding]:
    """Faults of one file by its suffix, else by its first bytes."""
    shown = name or file.name
    return list(_forbidden(shown)) or list(_magic(file, shown))


def _forbidden(name: str) -> Iterator[Finding]:
    if found := refused_by_name(name):
        yield Finding(found.code, found.what, name, found.mend)


def _magic(file: Path, name: str) -> Iterator[Finding]:
    with file.open("rb") as stream:
        head = stream.read(64)
    if not head:
        yield Finding("empty-file", "the file is empty.", name, "Upload it again.")
    if file.suffix == ".safetensors":
        return  # begins with a length, which may look like anything; its header is checked on its own
    if found := refused_by_magic(head):
        yield Finding(found.code, f"whatever its name says, {found.what}", name, found.mend)


def check_config(folder: Path) -> Iterator[Finding]:
    """Faults of ``config.json``: missing, unreadable, with ``auto_map``, of an unknown family; no tokenizer."""
    for name in sorted(n for n in names_in(folder) if n.endswith(".json")):
        try:
            fields = _read_json(folder / name)
        except BadUpload as error:
            yield Finding.of(error)
            continue
        if path := _find_key(fields, "auto_map"):
            yield Finding(
                "auto-map",
                f"the key {path!r} asks for Python code of the upload, which is never run.",
                name,
                f"Remove it if the architecture is part of transformers. {way('pytorch')}",
            )
        if name == "config.json":
            yield from _check_family(folder, fields)
    if "config.json" not in names_in(folder):
        yield Finding(
            "config-missing",
            "the weights have no config.json.",
            folder.name,
            "`model.save_pretrained(folder)` writes both.",
        )


def _check_family(folder: Path, fields: Any) -> Iterator[Finding]:
    try:
        settings = as_transformers(fields) if isinstance(fields, dict) else {}
        family = find_family(settings.get("model_type"))
    except UserError as error:
        yield Finding.of(error)
        return
    if family.modality == "language" and not (folder / "tokenizer.json").is_file():
        yield Finding(
            "tokenizer-missing",
            "a language model needs its tokenizer.",
            folder.name,
            "Put tokenizer.json in: `AutoTokenizer.from_pretrained(NAME).save_pretrained(folder)` writes it.",
        )


def check_weights(folder: Path) -> Iterator[Finding]:
    """Faults of the weights: missing, in shards, or with a header that lies."""
    found = sorted(n for n in names_in(folder) if n.endswith(".safetensors"))
    if found != ["model.safetensors"]:
        yield Finding(
            "safetensors-sharded" if len(found) > 1 else "safetensors-missing",
            f"one model.safetensors is expected; there is {', '.join(found) or 'none'}.",
            folder.name,
            "`model.save_pretrained(folder, max_shard_size='100GB')` writes one file.",
        )
    for name in found:
        try:
            read_header(folder / name)
        except UserError as error:
            yield Finding.of(error)


def _read_json(path: Path) -> Any:
    if path.stat().st_size > 256 << 20:
        raise BadUpload("the file is too large.", where=path.name, code="config-json")
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadUpload(f"not valid JSON: {str(error)[:200]}.", where=path.name, code="config-json") from None


def _find_key(value: Any, key: str, depth: int = 0) -> str | None:
    """Dotted path of ``key`` in nested objects, or None."""
    if not isinstance(value, dict) or depth > 8:
        return None
    if key in value:
        return key
    for name, inner in value.items():
        if path := _find_key(inner, key, depth + 1):
            return f"{name}.{path}"
    return None
