"""Upload: a model folder (or bare ``.onnx`` file) opened behind the `Model` protocol, or its faults listed."""

import re
from pathlib import Path

from gyral.errors import BadUpload, UserError
from gyral.models import precomputed
from gyral.models.archive import ArchiveLimits, is_archive, unpack_archive
from gyral.models.card import ModelCard
from gyral.models.export import PAGE
from gyral.models.features_table import MANIFEST
from gyral.models.folder_checks import (
    CARD,
    check_config,
    check_file,
    check_files,
    check_weights,
    entries,
    names_in,
)
from gyral.models.model import Model, Verifiable
from gyral.models.precomputed import PrecomputedFeatures
from gyral.models.report import Finding, Kind, Report
from gyral.models.twins import Twin

__all__ = [
    "ArchiveLimits",
    "card_of",
    "check_folder",
    "find_upload",
    "hash_of",
    "kind_of",
    "open_folder",
    "unpack_archive",
]

_FORMS = (
    "A model folder holds gyral.toml and model.onnx; or gyral.toml, model.safetensors, config.json and, for text, "
    "tokenizer.json; or features.toml, ids.csv and one .npy a layer."
)


def find_upload(path: Path) -> Path:
    """The model folder ``path`` stands for: a file beside a card means its folder, a bare ``.onnx`` itself.

    Raises
    ------
    BadUpload
        Nothing there, a zip, a file of a kind that is never opened, or one that is no ``.onnx`` and has no card
        beside it.
    """
    if path.is_dir():
        return path
    if not path.is_file():
        raise BadUpload("there is no such file or folder.", where=str(path), code="missing")
    if is_archive(path.name):
        raise BadUpload(
            "an archive is not opened here.",
            where=path.name,
            mend="Unpack it first and name the folder.",
            code="packed",
        )
    if path.suffix.lower() != ".onnx":
        for finding in check_file(path):
            raise BadUpload(finding.what, where=finding.where, mend=finding.mend, code=finding.code)
    if any((path.parent / name).is_file() for name in (CARD, MANIFEST)):
        return path.parent
    if path.suffix.lower() != ".onnx":
        raise BadUpload(
            "this file alone is no model.",
            where=path.name,
            mend=f"{_FORMS} {PAGE} says how to make them.",
            code="unknown-format",
        )
    return path


def kind_of(path: Path) -> Kind:
    """What an upload is, by the names of its files."""
    if path.is_file():
        return "onnx"
    found = names_in(path)
    if MANIFEST in found:
        return "features"
    if any(name.endswith(".onnx") for name in found):
        return "onnx"
    if "config.json" in found or any(name.endswith(".safetensors") for name in found):
        return "transformers"
    return "unknown"


def card_of(path: Path) -> ModelCard:
    """The card of a model folder, or the default one of a bare ``.onnx`` (vision, ImageNet preprocessing)."""
    if path.is_file():
        slug = re.sub(r"[^a-z0-9._-]+", "-", path.stem.lower()).strip("-._")[:64]
        return ModelCard(name=slug or "model", title=path.stem, modality="vision")
    if not (path / CARD).is_file():
        raise BadUpload(
            f"there is no {CARD}.",
            where=path.name,
            mend='It needs at least two lines: name = "my-model" and modality = "vision" (or "language", "audio").',
            code="card-file",
        )
    return ModelCard.read(path / CARD)


def open_folder(path: Path, *, device: str = "cpu", twin: Twin | None = None, seed: int = 0) -> Model:
    """Open a model folder, a bare ``.onnx`` file or a features folder.

    Parameters
    ----------
    path : Path
        See `find_upload`.
    device : str
        "cpu", "cuda" ...
    twin, seed : {"untrained", "permuted"} or None, int
        Redrawn weights instead of the model's own.

    Raises
    ------
    BadUpload
        The folder is no model, or its files are wrong.
    """
    path = find_upload(path)
    kind = kind_of(path)
    if kind == "features":
        if twin is not None:
            raise BadUpload("precomputed features have no weights, so no twin.", where=path.name, code="no-twin")
        return PrecomputedFeatures(path)
    if kind == "unknown":
        raise _no_model(path)
    card = card_of(path)
    if kind == "onnx":
        return _open_onnx(path, card, device, twin, seed)
    from gyral.models.transformers_folder import TransformersModel  # nested: imports torch

    return TransformersModel(path, card, device=device, twin=twin, seed=seed)


def hash_of(path: Path, *, twin: Twin | None = None, seed: int = 0) -> str:
    """The ``hash`` that `open_folder` would give, from the files' bytes and the card: nothing else is parsed.

    The host of a guest needs it: features are cached under this hash, so a guest must not choose its own.

    Raises
    ------
    BadUpload
        The folder is no model, or its card is wrong.
    """
    path = find_upload(path)
    kind = kind_of(path)
    if kind == "features":
        return precomputed.content_hash(path)
    if kind == "unknown":
        raise _no_model(path)
    card = card_of(path)
    if kind == "onnx":
        from gyral.models.onnx_graph import content_hash  # nested: only ONNX needs it

        file, words = _onnx_files(path, card)
        return content_hash(file.read_bytes(), card, words, twin, seed)
    from gyral.models.transformers_folder import content_hash as folder_hash  # nested: only transformers need it

    return folder_hash(path, card, twin, seed)


def check_folder(path: Path) -> Report:
    """Everything that is wrong with an upload, and what is worth knowing; never raises for a user's mistake.

    Static checks come first (names, magic numbers, headers, configuration); where they find no fault the upload is
    opened, which runs made stimuli through it.
    """
    try:
        path = find_upload(path)
    except UserError as error:
        return Report("unknown", (Finding.of(error),))
    kind = kind_of(path)
    faults, notes = check_files(path, kind)
    if kind == "unknown":
        faults.append(Finding.of(_no_model(path)))
        return Report(kind, tuple(faults), tuple(notes))
    if kind != "features":
        try:
            card_of(path)
        except UserError as error:
            faults.append(Finding.of(error))
    if kind == "transformers":
        faults += [*check_config(path), *check_weights(path)]
    if faults:
        return Report(kind, tuple(faults), tuple(notes))
    layers: tuple[str, ...] = ()
    shown = ""
    try:
        model = open_folder(path)
        layers = model.layers()
        if isinstance(model, PrecomputedFeatures):
            faults += model.find_gaps()
        else:
            shown = model.card.preprocessing
        if isinstance(model, Verifiable):
            model.verify()
    except UserError as error:
        faults.append(Finding.of(error))
    return Report(kind, tuple(faults), tuple(notes), layers, shown)


def _open_onnx(path: Path, card: ModelCard, device: str, twin: Twin | None, seed: int) -> Model:
    from gyral.models.onnx_graph import OnnxModel  # nested: only ONNX needs it

    file, words = _onnx_files(path, card)
    return OnnxModel(
        file.read_bytes(), card, tokenizer=words, device=device, twin=twin, seed=seed, where=file.name
    )


def _onnx_files(path: Path, card: ModelCard) -> tuple[Path, bytes | None]:
    """The graph's file, not too large, and the tokenizer of a language model."""
    from gyral.models.onnx_check import MAX_BYTES  # nested: only ONNX needs it

    file = path if path.is_file() else _only_graph(path)
    if file.stat().st_size > MAX_BYTES:
        raise BadUpload(
            f"the file has {file.stat().st_size:,} bytes, at most {MAX_BYTES:,} are taken.",
            where=file.name,
            code="onnx-too-large",
        )
    tokenizer = path / "tokenizer.json"
    return file, tokenizer.read_bytes() if card.modality == "language" and tokenizer.is_file() else None


def _no_model(path: Path) -> BadUpload:
    return BadUpload("no model was found in the folder.", where=path.name, mend=_FORMS, code="unknown-format")


def _only_graph(folder: Path) -> Path:
    graphs = [p for p in entries(folder) if p.suffix == ".onnx" and p.parent == folder]
    named = [p for p in graphs if p.name == "model.onnx"] or graphs
    if len(named) != 1:
        raise BadUpload(
            f"{len(graphs)} .onnx files stand in the folder.",
            where=folder.name,
            mend="Keep one, called model.onnx.",
            code="onnx-which",
        )
    return named[0]
