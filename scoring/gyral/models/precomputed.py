"""Precomputed features: arrays somebody else extracted, matched to stimuli by id and content hash.

::

    features.toml     format, stimuli (content hash), benchmark, [card], [[layer]] name and file
    ids.csv           id,sha256: one line a row of every array
    LAYER.npy         samples x features, samples x positions x channels, or samples x channels x height x width

The positions of a text are its words where the manifest says so (``positions = "words"`` beside a layer's name and
file): one vector for each word between whitespace, in order, zeros behind the last one. The positions of a sound are
times, and their mean is taken.
Nobody can see how such arrays were made: records say "given", boards "self-reported", and they have no twin.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures
from gyral.hashing import hash_file, hash_json
from gyral.models.activation import (
    over_time,
    projected,
    reduced,
    require_finite,
    require_layers,
    require_modality,
    spans,
)
from gyral.models.card import ModelCard
from gyral.models.features_table import (
    IDS,
    MANIFEST,
    LayerFile,
    open_array,
    read_ids,
    read_manifest,
    require_words,
)
from gyral.models.model import Batch, Reduction
from gyral.models.report import Finding, named
from gyral.models.tokenizer import pooled
from gyral.models.words import in_positions, shown_words


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
        self.manifest = read_manifest(folder)
        self.card = ModelCard.checked(dict(self.manifest.card), where=f"{MANIFEST}, [card]")
        self.ids, self.hashes = read_ids(folder / IDS)
        entries = self._layer_files()
        self.arrays = {entry.name: open_array(folder, entry, len(self.ids)) for entry in entries}
        self._by_word = {entry.name for entry in entries if entry.positions == "words"}
        for entry in entries:
            if entry.positions == "words":
                require_words(entry, self.arrays[entry.name], self.card)

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
                    read = self._read_words(name, values, stimuli.subset(range(start, stop)), reduction)
                    taken[name] = projected(read, reduction.channels)
                elif self.card.modality == "language" and values.ndim == 3:
                    taken[name] = projected(values, reduction.channels)  # tokens of a text are no square grid
                elif self.card.modality == "audio" and values.ndim == 3:
                    taken[name] = over_time(values, 2)
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


def _single(values: NDArray[Any]) -> NDArray[np.float32]:
    """float32; a float64 beyond its range becomes infinite and is then refused as such."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)
