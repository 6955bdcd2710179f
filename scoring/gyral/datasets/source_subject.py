"""One subject of a source: opened by the reader that ``[responses]`` names, and written row by row.

What a subject costs in memory is a few blocks of rows, however many rows there are.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral.datasets.readers.files import numbers, texts
from gyral.datasets.readers.known import told_of
from gyral.datasets.readers.opening import open_recording_of
from gyral.datasets.readers.plain import TURNED
from gyral.datasets.readers.recording import (
    FoundRegion,
    Recording,
    divided,
    finite_units,
    standardised,
    standardised_by,
)
from gyral.datasets.readers.sensors import in_window
from gyral.datasets.readers.space import table_regions
from gyral.datasets.source import Source
from gyral.datasets.source_rows import Rows, Sizes, average_repeats, rounded
from gyral.datasets.writer import plain
from gyral.errors import BadDataset
from gyral.progress import Progress, silent

BUDGET = 256 << 20  # bytes of responses held at once
LAYOUT = 3  # of what is written of a subject: what an older Gyral left half done is not gone on with
_NUISANCE = "nuisance-"
_COPIES = 4  # a block and what is made of it (float64)


@dataclass(frozen=True, eq=False)
class Written:
    """A subject on disk.

    Parameters
    ----------
    values : array, samples x units
        Memory-mapped.
    repeats : array, samples x repeats x units, or None
    units : DataFrame
    regions : tuple of FoundRegion
    dropped : int
        Units left out because they had NaN.
    size : float
        Mean absolute value of all numbers.
    notes : tuple of str
        What was seen while rows were read.
    nuisances : dict of band to array, samples x columns
    """

    values: NDArray[np.float32]
    repeats: NDArray[np.float32] | None
    units: pd.DataFrame
    regions: tuple[FoundRegion, ...]
    dropped: int
    size: float
    notes: tuple[str, ...]
    nuisances: dict[str, NDArray[np.float32]]


def open_subject(source: Source, folder: Path, subject: str) -> Recording:
    """A subject's recording; headers and tables are read, no images.

    Raises
    ------
    BadDataset, UnknownName, UserError
        As `gyral.datasets.readers.opening.open_recording_of`.
    """
    told = told_of(source)
    recording = open_recording_of(source, folder, subject)
    _require_names(recording)
    found = table_regions(recording.units, source.regions, subject)
    recording = replace(recording, regions=(*recording.regions, *found))
    if told.outside == "drop":
        recording = _inside(recording)
    if source.epochs is not None:
        recording = in_window(recording, source.epochs)
    parts = recording.parts
    if told.divide != 1:
        parts = tuple(divided(p, told.divide) for p in parts)
    if told.zscore == "file":
        parts = tuple(standardised(p) for p in parts)
    shown = recording.shown
    if told.zscore_by is not None:
        parts = standardised_by(parts, texts(shown, told.zscore_by, f"trials of subject {subject!r}"))
    if told.ignore and told.reader != "bold":
        out = shown["stimulus"].isin(told.ignore)
        if "label" in shown:  # events that are stimuli of their own are called by their labels
            out |= shown["label"].isin(told.ignore)
        shown = shown.assign(stimulus=shown["stimulus"].where(~out, ""))
    for name, value in told.where.items():
        own = np.array(texts(shown, name, f"trials of subject {subject!r}")) == value
        if not own.any():
            raise BadDataset(
                f"no trial of subject {subject!r} has {name} {value!r}.",
                where="responses.where",
                code="trial-count",
            )
        shown = shown.assign(stimulus=np.where(own, shown["stimulus"], ""))
    return replace(recording, shown=shown, parts=parts)


def _require_names(recording: Recording) -> None:
    """Refuse units of one name: nobody could tell them apart."""
    names = recording.units["unit"].astype(str)
    if names.duplicated().any():
        raise BadDataset(
            f"two units are called {names[names.duplicated()].iloc[0]!r}.",
            where=f"units of subject {recording.subject!r}",
            code="unit-names",
        )


def _inside(recording: Recording) -> Recording:
    """The recording of the units that are in some region."""
    units = np.unique(np.concatenate([r.units for r in recording.regions] or [np.array([], np.int64)]))
    if not len(units):
        raise BadDataset(
            f"no unit of subject {recording.subject!r} is in a region, and those outside are to be left out.",
            where="responses.outside",
            code="no-region",
        )
    return recording.kept(units.astype(np.int64))


def in_order(recording: Recording, ids: Sequence[str]) -> Recording:
    """Rows without names are the stimuli ``ids``, in order.

    Raises
    ------
    BadDataset
        There are more or fewer (``trial-count``).
    """
    shown = recording.shown
    if "label" in shown or (shown["stimulus"] != "").any():
        return recording
    if len(shown) != len(ids):
        raise BadDataset(
            f"subject {recording.subject!r} has {len(shown)} rows for {len(ids)} stimuli, and no table says which is which.",
            where="responses.trials",
            mend=TURNED
            if (recording.width or len(recording.units)) == len(ids)
            else 'Name a table with a row for each row of the responses: trials = "{subject}_trials.csv".',
            code="trial-count",
        )
    return replace(recording, shown=shown.assign(stimulus=list(ids)))


def places_of(recording: Recording, ids: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stimulus and repeat of every row; -1 for rows of stimuli that are not wanted."""
    place = {name: i for i, name in enumerate(ids)}
    seen = np.zeros(len(ids), np.int64)
    stimulus, repeat = np.full(len(recording.shown), -1, np.int64), np.zeros(len(recording.shown), np.int64)
    for row, name in enumerate(recording.shown["stimulus"].tolist()):
        at = place.get(name)
        if at is not None:
            stimulus[row], repeat[row] = at, seen[at]
            seen[at] += 1
    return stimulus, repeat


def write_subject(
    source: Source,
    folder: Path,
    subject: str,
    target: Path,
    *,
    ids: Sequence[str] | None,
    every: Sequence[str] = (),
    budget: int = BUDGET,
    progress: Progress = silent,
) -> None:
    """Read a subject once, in order, and write it below ``target``, whole or not at all.

    Parameters
    ----------
    source : Source
    folder : Path
    subject : str
    target : Path
        Folder to make.
    ids : sequence of str or None
        Stimuli in the order of the pack; None: rows are samples in time.
    every : sequence of str
        All stimuli of the source in order, for rows without names; default ``ids``.
    budget : int
        Bytes of responses held at once. A single row may be more.
    progress : Progress
        Told of rows.

    Raises
    ------
    BadDataset
        NaN or infinite numbers (``not-finite``), or what the readers find.
    """
    told = source.responses
    recording = open_subject(source, folder, subject)
    most = max(1, budget // (8 * _COPIES * max(1, recording.width or len(recording.units))))
    dropped = 0
    if told is not None and told.not_a_number == "drop":
        kept = np.flatnonzero(finite_units(recording, most)).astype(np.int64)
        dropped = len(recording.units) - len(kept)
        if not len(kept):
            raise BadDataset("every unit has NaN.", where=f"subject {subject!r}", code="not-finite")
        recording = recording.kept(kept)
    if ids is None:
        stimulus = np.arange(len(recording.shown), dtype=np.int64)
        repeat = np.zeros(len(stimulus), np.int64)
        samples = len(stimulus)
    else:
        stimulus, repeat = places_of(in_order(recording, every or ids), ids)
        samples = len(ids)
    scratch = target.with_name(f"{target.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    repeats = int(repeat.max(initial=0)) + 1
    decimals = None if told is None else told.decimals
    name = "responses.npy" if repeats == 1 else "repeats.npy"
    with (scratch / name).open("wb") as stream:
        rows = Rows(stream, (samples, repeats, len(recording.units)))
        done, total, sizes = 0, len(stimulus), Sizes()
        for row, values in _numbers(recording, most, stimulus >= 0, sizes):
            rows.put(stimulus[row] * repeats + repeat[row], plain(rounded(values, decimals)))
            done = row + 1
            if done % 16 == 0 or done == total:
                progress(f"read {subject}", done, total)
        rows.finish()
    notes = sizes.require_one(subject)
    if repeats > 1:
        average_repeats(scratch, samples, repeats, decimals)
    if told is not None:
        for band, columns in told.nuisances.items():
            own = nuisance_of(recording, band, columns, stimulus, samples)
            np.save(scratch / f"{_NUISANCE}{band}.npy", own, allow_pickle=False)
    recording.units.to_parquet(scratch / "units.parquet", index=False)
    regions = [
        {"name": r.name, "path": list(r.path), "title": r.title, "units": r.units.tolist()}
        for r in recording.regions
    ]
    (scratch / "regions.json").write_text(
        json.dumps({"regions": regions, "dropped": dropped, "size": sizes.mean, "notes": notes}), "utf-8"
    )
    shutil.rmtree(target, ignore_errors=True)
    scratch.rename(target)


def read_written(target: Path) -> Written:
    """What `write_subject` left, arrays memory-mapped."""
    found = json.loads((target / "regions.json").read_text("utf-8"))
    regions = tuple(
        FoundRegion(r["name"], tuple(r["path"]), r["title"], np.array(r["units"], np.int64))
        for r in found["regions"]
    )
    repeats = target / "repeats.npy"
    return Written(
        values=np.load(target / "responses.npy", mmap_mode="r"),
        repeats=np.load(repeats, mmap_mode="r") if repeats.is_file() else None,
        units=pd.read_parquet(target / "units.parquet"),
        regions=regions,
        dropped=int(found["dropped"]),
        size=float(found["size"]),
        notes=tuple(found["notes"]),
        nuisances={
            path.stem.removeprefix(_NUISANCE): np.load(path) for path in sorted(target.glob(f"{_NUISANCE}*.npy"))
        },
    )


def nuisance_of(
    recording: Recording, band: str, columns: Sequence[str], stimulus: NDArray[np.int64], samples: int
) -> NDArray[np.float32]:
    """Mean over repeats of columns of the trials: samples x columns.

    Parameters
    ----------
    recording : Recording
    band : str
        For messages.
    columns : sequence of str
    stimulus : array, rows
        Sample of each row; -1 for rows that are left out.
    samples : int

    Raises
    ------
    BadDataset, UnknownName
        A column is not there, or says no finite number of a row that is kept (``table``).
    """
    where = f"trials of subject {recording.subject!r}"
    if not columns:
        raise BadDataset("no column is named.", where=f"responses.nuisances.{band}", code="source")
    kept = recording.shown.loc[stimulus >= 0].reset_index(drop=True)
    values = np.column_stack([numbers(kept, name, where) for name in columns])
    if not np.isfinite(values).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise BadDataset(
            f"column {columns[column]!r}, row {int(np.flatnonzero(stimulus >= 0)[row]) + 1}: no finite number.",
            where=where,
            mend="Framewise displacement has none in the first volume of a run: 0 is usual there.",
            code="table",
        )
    sums, count = np.zeros((samples, len(columns))), np.zeros((samples, 1))
    np.add.at(sums, stimulus[stimulus >= 0], values)
    np.add.at(count, stimulus[stimulus >= 0], 1)
    return np.asarray(sums / np.maximum(count, 1), np.float32)


def _numbers(
    recording: Recording, most: int, wanted: NDArray[np.bool_], sizes: Sizes
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Row number and values of each wanted row, checked and measured."""
    row = 0
    for part in recording.parts:
        for block in part.blocks(most):
            for values in block:
                if wanted[row]:
                    _check(values, row, part.name, recording)
                    sizes.add(part.name, values)
                    yield row, values
                row += 1


def _check(values: NDArray[Any], row: int, name: str, recording: Recording) -> None:
    fine = np.isfinite(values)
    if fine.all():
        return
    unit = recording.units["unit"].iloc[int(np.flatnonzero(~fine)[0])]
    raise BadDataset(
        f"{int((~fine).sum())} of {len(fine)} units are NaN or infinite in row {row + 1}, {unit!r} first.",
        where=f"{name} (subject {recording.subject!r})",
        mend='A smaller responses.mask leaves them out; so does responses.not_a_number = "drop", for all rows.',
        code="not-finite",
    )
