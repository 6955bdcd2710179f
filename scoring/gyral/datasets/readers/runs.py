"""Runs of a subject's BOLD series: volumes, events, the time between volumes, confounds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.entities import require_paired
from gyral.datasets.readers.events import (
    Events,
    read_confounds,
    read_events,
    repetition_time,
    require_one_tr,
    run_names,
    stretches,
    volume_table,
)
from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.recording import Part
from gyral.datasets.readers.series import Series
from gyral.datasets.readers.volume import load_image
from gyral.datasets.source import ResponsesSource
from gyral.errors import BadDataset

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Run:
    """One run.

    Parameters
    ----------
    part : Part
        Its file.
    rows : slice
        Its volumes in the file.
    name : str
    events : Events
        All of them, ignored ones too.
    tr : float
        Seconds.
    confounds : array, volumes x columns, or None
    """

    part: Part
    rows: slice
    name: str
    events: Events
    tr: float
    confounds: Floats | None = None

    @property
    def volumes(self) -> int:
        """Number of volumes."""
        return int(self.rows.stop - self.rows.start)


def runs_of(series: Series, source: ResponsesSource, folder: Path, subject: str) -> list[Run]:
    """Runs of a subject: a file each with its events table, or stretches of one file by a table of volumes.

    Raises
    ------
    BadDataset
        Files, tables, times or confounds do not fit each other, or are of other runs by their names (``entities``).
    """
    for part in series.parts:
        if part.rows < 2:
            raise BadDataset(
                "it holds one volume; a time series is expected.",
                where=part.name,
                mend="Single-trial maps are read by reader 'images'.",
                code="image-shape",
            )
    trs = [repetition_time(header_tr(p), p, source, folder) for p in series.files]
    require_one_tr(series.files, trs)
    _require_slow(source.high_pass, trs[0], series.files[0])
    runs: list[Run] = []
    if source.volumes is not None and source.events is not None:
        raise BadDataset(
            "events and a table of volumes say what was shown; one of them may.",
            where="responses.volumes",
            code="source",
        )
    if source.volumes is not None:
        part, tr = series.parts[0], trs[0]
        if len(series.parts) > 1:
            raise BadDataset(
                "a table of volumes goes with one file; there are several.",
                where="responses.volumes",
                code="source",
            )
        for k, (rows, labels) in enumerate(volume_table(source, folder, subject, part.rows)):
            runs.append(Run(part, rows, f"run-{k + 1:02d}", stretches(labels, tr), tr))
    elif source.events is not None:
        tables = find_files(folder, source.events, subject)
        if len(tables) != len(series.parts):
            raise BadDataset(
                f"{len(tables)} events tables for {len(series.parts)} runs of subject {subject!r}.",
                where=str(folder),
                mend="Every run needs its own table; they are matched in order of their names.",
                code="trial-count",
            )
        names = run_names(series.files)
        for part, path, name, table, tr in zip(series.parts, series.files, names, tables, trs, strict=True):
            require_paired(path, table, "events table")
            events = read_events(table, source, part.rows, tr)
            runs.append(Run(part, slice(0, part.rows), name, events, tr))
    else:
        raise BadDataset(
            "BOLD needs events.", where="responses.events", mend='events = "*_events.tsv"', code="source"
        )
    if source.confounds is not None:
        # runs of a table of volumes are of one file
        files = series.files if len(series.files) == len(runs) else series.files[:1] * len(runs)
        lengths = [run.volumes for run in runs]
        found = read_confounds(source.confounds, folder, subject, list(zip(files, lengths, strict=True)))
        runs = [Run(r.part, r.rows, r.name, r.events, r.tr, c) for r, c in zip(runs, found, strict=True)]
    return runs


def _require_slow(high_pass: float, tr: float, path: Path) -> None:
    """Refuse a high pass above every frequency that volumes hold; infinity, too."""
    if high_pass >= 1 / (2 * tr):
        raise BadDataset(
            f"high_pass = {high_pass:g} Hz; volumes every {tr:g} s hold nothing above {1 / (2 * tr):.3g} Hz.",
            where=str(path),
            mend="It is the frequency, in Hz, below which drifts are taken out: 0.01, say; 0 takes none out.",
            code="filter-band",
        )


def header_tr(path: Path) -> float | None:
    """Seconds between rows that the file's header states; None where it says nothing."""
    image = load_image(path)
    header = getattr(image, "header", None)
    if header is None:
        return None
    if hasattr(header, "get_axis"):  # CIFTI
        step = getattr(header.get_axis(0), "step", None)
        return None if step is None else float(step)
    if not hasattr(header, "get_xyzt_units") or image.ndim != 4:
        return None
    unit, value = header.get_xyzt_units()[1], float(header.get_zooms()[3])
    # 1 without a unit is what libraries write where nobody said anything
    if value <= 0 or (unit == "unknown" and value == 1.0):
        return None
    return value * {"msec": 1e-3, "usec": 1e-6}.get(unit, 1.0)


def series_of(run: Run) -> NDArray[np.float32]:
    """Volumes x units of one run; volumes of other runs in the file are passed over."""
    found, at = [], 0
    for block in run.part.blocks(max(1, min(64, run.volumes))):
        own = slice(max(run.rows.start - at, 0), max(run.rows.stop - at, 0))
        if len(part := block[own]):
            found.append(np.asarray(part, np.float32))
        at += len(block)
        if at >= run.rows.stop:
            break
    return np.concatenate(found)
