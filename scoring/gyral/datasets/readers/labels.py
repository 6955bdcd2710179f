"""Names of the values of a label image: a table, FreeSurfer's colour table (``.ctab``), or a mapping in ``.npy``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.readers.files import numbers, read_table, texts
from gyral.datasets.readers.pickled import load_dictionary
from gyral.errors import BadDataset


@dataclass(frozen=True)
class LabelNames:
    """Names of values, and what further is known of some.

    Parameters
    ----------
    names : dict of value to name
    above : dict of value to tuple of str
        Names above it in the hierarchy.
    titles : dict of value to str
    """

    names: dict[int, str]
    above: dict[int, tuple[str, ...]]
    titles: dict[int, str]


def read_label_names(path: Path) -> LabelNames:
    """Names of values.

    A table has columns ``index`` and ``name`` and may have ``path`` ("visual > ventral") and ``title``; a ``.ctab`` has a value
    and a name a line (colours are passed over); a ``.npy`` holds a dictionary of value to name.

    Raises
    ------
    BadDataset
        A value is no whole number or has two names (``atlas-labels``), or no such file.
    UnknownName
        A column is missing.
    """
    if path.suffix == ".npy":
        found = load_dictionary(path)
        return LabelNames({_whole(k, path): str(v) for k, v in found.items()}, {}, {})
    if path.suffix == ".ctab":
        return LabelNames(_colour_table(path), {}, {})
    table = read_table(path)
    index = _codes(table, path)
    said = [texts(table, name, path) for name in ("name", "path", "title") if name in table]
    _require_one_name(index, list(zip(*said, strict=True)), path)
    above, titles = {}, {}
    if "path" in table:
        split = [tuple(p.strip() for p in t.split(">") if p.strip()) for t in texts(table, "path", path)]
        above = dict(zip(index, split, strict=True))
    if "title" in table:
        titles = dict(zip(index, texts(table, "title", path), strict=True))
    return LabelNames(dict(zip(index, texts(table, "name", path), strict=True)), above, titles)


def _colour_table(path: Path) -> dict[int, str]:
    found: list[tuple[int, str]] = []
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(f"not a colour table: {error}.", where=str(path), code="atlas-labels") from None
    for line in lines:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) < 2:
            raise BadDataset(f"line {line!r} has no name.", where=str(path), code="atlas-labels")
        found.append((_whole(words[0], path), words[1]))
    _require_one_name([code for code, _ in found], [name for _, name in found], path)
    return dict(found)


def _require_one_name(index: Sequence[int], said: Sequence[object], path: Path) -> None:
    """Refuse a value of which two rows say different things: one of them would silently win."""
    known: dict[int, int] = {}
    for row, code in enumerate(index):
        first = known.setdefault(code, row)
        if said[first] != said[row]:
            raise BadDataset(
                f"index {code} stands in rows {first + 1} and {row + 1}, which say different things.",
                where=str(path),
                mend="Each value of the image has one row; one region may have several values, by rows of one name.",
                code="atlas-labels",
            )


def _whole(value: object, path: Path) -> int:
    try:
        number = float(str(value))
    except ValueError:
        number = np.nan
    if not number.is_integer():
        raise BadDataset(f"value {value!r}: a whole number is expected.", where=str(path), code="atlas-labels")
    return int(number)


def _codes(table: pd.DataFrame, path: Path) -> list[int]:
    """Values of the label image, from the table's column ``index``."""
    found = numbers(table, "index", path)
    whole = np.isfinite(found)
    whole[whole] = found[whole] == np.round(found[whole])
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        raise BadDataset(
            f"column 'index', row {row + 1}: a whole number is expected.", where=str(path), code="atlas-labels"
        )
    return [int(v) for v in found]
