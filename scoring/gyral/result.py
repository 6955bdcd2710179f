"""Result: a record with its arrays, as an evaluation makes it; records and their arrays from disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gyral.datasets.folder import whole_folder
from gyral.datasets.writer import save_array
from gyral.errors import BadUpload
from gyral.record import Record


class Result:
    """A record with its arrays.

    Parameters
    ----------
    record : Record
        The JSON part.
    units : DataFrame
        One row a unit.
    predictions : array or None, draws x samples x units
        Out-of-fold predictions with the chosen layers, float32; None where over budget.
    blocks : dict of str to array, or None
        Instead of predictions over budget: ``sums``, ``fold_of`` and ``rows`` of `gyral.scores.blocks.Blocks`.
    redraws : array or None, draws x chosen rows
        Deviations of the values of `Record.chosen`.
    maps, curves : dict of str to array
        Arrays behind ``record.maps`` and ``record.curves``.
    """

    def __init__(
        self,
        record: Record,
        units: pd.DataFrame,
        predictions: np.ndarray[Any, Any] | None,
        blocks: Mapping[str, np.ndarray[Any, Any]] | None = None,
        maps: Mapping[str, np.ndarray[Any, Any]] | None = None,
        redraws: np.ndarray[Any, Any] | None = None,
        curves: Mapping[str, np.ndarray[Any, Any]] | None = None,
    ) -> None:
        self.record, self.units, self.predictions, self.blocks = record, units, predictions, blocks
        self.maps, self.redraws, self.curves = dict(maps or {}), redraws, dict(curves or {})

    def save(self, folder: Path) -> Path:
        """Write the folder, whole or not at all, replacing an older one; returns the path of ``record.json``.

        Raises
        ------
        OutOfResources, Unavailable
            The disk is full, or the place may not be written; nothing is left behind.
        """
        with whole_folder(folder) as scratch:
            (scratch / "record.json").write_text(self.record.to_json(), "utf-8")
            self.units.to_parquet(scratch / "units.parquet", index=False)
            if self.predictions is not None:
                save_array(scratch / "predictions.npy", self.predictions)
            if self.redraws is not None:
                save_array(scratch / "redraws.npy", self.redraws)
            several: dict[str, Mapping[str, Any]] = {
                "blocks": self.blocks or {},
                "maps": self.maps,
                "curves": self.curves,
            }
            for name, arrays in several.items():
                if arrays:
                    np.savez(scratch / f"{name}.npz", **arrays)
        return folder / "record.json"


def load_record(path: Path) -> Record:
    """Read a record from its folder or its JSON file."""
    file = path / "record.json" if path.is_dir() else path
    if not file.is_file():
        raise BadUpload("there is no such record.", where=str(path), code="record-missing")
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        raise BadUpload("not UTF-8 text; a record is JSON.", where=str(file), code="record-schema") from None
    return Record.from_json(text, where=str(file))


def load_redraws(folder: Path) -> np.ndarray[Any, Any] | None:
    """Draws x `Record.chosen`, deviations from their values; None where the record has none."""
    file = folder / "redraws.npy"
    return np.load(file, allow_pickle=False) if file.is_file() else None


def load_maps(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays behind ``Record.maps``; none where the record's readout has none."""
    return _load_arrays(folder / "maps.npz")


def load_curves(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Arrays behind ``Record.curves``; none where responses have no time axis."""
    return _load_arrays(folder / "curves.npz")


def _load_arrays(file: Path) -> dict[str, np.ndarray[Any, Any]]:
    if not file.is_file():
        return {}
    with np.load(file, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
