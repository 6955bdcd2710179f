"""What stands in a features folder: manifest, table of ids and arrays, each checked as it is opened."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gyral.errors import BadFeatures, BadUpload, complaint, sentence
from gyral.models.card import A_MODEL, ModelCard
from gyral.models.model import Array
from gyral.models.report import named
from gyral.models.toml_file import read_toml

MANIFEST = "features.toml"
IDS = "ids.csv"

_MAX_TABLE = 64 << 20
_DTYPES = ("float16", "float32", "float64")


class LayerFile(BaseModel):
    """Which file holds which layer, and whether its positions are the words of a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=256)
    file: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}\.npy$")
    positions: Literal["", "words"] = ""


class Manifest(BaseModel):
    """``features.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = Field(1, ge=1, le=1)
    stimuli: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="content hash of the stimulus set")
    benchmark: str = Field("", max_length=128, description="what the features were extracted for")
    card: dict[str, Any]
    layer: tuple[LayerFile, ...] = ()


def read_manifest(folder: Path) -> Manifest:
    """Read ``features.toml``.

    Raises
    ------
    BadUpload
        It is missing, not TOML, or a key or value is wrong (``features-manifest``).
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BadUpload(
            f"there is no {MANIFEST}.",
            where=str(folder.name),
            mend="`gyral extract` writes a whole folder.",
            code="features-manifest",
        )
    fields = read_toml(path, code="features-manifest")
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        known = ", ".join(Manifest.model_fields)
        raise BadUpload(
            sentence(f"{field}: {complaint(first)}"),
            where=MANIFEST,
            mend=f"Known keys: {known}.",
            code="features-manifest",
        ) from None


def read_ids(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Ids and hex sha256 of the stimuli, one a row of every array; further columns are not read.

    Raises
    ------
    BadUpload
        The table is missing (``features-missing-file``).
    BadFeatures
        It is no such table (``features-ids``), or an id stands twice (``features-doubled``).
    """
    if not path.is_file():
        raise BadUpload(
            f"there is no {IDS}.",
            where=IDS,
            mend="It has the columns id,sha256 and one line a row of the arrays.",
            code="features-missing-file",
        )
    if path.stat().st_size > _MAX_TABLE:
        raise BadFeatures(f"the table has more than {_MAX_TABLE} bytes.", where=IDS, code="features-ids")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadFeatures(f"not a CSV table: {error}.", where=IDS, code="features-ids") from None
    if not rows or [cell.strip() for cell in rows[0][:2]] != ["id", "sha256"]:
        raise BadFeatures(
            f"the first line is {','.join(rows[0]) if rows else ''!r:.80}.",
            where=IDS,
            mend="Its first columns must be id,sha256, as in what `gyral stimuli` writes.",
            code="features-ids",
        )
    return _checked_ids([row for row in rows[1:] if row])


def _checked_ids(rows: list[list[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for number, row in enumerate(rows, start=2):
        digest = row[1].strip().lower() if len(row) >= 2 else ""
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise BadFeatures(
                f"line {number} is {','.join(row)!r:.120}.",
                where=IDS,
                mend="Each line holds an id and the item's sha256 (64 hex digits).",
                code="features-ids",
            )
    ids = tuple(row[0] for row in rows)
    doubled = [name for name, count in Counter(ids).items() if count > 1]
    if doubled:
        raise BadFeatures(
            f"ids stand more than once: {named(doubled)}.",
            where=IDS,
            mend="One row an id.",
            code="features-doubled",
        )
    if not ids:
        raise BadFeatures("the table has no rows.", where=IDS, code="features-ids")
    return ids, tuple(row[1].strip().lower() for row in rows)


def open_array(folder: Path, entry: LayerFile, rows: int) -> Array:
    """One layer's array, mapped and not read.

    Raises
    ------
    BadUpload
        ``features-missing-file``.
    BadFeatures
        ``features-array`` (no .npy, an object array, truncated), ``features-dtype``, ``features-shape``,
        ``features-rows``.
    """
    path = folder / entry.file
    if path.is_symlink() or not path.is_file():
        raise BadUpload(
            "the file is missing.", where=entry.file, mend=f"{MANIFEST} names it.", code="features-missing-file"
        )
    try:
        # Never `numpy.load`, which also opens archives and pickles; object arrays cannot be mapped.
        with np.errstate(over="ignore"):  # a forged shape may overflow; it is then refused
            array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except Exception as error:  # noqa: BLE001 - a forged header fails in the parser of Python, in as many ways as that has
        raise BadFeatures(
            f"not a plain .npy file, or a truncated one ({str(error)[:200] or type(error).__name__}).",
            where=entry.file,
            mend="Write it with numpy.save(file, array.astype('float32')).",
            code="features-array",
        ) from None
    if array.dtype.name not in _DTYPES:
        raise BadFeatures(
            f"the dtype is {array.dtype}; {', '.join(_DTYPES)} are allowed.",
            where=entry.file,
            mend="Save array.astype('float32').",
            code="features-dtype",
        )
    if array.ndim not in (2, 3, 4) or 0 in array.shape[1:]:
        raise BadFeatures(
            f"the shape is {array.shape}.",
            where=entry.file,
            mend="samples x features, samples x positions x channels, or samples x channels x height x width.",
            code="features-shape",
        )
    if len(array) != rows:
        raise BadFeatures(f"{len(array)} rows, and {rows} ids in {IDS}.", where=entry.file, code="features-rows")
    return array


def require_words(entry: LayerFile, array: Array, card: ModelCard) -> None:
    """Refuse words of what is no text, or without positions (``features-words``)."""
    if card.modality != "language" or array.ndim != 3:
        raise BadFeatures(
            f"positions = 'words', but the array of {A_MODEL[card.modality]} has the shape {array.shape}.",
            where=f"{MANIFEST}, layer {entry.name!r}",
            mend="Words are samples x positions x channels of a language model.",
            code="features-words",
        )
