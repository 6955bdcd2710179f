"""Files of a source folder: patterns, tables and errors that name them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.manifest import MANIFEST
from gyral.errors import BadDataset, UnknownName

_TABLES = {".csv": ",", ".tsv": "\t", ".parquet": ""}
NOTHING = ("", "n/a", "NA", "NaN", "nan")  # cells in which a number is missing
_SEPARATORS = (";", "\t", ",")
_DIGITS = re.compile(r"(\d+)")


def find_files(folder: Path, pattern: str | Sequence[str], subject: str = "") -> list[Path]:
    """Files that match, in natural order (run-2 before run-10), pattern after pattern.

    Parameters
    ----------
    folder : Path
        The source's folder.
    pattern : str or sequence of str
        Relative; ``{subject}`` stands for ``subject``, ``*`` for anything.

    Raises
    ------
    BadDataset
        Nothing matches (``file-missing``), or a link leads out of the folder (``path-escapes``).
    """
    found: list[Path] = []
    for text in [pattern] if isinstance(pattern, str) else pattern:
        relative = text.replace("{subject}", subject)
        matches = _matching(folder, relative) if "*" in relative else [folder / relative]
        if not matches or not matches[0].exists():
            raise BadDataset(
                f"no file matches {relative!r}.",
                where=str(folder),
                mend="Paths are relative to the folder of dataset.toml; {subject} stands for each subject.",
                code="file-missing",
            )
        for path in matches:
            if not path.resolve().is_relative_to(folder.resolve()):
                raise BadDataset("the file is a link out of the folder.", where=str(path), code="path-escapes")
        found += matches
    return found


def _matching(folder: Path, pattern: str) -> list[Path]:
    """Files, but for hidden ones and those of packs that were made of the folder."""

    def is_own(path: Path) -> bool:
        inner = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inner.parts)
        packed = any((folder / above / MANIFEST).is_file() for above in list(inner.parents)[:-1])
        return path.is_file() and not hidden and not packed

    return sorted(filter(is_own, folder.glob(pattern)), key=_natural)


def find_file(folder: Path, pattern: str, subject: str = "") -> Path:
    """The one file that matches.

    Raises
    ------
    BadDataset
        None or several do.
    """
    found = find_files(folder, pattern, subject)
    if len(found) > 1:
        raise BadDataset(
            f"{len(found)} files match {pattern!r}, one is expected: {[p.name for p in found[:3]]!r}.",
            where=str(folder),
            code="file-missing",
        )
    return found[0]


def read_table(path: Path) -> pd.DataFrame:
    """A csv, tsv or parquet table; cells of text files stay text (see `column`).

    Raises
    ------
    BadDataset
        Not such a table (``table``).
    """
    suffix = path.suffix.lower()
    if suffix not in _TABLES:
        raise BadDataset(
            f"tables end with {', '.join(_TABLES)}; this one with {suffix!r}.", where=str(path), code="table"
        )
    try:
        _require_names_once(path, suffix)
        if suffix == ".parquet":
            return pd.read_parquet(path)
        # As text: pandas' own number parser may differ in the last digit between versions, Python's does not.
        table = pd.read_csv(path, sep=_TABLES[suffix], dtype=str, keep_default_na=False)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise BadDataset(f"not a readable table: {error}.", where=str(path), code="table") from None
    other = next((s for s in _SEPARATORS if s != _TABLES[suffix] and s in str(table.columns[0])), None)
    if len(table.columns) == 1 and other is not None:
        raise BadDataset(
            f"its one column is called {str(table.columns[0])!r}: cells seem to be parted by {other!r}.",
            where=str(path),
            mend="Cells of .csv are parted by commas, those of .tsv by tabs.",
            code="table",
        )
    return table


def _require_names_once(path: Path, suffix: str) -> None:
    """Refuse two columns of one name: pandas would call the second something else, and nobody would look at it."""
    if suffix == ".parquet":
        from pyarrow.parquet import read_schema  # slow import, only for this format

        names = read_schema(path).names
    else:
        first = pd.read_csv(path, sep=_TABLES[suffix], header=None, nrows=1, dtype=str, keep_default_na=False)
        names = [str(name) for name in first.iloc[0]]
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        places = [i + 1 for i, name in enumerate(names) if name == twice]
        raise BadDataset(
            f"columns {' and '.join(map(str, places))} are both called {twice!r}.",
            where=str(path),
            mend="Rename or delete all but one.",
            code="table",
        )


def column(table: pd.DataFrame, name: str, where: Path | str) -> NDArray[Any]:
    """A column as whole numbers, else as floats (empty cells and "n/a" NaN), else as text.

    Raises
    ------
    UnknownName
        There is no such column.
    """
    values = _named(table, name, where)
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return values.to_numpy()
    texts = [str(v) for v in values]
    for kind in (int, _float):
        try:
            return np.array([kind(t) for t in texts])
        except (ValueError, OverflowError):
            continue
    return np.array(texts)


def numbers(table: pd.DataFrame, name: str, where: Path | str) -> NDArray[np.float64]:
    """A column that must be numbers.

    Raises
    ------
    BadDataset
        A cell is no number (``table``), named.
    """
    values = column(table, name, where)
    if values.dtype.kind in "OUS":
        bad = next(i for i, v in enumerate(values) if not is_number(str(v)))
        raise BadDataset(
            f"column {name!r}, row {bad + 1}: {str(values[bad])!r} is no number.", where=str(where), code="table"
        )
    return np.asarray(values, np.float64)


def texts(table: pd.DataFrame, name: str, where: Path | str) -> list[str]:
    """A column as text, as it stands in the file.

    Raises
    ------
    UnknownName
        There is no such column.
    """
    return [str(v) for v in _named(table, name, where)]


def rows_named(
    table: pd.DataFrame,
    name: str,
    wanted: Sequence[str],
    where: Path | str,
    *,
    called: str,
    mend: str | None = None,
) -> pd.DataFrame:
    """The rows whose cells in column ``name`` are ``wanted``, in that order; errors speak of them as ``called``.

    Raises
    ------
    UnknownName
        There is no such column.
    BadDataset
        One has no row, or a name stands in the column twice (``unit-count``).
    """
    names = texts(table, name, where)
    row = {own: i for i, own in enumerate(names)}
    missing = [own for own in wanted if own not in row]
    if missing or len(row) != len(names):
        what = (
            f"{len(missing)} of {len(wanted)} {called} are not in its column {name!r}, {missing[0]!r} first."
            if missing
            else f"{next(n for n in names if names.count(n) > 1)!r} stands in it twice."
        )
        raise BadDataset(what, where=str(where), mend=mend, code="unit-count")
    return table.iloc[[row[own] for own in wanted]].reset_index(drop=True)


def _named(table: pd.DataFrame, name: str, where: Path | str) -> "pd.Series[Any]":
    if name not in table:
        raise UnknownName(f"column of {where}:", name, [str(c) for c in table])
    return table[name]


def _float(text: str) -> float:
    return np.nan if text.strip() in NOTHING else float(text)


def is_number(text: str) -> bool:
    """True for cells that `column` takes for a number, empty ones among them."""
    try:
        _float(text)
    except ValueError:
        return False
    return True


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(p), "") if p.isdigit() else (-1, p) for p in _DIGITS.split(str(path))]
