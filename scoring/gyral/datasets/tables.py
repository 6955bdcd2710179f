"""Tables of a pack: ``stimuli.parquet`` and ``units.parquet``, and hashes of their columns."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.manifest import Manifest, safe_path
from gyral.datasets.region import Region
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from gyral.hashing import hash_json

_STIMULI = ("id", "sha256", "file", "text", "group")


def stimuli_frame(stimuli: StimulusSet, names: Sequence[str] | None) -> pd.DataFrame:
    """The stimulus table; ``names`` are the files' paths in the pack.

    Raises
    ------
    BadDataset
        A further column has a name of ours, or another length.
    """
    frame = pd.DataFrame({"id": list(stimuli.ids), "sha256": list(stimuli.hashes)})
    for name, values in (("file", names), ("text", stimuli.texts), ("group", stimuli.groups)):
        if values is not None:
            frame[name] = list(values)
    for name, column in stimuli.columns.items():
        if name in _STIMULI:
            raise BadDataset(f"a stimulus column may not be called {name!r}; that name is taken.", where="stimuli")
        if len(column) != len(frame):
            raise BadDataset(f"column {name!r} has {len(column)} rows, not {len(frame)}.", where="stimuli")
        frame[name] = column
    return frame


def stimuli_from(frame: pd.DataFrame, manifest: Manifest, folder: Path, listed: set[str]) -> StimulusSet:
    """The stimulus set behind a table.

    Raises
    ------
    BadDataset
        A column is missing, a file leaves the pack or is not in its list (``path-escapes``).
    """
    where = str(folder / "stimuli.parquet")
    needed = ["id", "sha256", "file" if manifest.stimuli.modality in ("image", "sound") else "text"]
    if missing := [c for c in needed if c not in frame]:
        raise BadDataset(f"columns {missing!r} are missing.", where=where)
    files = [_inside(text, listed, where) for text in frame["file"]] if "file" in frame else None
    return StimulusSet(
        modality=manifest.stimuli.modality,
        ids=tuple(frame["id"].astype(str)),
        hashes=tuple(frame["sha256"].astype(str)),
        files=None if files is None else tuple(folder / f for f in files),
        texts=tuple(frame["text"].astype(str)) if "text" in frame else None,
        groups=tuple(frame["group"].astype(str)) if "group" in frame else None,
        columns={str(c): _array(frame[c]) for c in frame if c not in _STIMULI},
        degrees=manifest.stimuli.degrees,
        position=manifest.stimuli.position,
    )


def units_frame(units: pd.DataFrame, regions: Sequence[Region]) -> pd.DataFrame:
    """The unit table with a list of region names a row."""
    if "subject" not in units and len(units):
        raise BadDataset("the unit table needs a column 'subject'.", where="units")
    if "regions" in units:
        raise BadDataset("a unit column may not be called 'regions'; that name is taken.", where="units")
    membership: list[list[str]] = [[] for _ in range(len(units))]
    for region in regions:
        for unit in np.unique(region.units):
            membership[unit].append(region.name)
    return units.reset_index(drop=True).assign(regions=pd.Series(membership, dtype=object))


def frame_bytes(frame: pd.DataFrame) -> bytes:
    """Parquet in memory, so that a full disk is met by one plain write."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def read_frame(path: Path) -> pd.DataFrame:
    """Read a Parquet table.

    Raises
    ------
    BadDataset
        Not Parquet.
    """
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadDataset(f"not a Parquet table: {error}.", where=str(path)) from None


def column_hashes(columns: Mapping[str, NDArray[Any]]) -> dict[str, str]:
    """Hash of each column by its values, whatever dtype or library holds them.

    Whole numbers, floats and truth values hash as numbers, all else as text; missing is null.
    """
    return {name: hash_json([_json_value(v) for v in np.asarray(c).tolist()]) for name, c in columns.items()}


def _json_value(value: Any) -> Any:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, bool | int):
        return value
    # hex: the shortest decimal of a float differs between float32 and float64 holders
    return float(value).hex() if isinstance(value, float) else str(value)


def _array(column: "pd.Series[Any]") -> NDArray[Any]:
    if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return np.asarray(column.astype(str).tolist())


def _inside(text: object, listed: set[str], where: str) -> str:
    try:
        path = safe_path(str(text))
    except ValueError as error:
        raise BadDataset(f"{error}.", where=where, code="path-escapes") from None
    if path not in listed:
        raise BadDataset(f"file {path!r} is not in the pack's list of files.", where=where, code="manifest")
    return path
