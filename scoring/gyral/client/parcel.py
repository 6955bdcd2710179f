"""Parcel: a model as one file that a site takes, and the format it is of.

A folder is packed into a zip whose bytes depend on names and content alone: the same folder gives the same
hash, so that an upload that broke off goes on.
"""

import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload

CARD, FEATURES = "gyral.toml", "features.toml"
FORMATS = ("onnx", "safetensors", "features")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment a zip can name


@dataclass(frozen=True)
class Parcel:
    """What is sent.

    Parameters
    ----------
    file : Path
        The file.
    format : str
        onnx, safetensors or features.
    card : dict or None
        Fields of the card; None where the file itself holds it, or where there is none.
    has_card : bool
        Whether there is one, here or in the file.
    """

    file: Path
    format: str
    card: dict[str, Any] | None
    has_card: bool = True


@contextmanager
def parcel(
    path: Path, *, format_: str | None = None, card: Path | None = None, needs_card: bool = True
) -> Iterator[Parcel]:
    """A folder, an archive of one, or an ``.onnx`` file, ready to be sent; a folder is packed for as long as this lasts.

    The card is ``card``, else the ``gyral.toml`` in the folder or beside the ``.onnx`` file; with ``needs_card=False`` a
    model may come without.

    Raises
    ------
    BadUpload
        There is nothing (``missing``), nothing of a known format (``unknown-format``), no card (``card-absent``), or features are
        meant and there is no ``features.toml`` (``features-manifest``).
    """
    if not path.exists():
        raise BadUpload("there is no such file or folder.", where=str(path), code="missing")
    found, names = format_ or _format(path), _names(path)
    if found == "features" and names and FEATURES not in names:
        raise BadUpload(
            f"there is no {FEATURES} in it, so it holds no features.",
            where=str(path),
            mend="Leave --format out to send a model; `gyral extract` makes features of one.",
            code="features-manifest",
        )
    fields = _read_card(card) if card is not None else None
    has_card = fields is not None or found == "features" or CARD in names
    if needs_card and names and not has_card:
        raise BadUpload(
            f"there is no {CARD} in it.",
            where=str(path),
            mend="Put one there (`gyral init FOLDER` writes it), or name one with --card.",
            code="card-absent",
        )
    if path.is_dir():
        with tempfile.TemporaryDirectory(prefix="gyral-submit-") as scratch:
            yield Parcel(_pack(path, Path(scratch) / "model.zip"), found, fields, has_card)
        return
    if fields is None and path.suffix.lower() == ".onnx":
        beside = path.with_name(CARD)
        if not beside.is_file() and not needs_card:
            yield Parcel(path, found, None, has_card=False)
            return
        if not beside.is_file():
            raise BadUpload(
                "an .onnx file says nothing of its preprocessing: a card is needed.",
                where=str(beside),
                mend=f"`gyral init {path}` writes one, or name one with --card.",
                code="card-absent",
            )
        fields, has_card = _read_card(beside), True
    yield Parcel(path, found, fields, has_card)


def _format(path: Path) -> str:
    if path.suffix.lower() == ".onnx":
        return "onnx"
    names = _names(path)
    if FEATURES in names:
        return "features"
    if any(name.endswith(".onnx") for name in names):
        return "onnx"
    if any(name.endswith(".safetensors") for name in names):
        return "safetensors"
    raise BadUpload(
        "nothing in it is a model in a form that is taken.",
        where=str(path),
        mend="`gyral check` says what is looked for; --format names it where the file hides it.",
        code="unknown-format",
    )


def _names(path: Path) -> set[str]:
    """Names of the files at the top of a folder or a zip, a folder around everything taken off."""
    if path.is_dir():
        return {entry.name for entry in path.iterdir()}
    try:
        with zipfile.ZipFile(path) as archive:
            return {Path(name).name for name in archive.namelist() if len(Path(name).parts) <= 2}
    except (zipfile.BadZipFile, OSError):
        return set()


def _pack(folder: Path, file: Path) -> Path:
    inside = sorted(
        p for p in folder.rglob("*") if not any(part[0] == "." for part in p.relative_to(folder).parts)
    )
    # Stored: weights hardly compress, and the site counts what unpacks to much more than was sent.
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for path in inside:
            if path.is_symlink():
                raise BadUpload(
                    "a link cannot be sent.", where=str(path), mend="Put the file itself in.", code="link"
                )
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                info.external_attr = 0o644 << 16
                with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                    while block := source.read(1 << 20):
                        target.write(block)
    return file


def _read_card(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise BadUpload("there is no such card.", where=str(file), code="card-file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadUpload(f"not valid TOML: {error}.", where=str(file), code="card-toml") from None
