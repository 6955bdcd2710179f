"""Plan: what a build of a source will do, from headers and tables alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gyral import __version__
from gyral.datasets.dataset import Dataset
from gyral.datasets.manifest import MANIFEST, SplitEntry
from gyral.datasets.readers.electrodes import coordsystem_of
from gyral.datasets.readers.entities import sidecars_of
from gyral.datasets.readers.files import find_files
from gyral.datasets.readers.opening import require_own_files
from gyral.datasets.readers.recording import Recording
from gyral.datasets.readers.sensors import require_one_axis
from gyral.datasets.responses import RegionRdms, require_band_names
from gyral.datasets.soundness import check_about
from gyral.datasets.source import Source
from gyral.datasets.source_canvas import canvas_note
from gyral.datasets.source_copies import copy_notes
from gyral.datasets.source_rdms import read_source_rdms
from gyral.datasets.source_regions import merge_regions
from gyral.datasets.source_stimuli import read_stimuli, stimuli_of_events
from gyral.datasets.source_subject import LAYOUT, in_order, nuisance_of, open_subject, places_of
from gyral.datasets.source_time import read_timeline
from gyral.datasets.source_triplets import read_triplets
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.timeline import Timeline
from gyral.datasets.triplets import Triplets
from gyral.errors import BadDataset, UnknownName
from gyral.hashing import hash_json
from gyral.progress import Progress, silent

FOLDS = 5
_NAMED = 5  # subjects or files that a note names


@dataclass(frozen=True, eq=False)
class Plan:
    """What a build will do, from headers and tables alone.

    Parameters
    ----------
    stimuli : StimulusSet
        Those that stay.
    every : tuple of str
        Ids of all stimuli, in order.
    timeline : Timeline or None
    rows, units : dict of subject to int
        Rows in files, and units before any is left out.
    shown : dict of subject to int array, stimuli that stay
        How often each was presented; empty for samples in time.
    regions : tuple of str
        Names of all regions, before small ones are left out.
    keys : dict of subject to str
        Of `write_subject`'s result.
    split : SplitEntry
        Declared or proposed.
    notes : tuple of str
        What was decided on the way.
    rdms : dict of region to RegionRdms
        Read whole: a matrix has no header that says whether it is one.
    triplets : Triplets or None
        Choices, of the table that names stimuli.
    """

    stimuli: StimulusSet
    every: tuple[str, ...]
    timeline: Timeline | None
    rows: dict[str, int]
    units: dict[str, int]
    shown: dict[str, NDArray[np.int64]]
    regions: tuple[str, ...]
    keys: dict[str, str]
    split: SplitEntry
    notes: tuple[str, ...]
    rdms: dict[str, RegionRdms]
    triplets: Triplets | None

    def repeats(self, subject: str) -> int:
        """Most presentations of one stimulus."""
        return int(self.shown[subject].max(initial=1)) if subject in self.shown else 1


def _require_about(source: Source, folder: Path) -> None:
    try:
        check_about(source.about)
    except BadDataset as error:
        raise BadDataset(
            error.what, where=f"{folder / MANIFEST}: {error.where}", mend=error.mend, code=error.code
        ) from None


def _require_published(source: Source, folder: Path, regions: Sequence[str]) -> None:
    for number, bound in enumerate(source.published):
        if bound.region not in regions:
            unknown = UnknownName("region", bound.region, regions)
            raise BadDataset(
                f"a published ceiling is of the region {bound.region!r}, which the data do not have.",
                where=f"{folder / MANIFEST}: published[{number}].region",
                mend=unknown.mend,
            )


def plan_source(source: Source, folder: Path, work: Path, *, progress: Progress = silent) -> Plan:
    """Look at all tables and headers, and say what a build would make of them.

    Raises
    ------
    BadDataset, UnknownName
        Anything that does not fit.
    """
    _require_about(source, folder)
    stimuli = read_stimuli(source.stimuli, folder, work)
    told = source.responses
    named = [r.region for r in source.rdms]
    named += [] if source.triplets is None else [source.triplets.region]
    if told is None:
        if stimuli is None:
            raise BadDataset("stimuli need a table.", where="stimuli.table", code="source")
        split = source.split or propose_split(stimuli, None)
        _require_split(source, folder, stimuli, None, split)
        _require_published(source, folder, named)
        rdms = read_source_rdms(source, folder, len(stimuli))
        notes = [*_laid(source, stimuli), *_proposed(source, split)]
        return Plan(
            stimuli,
            stimuli.ids,
            None,
            {},
            {},
            {},
            (),
            {},
            split,
            tuple(notes),
            rdms,
            _choices(source, folder, stimuli),
        )
    require_own_files(told, folder)
    recordings: dict[str, Recording] = {}
    for i, subject in enumerate(told.subjects):
        progress("look at files", i, len(told.subjects))
        recordings[subject] = open_subject(source, folder, subject)
    progress("look at files", len(told.subjects), len(told.subjects))
    if source.epochs is not None:
        require_one_axis(list(recordings.values()))
    timeline = None
    if source.timeline is not None:
        timeline = read_timeline(source.timeline, list(recordings.values()))
    if stimuli is None:
        stimuli = _stimuli_of_all(source, folder, recordings)
    kept, notes, shown = stimuli, list[str](), dict[str, NDArray[np.int64]]()
    if timeline is None:
        recordings = {s: in_order(r, stimuli.ids) for s, r in recordings.items()}
        kept, notes = _seen_by_all(source, stimuli, recordings)
        rows = {s: places_of(r, kept.ids)[0] for s, r in recordings.items()}
        shown = {s: np.bincount(own[own >= 0], minlength=len(kept)) for s, own in rows.items()}
        _require_nuisances(source, recordings, rows, len(kept))
    else:
        _require_nuisances(
            source, recordings, {s: np.arange(len(r.shown)) for s, r in recordings.items()}, len(timeline)
        )
    split = source.split or propose_split(kept, timeline)
    _require_split(source, folder, kept, timeline, split)
    regions = tuple(dict.fromkeys(region.name for r in recordings.values() for region in r.regions))
    _require_published(source, folder, [*regions, *named])
    merge_regions(source, recordings)  # for what it refuses; units may still be left out, never added
    rdms = read_source_rdms(source, folder, len(kept) if timeline is None else len(timeline))
    facts = source.model_dump(mode="json", include={"responses", "epochs", "regions", "timeline"})
    ids = None if timeline is not None else kept.ids
    return Plan(
        stimuli=kept,
        every=stimuli.ids,
        timeline=timeline,
        rows={s: len(r.shown) for s, r in recordings.items()},
        units={s: len(r.units) for s, r in recordings.items()},
        shown=shown,
        regions=regions,
        keys={
            s: hash_json([__version__, LAYOUT, facts, ids, s, _stamps_of(source, folder, s)]) for s in recordings
        },
        split=split,
        notes=(
            *_laid(source, stimuli),
            *notes,
            *_opened(recordings),
            *copy_notes(told, folder),
            *_proposed(source, split),
        ),
        rdms=rdms,
        triplets=_choices(source, folder, kept),
    )


def _require_nuisances(
    source: Source, recordings: Mapping[str, Recording], rows: Mapping[str, NDArray[np.int64]], samples: int
) -> None:
    """Refuse bands whose names are taken, columns that are named twice, and cells that are no numbers, before responses are read."""
    told = source.responses
    if told is None or not told.nuisances:
        return
    signals = () if source.timeline is None else source.timeline.signals
    require_band_names(told.nuisances, signals, "responses.nuisances")
    every = [column for columns in told.nuisances.values() for column in columns]
    if twice := sorted({column for column in every if every.count(column) > 1}):
        raise BadDataset(
            f"the column {twice[0]!r} is named twice; it would count double.",
            where="responses.nuisances",
            code="source",
        )
    for band, columns in told.nuisances.items():
        for subject, recording in recordings.items():
            nuisance_of(recording, band, columns, rows[subject], samples)


def propose_split(stimuli: StimulusSet, timeline: Timeline | None) -> SplitEntry:
    """A split that keeps groups whole: the canaries judge it, nobody else does.

    Groups (runs, stories) are held out whole, five folds or one a group; without groups consecutive rows are, of one
    recording in time with a gap as long as its delays.
    """
    groups = stimuli.groups if timeline is None else timeline.stories
    distinct = len(set(groups or ()))
    if distinct > FOLDS:
        return SplitEntry(kind="grouped", folds=FOLDS, gap=0)
    if distinct > 1:
        return SplitEntry(kind="leave-one-group-out", folds=distinct, gap=0)
    gap = 0 if timeline is None else max(abs(d) for d in timeline.delays)
    return SplitEntry(kind="contiguous", folds=FOLDS, gap=gap)


def _require_split(
    source: Source, folder: Path, stimuli: StimulusSet, timeline: Timeline | None, split: SplitEntry
) -> None:
    """Refuse a split that these rows do not allow before anything is read."""
    rows = Dataset(
        source.about,
        stimuli,
        responses=None,
        rdms={},
        units=pd.DataFrame(),
        regions=(),
        split_kind=split.kind,
        split_folds=split.folds,
        split_gap=split.gap,
        timeline=timeline,
    )
    try:
        rows.split()
    except BadDataset as error:
        raise BadDataset(
            error.what, where=f"{folder / MANIFEST} [split]", mend=error.mend, code=error.code
        ) from None


def _choices(source: Source, folder: Path, stimuli: StimulusSet) -> Triplets | None:
    return None if source.triplets is None else read_triplets(source.triplets, folder, stimuli)


def _laid(source: Source, stimuli: StimulusSet) -> tuple[str, ...]:
    canvas = source.stimuli.canvas
    return () if canvas is None else (canvas_note(canvas, len(stimuli)),)


def _proposed(source: Source, split: SplitEntry) -> tuple[str, ...]:
    if source.split is not None:
        return ()
    gap = f" with a gap of {split.gap}" if split.gap else ""
    return (f"no [split] is declared; {split.kind} in {split.folds} folds{gap} is proposed",)


def _opened(recordings: Mapping[str, Recording]) -> tuple[str, ...]:
    """What readers noted, each note once and with whose files it is about."""
    said: dict[str, list[str]] = {}
    for subject, recording in recordings.items():
        for note in recording.notes:
            said.setdefault(note, []).append(subject)
    return tuple(f"{note} ({', '.join(subjects[:_NAMED])})" for note, subjects in said.items())


def _stimuli_of_all(source: Source, folder: Path, recordings: dict[str, Recording]) -> StimulusSet:
    """Events as stimuli; all subjects must have had the same, in one order."""
    first, *others = recordings.values()
    if "label" not in first.shown:
        raise BadDataset(
            "stimuli have no table, and responses no events that could stand for them.",
            where="stimuli.table",
            mend='table = "stimuli.csv"',
            code="source",
        )
    for other in others:
        if other.shown["stimulus"].tolist() != first.shown["stimulus"].tolist():
            raise _of_their_own(source, folder, first, other)
    shown = first.shown[first.shown["stimulus"] != ""].reset_index(drop=True)
    return stimuli_of_events(shown, source.stimuli, folder)


def _of_their_own(source: Source, folder: Path, first: Recording, other: Recording) -> BadDataset:
    """What to do where every person has events of their own, which nobody can match."""
    mne = source.responses is not None and source.responses.reader == "mne"
    one = (
        'If each trial is to stay a trial of its person (decoding), name all people as one subject: subjects = ["everyone"], '
        'files = "*_raw.fif"; runs are then groups, and whoever was recorded in them may be joined as a column (docs/your_data.md).'
    )
    return BadDataset(
        f"nothing says which of the {len(other.shown)} trials of subject {other.subject!r} showed what one of the {len(first.shown)} of "
        f"{first.subject!r} showed: without a table of stimuli every trial is a stimulus of its own.",
        where=f"{folder / MANIFEST} stimuli.table",
        mend='If people saw the same stimuli, list them (table = "stimuli.csv"), and let the events, or a table of trials, name the '
        "one that each trial showed (responses.stimulus)." + (f" {one}" if mne else ""),
        code="trial-count",
    )


def _seen_by_all(
    source: Source, stimuli: StimulusSet, recordings: dict[str, Recording]
) -> tuple[StimulusSet, list[str]]:
    """Stimuli that every subject saw; a trial that names an unknown one is refused."""
    known, common = set(stimuli.ids), set(stimuli.ids)
    for subject, recording in recordings.items():
        named = [s for s in recording.shown["stimulus"] if s]
        if unknown := sorted(set(named) - known):
            raise BadDataset(
                f"{len(unknown)} stimuli of subject {subject!r} are not in the stimulus table, {unknown[0]!r} first.",
                where="responses.stimulus",
                mend="Add them to the table, or to responses.ignore.",
                code="stimulus-unknown",
            )
        missing = [s for s in stimuli.ids if s not in set(named)]
        if missing and source.stimuli.unseen == "refuse":
            raise BadDataset(
                f"subject {subject!r} never saw {len(missing)} of {len(stimuli)} stimuli, {missing[0]!r} first.",
                where="stimuli.unseen",
                mend='unseen = "drop" keeps those that every subject saw.',
                code="stimulus-unseen",
            )
        common -= set(missing)
    if not common:
        raise BadDataset("no stimulus was seen by every subject.", where="stimuli.unseen", code="stimulus-unseen")
    if len(common) == len(stimuli):
        return stimuli, []
    rows = [i for i, s in enumerate(stimuli.ids) if s in common]
    return stimuli.subset(rows), [f"{len(stimuli) - len(rows)} stimuli that not everybody saw were dropped"]


def _stamps_of(source: Source, folder: Path, subject: str) -> list[list[Any]]:
    """Size and time of every file that a subject's responses and regions are read from."""
    told = source.responses
    if told is None:
        return []
    confounds = None if told.confounds is None else told.confounds.files
    named = [told.files, told.trials, told.mask, told.events, told.volumes, told.units_table, confounds]
    if told.project is not None:
        named += [getattr(told.project, n) for n in ("left", "right", "inner_left", "inner_right", "within")]
    named += [told.channels, told.electrodes, *told.unit_images.values()]
    for region in source.regions:
        named += [region.mask, region.atlas, region.labels]
        if (localiser := region.localiser) is not None:
            own = localiser.confounds
            named += [localiser.files, localiser.events, None if own is None else own.files]
    paths = {path for pattern in named if pattern for path in find_files(folder, pattern, subject)}
    if told.reader == "mne":  # other files of a recording, and further pieces of a long one, share its name
        paths |= {f for p in paths for f in p.parent.iterdir() if f.name.startswith(p.name.split(".")[0])}
    if told.electrodes is not None:
        paths |= {side for p in paths if (side := coordsystem_of(p)).is_file()}
    if told.reader == "bold" or any(r.localiser for r in source.regions):  # sidecars may state the TR
        paths |= {side for p in list(paths) for side in sidecars_of(p, folder)}
    return [_stamp(folder, path) for path in sorted(paths)]


def stamps(folder: Path) -> list[list[Any]]:
    """Path, size and time of every file below the folder that is not hidden and in no pack."""
    packs = {p.parent for p in folder.glob("*/" + MANIFEST)}
    found = []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and not packs & set(path.parents) and path.is_file():
            found.append(_stamp(folder, path))
    return found


def _stamp(folder: Path, path: Path) -> list[Any]:
    stat = path.stat()
    return [path.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns]
