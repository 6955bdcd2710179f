"""What a dataset reader, and a published layout, are held to."""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.layouts.layout import Draft, Layout
from gyral.datasets.readers.opening import open_recording_of, why_unsound
from gyral.datasets.readers.recording import Recording
from gyral.datasets.source import read_source
from gyral.errors import GyralError

Array = NDArray[np.floating[Any]]


def check_reader(folder: Path, subject: str | None = None) -> None:
    """Check a reader on a folder with a ``dataset.toml`` that names it: the same numbers twice and in blocks of any size.

    Parameters
    ----------
    folder : Path
        A small dataset as the reader's users have it.
    subject : str, optional
        Default: every subject of the description.
    """
    source = read_source(folder)
    if source.responses is None:
        raise AssertionError(f"{folder / 'dataset.toml'} has no table [responses]; it must name the reader")
    for name in (subject,) if subject else source.responses.subjects:
        first, second = (_opened(source, folder, name) for _ in range(2))
        whole = _values(first, len(first.shown) + 1)
        if not np.array_equal(whole, _values(first, len(first.shown) + 1), equal_nan=True):
            raise AssertionError(f"subject {name!r}: the blocks of one recording, read twice, differ")
        for most in (1, 3):
            if not np.array_equal(whole, _values(first, most), equal_nan=True):
                raise AssertionError(f"subject {name!r}: numbers depend on how many rows are asked for at a time")
        if not np.array_equal(whole, _values(second, len(second.shown) + 1), equal_nan=True):
            raise AssertionError(f"subject {name!r}: opened twice, the numbers differ")
        if not first.shown.equals(second.shown) or not first.units.equals(second.units):
            raise AssertionError(f"subject {name!r}: opened twice, the tables of rows or units differ")


def check_layout(layout: Layout, folder: Path) -> None:
    """Check a published layout on a folder that has it: it tells, and its draft is a description.

    Parameters
    ----------
    layout : Layout
    folder : Path
        A small look-alike.
    """
    names = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
    if not any(layout.tell(name) for name in names):
        raise AssertionError(f"layout {layout.name!r} tells of none of the {len(names)} files")
    for name in ("readme.txt", "sub-01/sub-01_bold.nii.gz", "stimuli.csv"):
        if layout.tell(name):
            raise AssertionError(f"layout {layout.name!r} tells of {name!r}, which many datasets have")
    made = layout.draft(folder)
    if not isinstance(made, Draft):
        raise AssertionError(  # noqa: TRY004 - as every other check
            f"its draft is {type(made).__name__}; a gyral.datasets.layouts.layout.Draft is expected"
        )
    try:
        fields = tomllib.loads(made.text)
    except tomllib.TOMLDecodeError as error:
        raise AssertionError(f"its draft is not valid TOML: {error}") from error
    missing = [name for name in ("source", "about", "stimuli") if name not in fields]
    if missing:
        raise AssertionError(f"its draft lacks {', '.join(missing)}")


def _opened(source: Any, folder: Path, subject: str) -> Recording:
    try:
        found = open_recording_of(source, folder, subject)
    except GyralError as error:
        raise AssertionError(f"subject {subject!r} cannot be opened: {error}") from error
    if wrong := why_unsound(found):
        raise AssertionError(f"subject {subject!r}: {wrong}")
    names = [str(n) for n in found.units["unit"]]
    if len(set(names)) != len(names):
        raise AssertionError(f"subject {subject!r}: two units have one name")
    return found


def _values(recording: Recording, most: int) -> Array:
    """All rows, read at most ``most`` at a time."""
    blocks = []
    for part in recording.parts:
        rows = 0
        for block in part.blocks(most):
            values = np.asarray(block)
            if values.ndim != 2 or values.shape[1] != len(recording.units):
                raise AssertionError(
                    f"{part.name}: a block has shape {values.shape}; rows x {len(recording.units)} units is expected"
                )
            if len(values) > most:
                raise AssertionError(
                    f"{part.name}: a block has {len(values)} rows where {most} at most were asked for"
                )
            if values.dtype.kind not in "fiu":
                raise AssertionError(f"{part.name}: a block holds {values.dtype}; numbers are expected")
            rows += len(values)
            blocks.append(values.astype(np.float64))
        if rows != part.rows:
            raise AssertionError(f"{part.name}: blocks hold {rows} rows together; {part.rows} were announced")
    return np.concatenate(blocks)
