"""Write a features folder: what `gyral extract` leaves and `PrecomputedFeatures` opens."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tomli_w

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures, OutOfResources
from gyral.hashing import hash_bytes
from gyral.models.card import ModelCard
from gyral.models.features_table import IDS, MANIFEST
from gyral.models.model import Array, Batch


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
