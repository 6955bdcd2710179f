"""Events: what was shown when in each run, the time between volumes, and confounds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.readers.entities import require_paired, sidecar_of, sidecars_of
from gyral.datasets.readers.files import find_file, find_files, numbers, read_table, texts
from gyral.datasets.source import ResponsesSource
from gyral.datasets.source_parts import ConfoundsSource
from gyral.errors import BadDataset, UnknownName

_ENTITY = re.compile(r"(?:^|_)((?:ses|task|run)-[A-Za-z0-9]+)")
_LONGEST = 30.0  # seconds between two volumes that anybody uses
_SAME = 0.01  # share by which two statements of one TR may differ
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Events:
    """Events of one run in the order of their onsets.

    Parameters
    ----------
    onset, duration : array, events
        Seconds after the first volume.
    label : tuple of str
        Stimulus or condition of each.
    """

    onset: Floats
    duration: Floats
    label: tuple[str, ...]

    def without(self, ignored: tuple[str, ...]) -> "Events":
        """Events whose label is none of ``ignored``."""
        keep = np.array([name not in ignored for name in self.label], np.bool_)
        labels = tuple(n for n, k in zip(self.label, keep, strict=True) if k)
        return Events(self.onset[keep], self.duration[keep], labels)


def read_events(path: Path, source: ResponsesSource, volumes: int, tr: float) -> Events:
    """A BIDS events table of one run of ``volumes`` volumes.

    Raises
    ------
    BadDataset
        No numbers, onsets before the start or after the end (``events-outside``), perhaps in milliseconds.
    """
    events = events_table(path, source)
    check_events(events, volumes * tr, f"run of {volumes} volumes of {tr:g} s", str(path))
    return events


def events_table(path: Path, source: ResponsesSource) -> Events:
    """A BIDS events table, in the order of onsets.

    Raises
    ------
    BadDataset
        No numbers (``table``), or no event, or an onset that is no number (``events-outside``).
    UnknownName
        A column is missing.
    """
    table = read_table(path)
    onset = numbers(table, "onset", path)
    duration = numbers(table, "duration", path) if "duration" in table else np.zeros(len(onset))
    duration = np.nan_to_num(duration)
    label = texts(table, source.stimulus, path)
    if len(onset) == 0:
        raise BadDataset("no event in the table.", where=str(path), code="events-outside")
    if not np.isfinite(onset).all():
        row = int(np.flatnonzero(~np.isfinite(onset))[0])
        raise BadDataset(
            f"column 'onset', row {row + 1}: {str(table['onset'].iloc[row])!r} is no number.",
            where=str(path),
            mend="Onsets are seconds after the first volume or sample; correct the row, or delete it.",
            code="events-outside",
        )
    if (duration < 0).any():
        row = int(np.flatnonzero(duration < 0)[0])
        raise BadDataset(
            f"event {row + 1} lasts {duration[row]:g} s; durations are 0 or more.", where=str(path), code="table"
        )
    if nameless := [i for i, name in enumerate(label) if not name.strip()]:
        raise BadDataset(
            f"event {nameless[0] + 1} has no {source.stimulus}.",
            where=str(path),
            mend="Name it (rest, say), and list the name in responses.ignore if it is no stimulus.",
            code="table",
        )
    order = np.argsort(onset, kind="stable")
    return Events(onset[order], duration[order], tuple(label[i] for i in order))


def check_events(events: Events, end: float, what: str, where: str) -> None:
    """Refuse events before or after what was recorded.

    Parameters
    ----------
    events : Events
    end : float
        Seconds that were recorded.
    what : str
        What was ("run of 100 volumes of 2 s"), for the message.
    where : str
        Their file.

    Raises
    ------
    BadDataset
        ``events-outside``; says so where onsets look like milliseconds.
    """
    after = int((events.onset >= end).sum())
    if after:
        last = float(events.onset[-1])
        mend = "Check that the events belong to it, and its TR or rate."
        inside = (events.onset > 0) & (events.onset < end)
        if not inside.any() and last / 1000 < end:
            mend = "The onsets look like milliseconds: divide them by 1000."
        raise BadDataset(
            f"{after} of {len(events.onset)} events begin after the {what} ends (the last at {last:g} s; it ends at {end:g} s).",
            where=where,
            mend=mend,
            code="events-outside",
        )
    longest = float(events.duration.max(initial=0))
    if longest > end:
        raise BadDataset(
            f"an event lasts {longest:g} s, longer than the {what}.",
            where=where,
            mend="The durations look like milliseconds: divide them by 1000."
            if longest > 10 * end
            else "Check its duration.",
            code="events-outside",
        )
    if events.onset[0] < 0:
        raise BadDataset(
            f"an event begins {-events.onset[0]:g} s before the {what}.",
            where=where,
            mend="Onsets are seconds after the first volume or sample of the file; was its start cut off?",
            code="events-outside",
        )


def volume_table(
    source: ResponsesSource, folder: Path, subject: str, volumes: int
) -> list[tuple[slice, list[str]]]:
    """Runs of a concatenated file: which volumes, and the label of each.

    Raises
    ------
    BadDataset
        Rows are more or fewer than volumes (``trial-count``), or a run is not in one piece.
    """
    path = find_file(folder, source.volumes or "", subject)
    table = read_table(path)
    if len(table) != volumes:
        raise BadDataset(f"{len(table)} rows for {volumes} volumes.", where=str(path), code="trial-count")
    label, run = texts(table, source.stimulus, path), texts(table, "run", path)
    starts = [i for i in range(len(run)) if i == 0 or run[i] != run[i - 1]]
    if len({run[i] for i in starts}) != len(starts):
        raise BadDataset("the volumes of a run do not stand together.", where=str(path), code="table")
    return [(slice(a, b), label[a:b]) for a, b in zip(starts, [*starts[1:], len(run)], strict=True)]


def stretches(labels: list[str], tr: float) -> Events:
    """Events from the label of every volume: stretches of one label."""
    starts = [i for i in range(len(labels)) if i == 0 or labels[i] != labels[i - 1]]
    length = np.diff([*starts, len(labels)])
    return Events(np.array(starts) * tr, length * tr, tuple(labels[i] for i in starts))


def repetition_time(image_tr: float | None, path: Path, source: ResponsesSource, folder: Path) -> float:
    """Seconds between volumes: stated in dataset.toml, in BIDS sidecars (inherited ones, too), or in the header.

    Raises
    ------
    BadDataset
        Nobody says (``tr-missing``), or they disagree (``tr-differs``).
    """
    said = {"dataset.toml": source.tr, "its sidecar": _sidecar_tr(path, folder), "its header": image_tr}
    known = {k: float(v) for k, v in said.items() if v is not None and v > 0}
    if not known:
        raise BadDataset(
            "nobody says how many seconds lie between two volumes.",
            where=str(path),
            mend="Put the TR in seconds into dataset.toml: responses.tr = 2.0",
            code="tr-missing",
        )
    values = list(known.values())
    if max(values) > min(values) * (1 + _SAME):
        ratio = max(values) / min(values)
        mend = "One of them is in milliseconds." if 900 < ratio < 1100 else "Correct the one that is wrong."
        text = ", ".join(f"{v:g} s in {k}" for k, v in known.items())
        raise BadDataset(f"the TR is {text}.", where=str(path), mend=mend, code="tr-differs")
    if values[0] > _LONGEST:
        raise BadDataset(
            f"the TR is {values[0]:g} s in {next(iter(known))}.",
            where=str(path),
            mend="It looks like milliseconds: state it in seconds as responses.tr, and correct the header.",
            code="tr-differs",
        )
    return values[0]


def require_one_tr(files: Sequence[Path], trs: Sequence[float]) -> None:
    """Refuse runs of one person whose TRs differ: nearly always one of them is wrong.

    Parameters
    ----------
    files : sequence of Path
    trs : sequence of float
        Seconds, one a file.

    Raises
    ------
    BadDataset
        ``tr-differs``; names both files and TRs.
    """
    for file, tr in zip(files, trs, strict=True):
        if max(tr, trs[0]) > min(tr, trs[0]) * (1 + _SAME):
            raise BadDataset(
                f"the TR is {tr:g} s, and {trs[0]:g} s in {files[0].name}.",
                where=str(file),
                mend="Correct the one that is wrong; runs of one person that do differ cannot stand in one dataset.",
                code="tr-differs",
            )


def run_names(paths: Sequence[Path]) -> list[str]:
    """Session, run and, where there are several, task of BIDS names, else ``run-01`` ..."""
    entities = [_ENTITY.findall(path.name) for path in paths]
    tasks = {next((e for e in own if e.startswith("task-")), "") for own in entities}
    wanted = ("ses-", "task-", "run-") if len(tasks) > 1 else ("ses-", "run-")
    found = []
    for k, own in enumerate(entities):
        named = [e for e in own if e.startswith(wanted)]
        found.append("_".join(named) if any(e.startswith(wanted[1:]) for e in named) else f"run-{k + 1:02d}")
    return found


def read_confounds(
    source: ConfoundsSource, folder: Path, subject: str, runs: Sequence[tuple[Path, int]]
) -> list[Floats]:
    """Confounds of each run, volumes x columns; a missing first row (derivatives) becomes the column's mean.

    Parameters
    ----------
    source : ConfoundsSource
    folder : Path
    subject : str
    runs : sequence of (Path, int)
        File and number of volumes of each.

    Raises
    ------
    BadDataset
        Another number of files or rows (``confounds``), numbers missing elsewhere, or a file of another run (``entities``).
    UnknownName
        No such column.
    """
    paths = find_files(folder, source.files, subject)
    if len(paths) != len(runs):
        raise BadDataset(
            f"{len(paths)} confounds files for {len(runs)} runs.", where=str(folder), code="confounds"
        )
    found = []
    for path, (file, length) in zip(paths, runs, strict=True):
        require_paired(file, path, "confounds file")
        table = read_table(path)
        if missing := [c for c in source.columns if c not in table]:
            raise UnknownName(f"confound of {path}:", missing[0], [str(c) for c in table])
        values = np.column_stack([numbers(table, c, path) for c in source.columns])
        if len(values) != length:
            raise BadDataset(f"{len(values)} rows for {length} volumes.", where=str(path), code="confounds")
        if np.isnan(values[1:]).any():
            raise BadDataset("numbers are missing after the first row.", where=str(path), code="confounds")
        found.append(np.where(np.isnan(values), np.nanmean(values, axis=0), values))
    return found


def _sidecar_tr(path: Path, folder: Path) -> float | None:
    """Seconds that the sidecars of a file state; None where they say nothing."""
    value = sidecar_of(path, folder).get("RepetitionTime")
    if value is None:
        return None
    try:
        seconds = float("nan") if isinstance(value, bool) else float(value)
    except (ValueError, TypeError):
        seconds = float("nan")
    if not (np.isfinite(seconds) and seconds > 0):
        raise BadDataset(
            f"RepetitionTime of its sidecar is {value!r}; seconds above 0 are expected.",
            where=str(path),
            mend=f"Its sidecars: {', '.join(p.relative_to(folder).as_posix() for p in sidecars_of(path, folder))}.",
            code="tr-missing",
        )
    return seconds
