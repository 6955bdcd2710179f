"""Plain tables (csv, tsv, parquet): a row a trial, a column a unit; and what tables say of rows and units of other files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.readers.files import (
    NOTHING,
    column,
    find_file,
    find_files,
    is_number,
    numbers,
    read_table,
    texts,
)
from gyral.datasets.readers.recording import Array, Part, Recording
from gyral.datasets.source import ResponsesSource
from gyral.errors import BadDataset, UnknownName

SUBJECT = "subject"
TURNED = (
    "There are as many columns, so that the array is turned round: responses.transposed says of HDF5 how it lies (true: units as rows); "
    "of .npy and .mat save array.T."
)
_NAMED = 5  # columns that a note names


def open_table(source: ResponsesSource, folder: Path, subject: str) -> Recording:
    """A table with a row a trial; a column ``subject`` picks rows where one file holds several.

    Raises
    ------
    BadDataset, UnknownName
        A file or column is missing, or a cell is no number.
    """
    parts, shown, names, notes = [], [], list(source.units), list[str]()
    files = find_files(folder, source.files, subject)
    for path in files:
        table = read_table(path)
        if SUBJECT in table:
            table = table[table[SUBJECT].astype(str) == subject].reset_index(drop=True)
            if table.empty:
                raise BadDataset(f"no row of subject {subject!r}.", where=str(path), code="table")
        if not names:
            names, notes = _measured(table, source, path)
        values = np.column_stack([numbers(table, name, path) for name in names])
        parts.append(Part(len(table), _rows(values), str(path)))
        shown.append(_shown(table, source, path))
    units = pd.DataFrame({"unit": names})
    return Recording(
        subject=subject,
        shown=pd.concat(shown, ignore_index=True),
        units=described_units(units, source, folder, subject),
        parts=tuple(parts),
        notes=tuple(notes),
    )


def shown_trials(source: ResponsesSource, folder: Path, subject: str, rows: int, columns: int = 0) -> pd.DataFrame:
    """What the trials table says of each row; without one, row k is stimulus k (its name is left empty).

    ``columns`` of an array that are as many as the trials tell that it was saved turned round.

    Raises
    ------
    BadDataset
        The table has more or fewer rows (``trial-count``).
    """
    if source.trials is None:
        return pd.DataFrame({"stimulus": [""] * rows})
    path = find_file(folder, source.trials, subject)
    table = read_table(path)
    if len(table) != rows:
        raise BadDataset(
            f"{len(table)} trials in the table, {rows} rows of responses of subject {subject!r}.",
            where=str(path),
            mend=TURNED
            if len(table) == columns
            else "There must be one row in the table for each row (volume, map) of the responses, in the same order.",
            code="trial-count",
        )
    return _shown(table, source, path)


def _shown(table: pd.DataFrame, source: ResponsesSource, path: Path) -> pd.DataFrame:
    shown = table.copy()
    if source.story is not None:
        shown["story"] = texts(table, source.story, path)
        shown["stimulus"] = ""
    elif source.stimulus in table:
        shown["stimulus"] = texts(table, source.stimulus, path)
    elif source.trials is None and source.reader == "table":
        raise UnknownName(f"column of {path}:", source.stimulus, [str(c) for c in table])
    else:
        texts(table, source.stimulus, path)
    return shown


def _measured(table: pd.DataFrame, source: ResponsesSource, path: Path) -> tuple[list[str], list[str]]:
    """Columns that hold numbers and are named for nothing else; and a note on those that are passed over.

    Raises
    ------
    BadDataset
        No column holds numbers, or one does but for a few cells (``table``): it would go missing for this person alone.
    """
    named = {source.stimulus, source.story, SUBJECT, source.zscore_by, *source.where}
    named |= {name for columns in source.nuisances.values() for name in columns}
    left = [str(c) for c in table if c not in named]
    found = [c for c in left if column(table, c, "").dtype.kind in "fiu"]
    passed = [c for c in left if c not in found]
    for name in passed:
        _require_text(texts(table, name, path), name, path)
    if not found:
        raise BadDataset("no column of the table holds numbers.", where="responses.units", code="table")
    told = ", ".join(map(repr, passed[:_NAMED])) + (f" and {len(passed) - _NAMED} more" if passed[_NAMED:] else "")
    return found, [f"columns without numbers are no units: {told}"] if passed else []


def _require_text(cells: list[str], name: str, path: Path) -> None:
    """Refuse a column that is numbers but for a few cells, decimal commas counted as numbers."""
    said = [(row, cell) for row, cell in enumerate(cells) if cell.strip() not in NOTHING]
    odd = [(row, cell) for row, cell in said if not is_number(cell)]
    numeric = sum(is_number(cell.replace(",", ".", 1)) for _, cell in said)
    if odd and 2 * numeric > len(said):
        row, cell = odd[0]
        raise BadDataset(
            f"column {name!r} holds numbers, but row {row + 1} says {cell!r}.",
            where=str(path),
            mend="Write a number with a decimal point, or nothing where it is missing. If the column is no unit, name those that are "
            "(responses.units).",
            code="table",
        )


def described_units(units: pd.DataFrame, source: ResponsesSource, folder: Path, subject: str) -> pd.DataFrame:
    """The unit table with the columns of ``responses.units_table``, a row a unit.

    Raises
    ------
    BadDataset
        The table has more or fewer rows (``unit-count``), or a column whose name is taken.
    """
    if source.units_table is None:
        return units
    path = find_file(folder, source.units_table, subject)
    table = read_table(path)
    if len(table) != len(units):
        raise BadDataset(
            f"{len(table)} rows, but subject {subject!r} has {len(units)} units.",
            where=str(path),
            code="unit-count",
        )
    for taken in ("subject", "regions"):
        if taken in table:
            raise BadDataset(f"a unit column may not be called {taken!r}.", where=str(path), code="table")
    found = {str(c): column(table, str(c), path) for c in table}
    if "unit" not in found:
        return units.assign(**found)
    return pd.DataFrame({"unit": texts(table, "unit", path), **{k: v for k, v in found.items() if k != "unit"}})


def _rows(values: Array) -> "_Sliced":
    return _Sliced(values)


class _Sliced:
    """Blocks of an array that is here or memory-mapped."""

    def __init__(self, values: Array) -> None:
        self.values = values

    def __call__(self, most: int) -> Iterator[Array]:
        """Rows in order, at most ``most`` at a time."""
        for start in range(0, len(self.values), most):
            yield np.asarray(self.values[start : start + most])
