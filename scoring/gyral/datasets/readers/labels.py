"""Names of the values of a label image: a table, FreeSurfer's colour table (``.ctab``, ``.txt``), or a mapping in ``.npy``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.readers.files import numbers, read_table, texts
from gyral.datasets.readers.pickled import load_dictionary
from gyral.errors import BadDataset

# What parcellations call places that belong to nothing, with or without a hemisphere before it.
_NOTHING = re.compile(
    r"((ctx[-_])?(lh|rh|l|r|left|right)[-_. ])?(unknown|\?\?\?|background|(.*[-_+ ])?medial[_ ]?wall)?(_roi)?",
    re.IGNORECASE,
)


def is_nothing(name: str) -> bool:
    """True of names that parcellations give to places outside all areas.

    Examples
    --------
    >>> is_nothing("Background+FreeSurfer_Defined_Medial_Wall"), is_nothing("L_V1_ROI")
    (True, False)
    """
    return _NOTHING.fullmatch(name.strip()) is not None


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

    A table has columns ``index`` and ``name`` and may have ``path`` ("visual > ventral") and ``title``; a ``.ctab`` or ``.txt`` has a value
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
    if path.suffix in (".ctab", ".txt"):
        return LabelNames(_colour_table(path), {}, {})
    table = read_table(path)
    index = _codes(table, path)
    said = [texts(table, name, path) for name in ("name", "path", "title") if name in table]
    _require_one_name(index, list(zip(*said, strict=True)), path)
    above, titles = {}, {}
    if "path" in table:
        above = dict(zip(index, map(_above, texts(table, "path", path)), strict=True))
    if "title" in table:
        titles = dict(zip(index, texts(table, "title", path), strict=True))
    return LabelNames(dict(zip(index, texts(table, "name", path), strict=True)), above, titles)


def further_names(names: Mapping[int, str], present: Sequence[int], path: Path) -> LabelNames:
    """What a table says of labels that have names in the image's own file.

    Its rows are found by that name, in the column ``label`` (``name`` is then what the region is called), else in ``name``: numbers
    in such files follow their own order, which is not that of published tables.

    Parameters
    ----------
    names : mapping of value to name
        Of the file.
    present : sequence of int
        Values that some place has; each needs a row but for those that are nothing.
    path : Path
        csv, tsv or parquet.

    Raises
    ------
    BadDataset
        A label has no row, or two that differ (``atlas-labels``).
    UnknownName
        There is no column ``name``.
    """
    table = read_table(path)
    key = texts(table, "label" if "label" in table else "name", path)
    said = list(
        zip(*(texts(table, c, path) for c in ("name", "path", "title") if c == "name" or c in table), strict=True)
    )
    row: dict[str, int] = {}
    for i, label in enumerate(key):
        if said[row.setdefault(label, i)] != said[i]:
            raise BadDataset(
                f"label {label!r} stands in rows {row[label] + 1} and {i + 1}, which say different things.",
                where=str(path),
                code="atlas-labels",
            )
    if lacking := [names[c] for c in present if c in names and names[c] not in row and not is_nothing(names[c])]:
        raise BadDataset(
            f"{len(lacking)} labels have no row, {lacking[0]!r} first.",
            where=str(path),
            mend="The image's own file names its labels, and rows are found by these names: in the column 'label', or in 'name' "
            "where the region keeps it. A row with an empty name is nothing.",
            code="atlas-labels",
        )
    known = {code: row[name] for code, name in names.items() if name in row}
    column = {c: texts(table, c, path) for c in ("name", "path", "title") if c in table}
    return LabelNames(
        {code: column["name"][known[code]] if code in known else name for code, name in names.items()},
        {code: _above(column["path"][i]) for code, i in known.items()} if "path" in column else {},
        {code: column["title"][i] for code, i in known.items()} if "title" in column else {},
    )


def _above(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(">") if part.strip())


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
