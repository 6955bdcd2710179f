"""Precomputed features: arrays somebody else extracted, matched to stimuli by id and content hash.

::

    features.toml     format, stimuli (content hash), benchmark, [card], [[layer]] name and file
    ids.csv           id,sha256: one line a row of every array
    LAYER.npy         samples x features, samples x positions x channels, or samples x channels x height x width

The positions of a text are its words where the manifest says so (``positions = "words"`` beside a layer's name and
file): one vector for each word between whitespace, in order, zeros behind the last one.
Nobody can see how such arrays were made: their tier is "self-reported", and they have no twin.
"""

import csv
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tomli_w
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures, BadUpload, OutOfResources
from gyral.hashing import hash_bytes, hash_file, hash_json
from gyral.models.activation import reduced, require_finite, require_layers, require_modality, spans
from gyral.models.card import ModelCard
from gyral.models.model import Array, Batch, Reduction
from gyral.models.report import Finding, named
from gyral.models.tokenizer import pooled
from gyral.models.words import in_positions, shown_words

MANIFEST = "features.toml"
IDS = "ids.csv"
TIER = "self-reported"

_DTYPES = ("float16", "float32", "float64")
_MAX_TABLE = 64 << 20


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


@dataclass(frozen=True)
class Match:
    """Which row of the arrays belongs to each stimulus.

    Parameters
    ----------
    rows : array, samples
    notes : tuple of Finding
        Reordered or superfluous rows.
    """

    rows: NDArray[np.int64]
    notes: tuple[Finding, ...]


class PrecomputedFeatures:
    """A features folder as a Model.

    Parameters
    ----------
    folder : Path
        With ``features.toml``, ``ids.csv`` and the arrays.

    Raises
    ------
    BadUpload
        The manifest is missing or wrong (``features-manifest``, ``card-...``), a file is missing
        (``features-missing-file``).
    BadFeatures
        ``features-ids`` (the table), ``features-doubled``, ``features-array`` (no .npy, an object array, truncated),
        ``features-dtype``, ``features-shape``, ``features-rows``, ``features-words`` (words of what is no text).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(folder)
        self.card = ModelCard.checked(dict(self.manifest.card), where=f"{MANIFEST}, [card]")
        self.ids, self.hashes = _read_ids(folder / IDS)
        entries = self._layer_files()
        self.arrays = {entry.name: _open(folder, entry, len(self.ids)) for entry in entries}
        self._by_word = {entry.name for entry in entries if entry.positions == "words"}
        for entry in entries:
            if entry.positions == "words":
                _require_words(entry, self.arrays[entry.name], self.card)

    @cached_property
    def hash(self) -> str:
        """Hex sha256 over manifest, ids and arrays."""
        return content_hash(self.folder)

    def layers(self) -> tuple[str, ...]:
        """Names in the manifest's order."""
        return tuple(self.arrays)

    def match(self, stimuli: StimulusSet) -> Match:
        """Find every stimulus by its id and check that it is the same item.

        Raises
        ------
        BadFeatures
            ``features-missing`` (ids that have no row) or ``features-hash`` (a row made from another item).
        """
        where = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in stimuli.ids if name not in where]
        if missing:
            raise BadFeatures(
                f"{len(missing)} of {len(stimuli)} stimuli have no row: {named(missing)}.",
                where=IDS,
                mend="`gyral stimuli BENCHMARK --out DIR` writes the ids and items to extract.",
                code="features-missing",
            )
        rows = np.array([where[name] for name in stimuli.ids], np.int64)
        other = [n for n, r, h in zip(stimuli.ids, rows, stimuli.hashes, strict=True) if self.hashes[r] != h]
        if other:
            raise BadFeatures(
                f"{len(other)} rows were made from other items (sha256 differs): {named(other)}.",
                where=IDS,
                mend="Extract again from the items `gyral stimuli BENCHMARK --out DIR` writes.",
                code="features-hash",
            )
        return Match(rows, tuple(self._remarks(rows)))

    def batches(
        self,
        stimuli: StimulusSet,
        layers: Sequence[str],
        *,
        reduction: Reduction,
        memory: int = 1 << 30,
    ) -> Iterator[Batch]:
        """See `gyral.models.model.Model.batches`; rows are matched by id.

        Layers of words are pooled as the card says where no words are asked for.

        Raises
        ------
        BadFeatures
            What `match` refuses; values that are not finite; words are asked for and no layer has positions, or
            the manifest does not say that a layer's positions are words (``no-positions``); a text has more
            vectors than words, or none (``features-words``).
        """
        require_modality(self.card, stimuli)
        require_layers(layers, self.arrays)
        if reduction.words and self.card.modality == "language":
            self._require_positions(layers)
        rows = self.match(stimuli).rows
        cost = sum(8 * int(np.prod(self.arrays[name].shape[1:])) for name in layers)
        for start, stop in spans(len(rows), cost, memory):
            taken = {}
            for name in layers:
                values = _single(self.arrays[name][rows[start:stop]])
                if name in self._by_word:
                    taken[name] = self._read_words(name, values, stimuli.subset(range(start, stop)), reduction)
                elif self.card.modality == "language" and values.ndim == 3:
                    taken[name] = values  # tokens of a text are no square grid
                else:
                    taken[name] = reduced(values, reduction)
                require_finite(name, taken[name], stimuli, start)
            yield Batch(start, taken)

    def find_gaps(self) -> Iterator[Finding]:
        """NaN and infinity anywhere in the arrays, one finding a layer."""
        for name, array in self.arrays.items():
            step = max(1, (1 << 26) // max(1, array[:1].nbytes))
            for start in range(0, len(array), step):
                part = _single(array[start : start + step]).reshape(len(array[start : start + step]), -1)
                bad = np.flatnonzero(~np.isfinite(part).all(axis=1))
                if len(bad):
                    row = start + int(bad[0])
                    yield Finding(
                        "features-finite",
                        f"row {row} (stimulus {self.ids[row]!r}) holds NaN or infinity.",
                        f"layer {name!r}",
                        "Check the extraction; every value must be finite in float32.",
                    )
                    break

    def _require_positions(self, layers: Sequence[str]) -> None:
        """Refuse to read words out of pooled vectors or of tokens nobody said to be words."""
        if all(array.ndim == 2 for array in self.arrays.values()):
            raise BadFeatures(
                "the layer has no positions: one vector a text.",
                where=f"layer {layers[0]!r}",
                mend="Upload one vector a word (samples x positions x channels), or choose the readout 'ridge'.",
                code="no-positions",
            )
        for name in layers:
            if self.arrays[name].ndim == 3 and name not in self._by_word:
                raise BadFeatures(
                    "the manifest does not say that the layer's positions are words.",
                    where=f"{MANIFEST}, layer {name!r}",
                    mend='Add positions = "words" if each one is a word of the text, zeros behind the last.',
                    code="no-positions",
                )

    def _read_words(
        self, name: str, values: NDArray[np.float32], stimuli: StimulusSet, reduction: Reduction
    ) -> NDArray[np.float32]:
        filled = values.any(axis=2)
        # Only zeros at the end are padding.
        mask = np.flip(np.logical_or.accumulate(np.flip(filled, 1), axis=1), 1).astype(np.int64)
        for text, stimulus, count in zip(stimuli.texts or (), stimuli.ids, mask.sum(axis=1), strict=True):
            words = len(shown_words(text, stimulus))
            if not 0 < count <= words:
                raise BadFeatures(
                    f"stimulus {stimulus!r} has {count} vectors and {words} words.",
                    where=f"layer {name!r}",
                    mend="Each position is a word between whitespace, in order, and zeros stand behind the last.",
                    code="features-words",
                )
        if not reduction.words:
            return pooled(values, mask, self.card.text.pooling)
        return in_positions(
            [row[: int(kept.sum())] for row, kept in zip(values, mask, strict=True)], reduction.words
        )

    def _remarks(self, rows: NDArray[np.int64]) -> Iterator[Finding]:
        if not (np.diff(rows) > 0).all():
            text = "the rows stand in another order than the stimuli; they are matched by id."
            yield Finding("features-reordered", text, IDS)
        if len(rows) < len(self.ids):
            yield Finding("features-extra", f"{len(self.ids) - len(rows)} rows belong to no stimulus.", IDS)

    def _layer_files(self) -> tuple[LayerFile, ...]:
        """The layers of the manifest, or every .npy by its stem where it names none."""
        return self.manifest.layer or tuple(
            LayerFile(name=file.stem, file=file.name) for file in sorted(self.folder.glob("*.npy"))
        )


def content_hash(folder: Path) -> str:
    """`PrecomputedFeatures.hash` without opening the folder."""
    files = [folder / MANIFEST, folder / IDS, *sorted(folder.glob("*.npy"))]
    return hash_json(["precomputed-1", [[file.name, hash_file(file)] for file in files if file.is_file()]])


def write_features(
    folder: Path,
    card: ModelCard,
    stimuli: StimulusSet,
    batches: Iterable[Batch],
    *,
    benchmark: str = "",
    words: bool = False,
) -> None:
    """Write a features folder, float32; ``batches`` come in order and hold every stimulus once.

    Parameters
    ----------
    words : bool
        Positions (of layers with three axes) are words, as `gyral.models.model.Reduction.words` makes them.

    Raises
    ------
    BadFeatures
        The batches do not cover the stimuli.
    OutOfResources
        The disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, str] = {}
    sequences: set[str] = set()
    done = 0
    try:
        for batch in batches:
            if batch.start != done:
                raise BadFeatures(f"a batch starts at row {batch.start}, expected {done}.", code="features-rows")
            for layer, values in batch.arrays.items():
                file = files.setdefault(layer, _file_name(len(files), layer))
                if words and values.ndim == 3:
                    sequences.add(layer)
                _append(folder / file, values, (len(stimuli), *values.shape[1:]), first=not done)
            done += len(batch)
    except OSError as error:
        raise OutOfResources(
            f"the features could not be written: {error.strerror}.",
            where=str(folder),
            mend="Free some space, or write to another disk.",
            code="disk-full",
        ) from None
    if done != len(stimuli) or not files:
        raise BadFeatures(f"the model answered {done} of {len(stimuli)} stimuli.", code="features-rows")
    with (folder / IDS).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "sha256"])
        writer.writerows(zip(stimuli.ids, stimuli.hashes, strict=True))
    fields = {
        "format": 1,
        "benchmark": benchmark,
        "stimuli": stimuli.content_hash,
        # Globs of the model's own layers would be applied again; the arrays are the choice.
        "card": {**card.model_dump(mode="json", exclude_none=True), "layers": []},
        "layer": [
            {"name": name, "file": file} | ({"positions": "words"} if name in sequences else {})
            for name, file in files.items()
        ],
    }
    (folder / MANIFEST).write_text(tomli_w.dumps(fields), "utf-8")


def _append(path: Path, values: Array, shape: tuple[int, ...], *, first: bool) -> None:
    """Add rows to an .npy of the final ``shape``; not through a memory map, where a full disk is a SIGBUS."""
    with path.open("wb" if first else "ab") as stream:
        if first:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(stream, header)
        stream.write(np.ascontiguousarray(values, "<f4").tobytes())


def _file_name(index: int, layer: str) -> str:
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in layer)[:100]
    return f"{index:03d}-{safe}-{hash_bytes(layer.encode())[:6]}.npy"


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise BadUpload(
            f"there is no {MANIFEST}.",
            where=str(folder.name),
            mend="`gyral extract` writes a whole folder.",
            code="features-manifest",
        )
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadUpload(f"not valid TOML: {error}.", where=MANIFEST, code="features-manifest") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        known = ", ".join(Manifest.model_fields)
        raise BadUpload(
            f"{field}: {first['msg']}.", where=MANIFEST, mend=f"Known keys: {known}.", code="features-manifest"
        ) from None


def _read_ids(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
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
    if not rows or [cell.strip() for cell in rows[0]] != ["id", "sha256"]:
        raise BadFeatures(
            f"the first line is {','.join(rows[0]) if rows else ''!r:.80}.",
            where=IDS,
            mend="It must be id,sha256.",
            code="features-ids",
        )
    return _checked_ids([row for row in rows[1:] if row])


def _checked_ids(rows: list[list[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for number, row in enumerate(rows, start=2):
        digest = row[1].strip().lower() if len(row) == 2 else ""
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


def _open(folder: Path, entry: LayerFile, rows: int) -> Array:
    path = folder / entry.file
    if path.is_symlink() or not path.is_file():
        raise BadUpload(
            "the file is missing.", where=entry.file, mend=f"{MANIFEST} names it.", code="features-missing-file"
        )
    try:
        # Never `numpy.load`, which also opens archives and pickles; object arrays cannot be mapped.
        array: NDArray[Any] = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise BadFeatures(
            f"not a plain .npy file, or a truncated one ({error}).",
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


def _require_words(entry: LayerFile, array: Array, card: ModelCard) -> None:
    if card.modality != "language" or array.ndim != 3:
        raise BadFeatures(
            f"positions = 'words', but the array of a {card.modality} model has the shape {array.shape}.",
            where=f"{MANIFEST}, layer {entry.name!r}",
            mend="Words are samples x positions x channels of a language model.",
            code="features-words",
        )


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    """float32; a float64 beyond its range becomes infinite and is then refused as such."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
