"""From a source's files to a pack: subjects one by one (or side by side), kept as they are finished.

Finished subjects wait in a hidden folder beside the pack (``.NAME.building``) under a key of the description and of size
and time of their files; a build that was broken off goes on behind them. Memory: see `gyral.datasets.source_subject`.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gyral.datasets.dataset import Dataset
from gyral.datasets.facts import Facts, facts_of, planned_facts
from gyral.datasets.folder import disk_faults
from gyral.datasets.manifest import MANIFEST
from gyral.datasets.pack import write_pack
from gyral.datasets.readers import READERS
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.source import Source, read_source
from gyral.datasets.source_plan import Plan, plan_source, stamps
from gyral.datasets.source_regions import merge_regions
from gyral.datasets.source_rows import require_one_unit
from gyral.datasets.source_subject import BUDGET, Written, read_written, write_subject
from gyral.datasets.time_axis import TimeAxis
from gyral.errors import BadDataset, UserError
from gyral.progress import Progress, silent

Judge = Callable[[Facts], None]
# Of `Dataset.extra`: how many units of each subject had NaN and are not in the pack.
LEFT_OUT = "left_out"


@dataclass(frozen=True, eq=False)
class Built:
    """A dataset whose arrays are memory-mapped in the work folder, and what was decided on the way."""

    dataset: Dataset
    notes: tuple[str, ...]


def assemble(
    source: Source,
    folder: Path,
    work: Path,
    *,
    jobs: int = 1,
    budget: int = BUDGET,
    judge: Judge | None = None,
    progress: Progress = silent,
) -> Built:
    """Read a source into a dataset whose arrays rest in ``work``; finished subjects there are kept.

    Parameters
    ----------
    source : Source
    folder : Path
        What its paths are relative to.
    work : Path
        Where arrays go.
    jobs : int
        Subjects read side by side, each in its own process.
    budget : int
        Bytes of responses each process holds at once.
    judge : callable, optional
        Asked twice, of the plan and of what was made, and raises where that cannot be what was meant.
    progress : Progress
        Told of rows, or of subjects with several jobs.

    Raises
    ------
    BadDataset, UnknownName
        Anything that does not fit.
    """
    work.mkdir(parents=True, exist_ok=True)
    plan = plan_source(source, folder, work, progress=progress)
    if judge is not None:
        judge(planned_facts(source, plan))
    notes = list(plan.notes)
    written = _write_subjects(source, folder, work, plan, jobs, budget, progress)
    notes += [note for w in written.values() for note in w.notes]
    notes += require_one_unit({s: w.size for s, w in written.items()})
    regions, more = merge_regions(source, written)
    notes += more
    nothing = np.array([], np.int64)  # units of regions that have RDMs or choices alone
    named = [Region(r.region, nothing, (*r.path, r.region), r.title) for r in source.rdms]
    extra: dict[str, Any] = {} if source.benchmark is None else {"benchmark": source.benchmark}
    if (choices := source.triplets) is not None and plan.triplets is not None:
        extra["triplets"] = plan.triplets.table()
        place = (*choices.path, choices.region)
        named.append(Region(choices.region, nothing, place, choices.title))
    told = source.responses
    if dropped := {s: w.dropped for s, w in written.items() if w.dropped}:
        extra[LEFT_OUT] = dropped
    notes += [f"subject {s}: {count} units with NaN were left out" for s, count in dropped.items()]
    dataset = Dataset(
        about=source.about,
        stimuli=plan.stimuli,
        responses=None
        if told is None
        else Responses(
            told.kind,
            told.unit,
            {s: w.values for s, w in written.items()},
            {s: w.repeats for s, w in written.items() if w.repeats is not None},
            {band: {s: w.nuisances[band] for s, w in written.items()} for band in told.nuisances},
        ),
        rdms=plan.rdms,
        units=_unit_table(written),
        regions=(*regions, *named),
        published=source.published,
        split_kind=plan.split.kind,
        split_folds=plan.split.folds,
        split_gap=plan.split.gap,
        time=_time_axis(source, written),
        timeline=plan.timeline,
        extra=extra,
    )
    if judge is not None:
        judge(facts_of(dataset))
    return Built(dataset, tuple(notes))


def read_files(source: Source, files: Mapping[str, Path], scratch: Path, *, provenance: str) -> Dataset:
    """The dataset of a source whose files lie here and there (a recipe's), under the names the source has for them.

    Parameters
    ----------
    source : Source
    files : mapping of name to Path
        Name below the source's folder -> where the file is.
    scratch : Path
        Where files are laid out and arrays rest; must outlive the dataset.
    provenance : str
        Text of PROVENANCE.md.
    """
    folder = scratch / "source"
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    dataset = assemble(source, folder, scratch / "work").dataset
    return replace(dataset, extra={**dataset.extra, "provenance": provenance})


def build_pack(
    folder: Path,
    out: Path,
    *,
    jobs: int = 1,
    budget: int = BUDGET,
    judge: Judge | None = None,
    progress: Progress = silent,
) -> tuple[str, Built]:
    """Make the pack ``out`` of the source ``folder``; the content hash, and the dataset with its notes. Options as of `assemble`.

    Raises
    ------
    BadDataset, UnknownName
        Anything that does not fit; nothing is written then but finished subjects.
    OutOfResources
        The disk is full.
    """
    source = read_source(folder)
    if out.resolve() == folder.resolve():
        raise BadDataset("the pack would replace its own source.", where=str(out), code="pack-exists")
    if out.exists() and not (out.is_dir() and (not any(out.iterdir()) or (out / MANIFEST).is_file())):
        raise BadDataset(
            "there is something else than a pack.", where=str(out), mend="Name another --out.", code="pack-exists"
        )
    from filelock import FileLock  # here: only a build needs it

    work = out.with_name(f".{out.name}.building")
    with disk_faults(out):
        work.mkdir(parents=True, exist_ok=True)
        with FileLock(work.with_name(f".{out.name}.lock")):
            built = assemble(source, folder, work, jobs=jobs, budget=budget, judge=judge, progress=progress)
            extra = {**built.dataset.extra, "provenance": _provenance(source, folder)}
            dataset = replace(built.dataset, extra=extra)
            digest = write_pack(dataset, out, recipe=f"source {MANIFEST}", progress=progress)
            shutil.rmtree(work, ignore_errors=True)
    work.with_name(f".{out.name}.lock").unlink(missing_ok=True)
    return digest, built


def _write_subjects(
    source: Source, folder: Path, work: Path, plan: Plan, jobs: int, budget: int, progress: Progress
) -> dict[str, Written]:
    targets = {s: work / "subjects" / s for s in plan.keys}
    ids = None if plan.timeline is not None else plan.stimuli.ids
    left = [s for s, target in targets.items() if _key(target) != plan.keys[s]]
    if jobs > 1 and len(left) > 1:
        _side_by_side(
            source, folder, {s: targets[s] for s in left}, plan, ids, min(jobs, len(left)), budget, progress
        )
    else:
        for subject in left:
            write_subject(
                source,
                folder,
                subject,
                targets[subject],
                ids=ids,
                every=plan.every,
                budget=budget,
                progress=progress,
            )
            (targets[subject] / "key.json").write_text(json.dumps(plan.keys[subject]), "utf-8")
    return {s: read_written(target) for s, target in targets.items()}


def _side_by_side(
    source: Source,
    folder: Path,
    targets: dict[str, Path],
    plan: Plan,
    ids: tuple[str, ...] | None,
    jobs: int,
    budget: int,
    progress: Progress,
) -> None:
    # Spawned: threads of the parent (progress, BLAS) must not be forked.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        told = source.model_dump(mode="json")
        futures = {
            pool.submit(_one, told, folder, s, target, ids, plan.every, budget): s for s, target in targets.items()
        }
        progress("read subjects", 0, len(futures))
        faults: list[dict[str, Any]] = []
        for done, future in enumerate(as_completed(futures)):
            subject = futures[future]
            if (fault := future.result()) is not None:
                faults.append(fault)
            else:
                (targets[subject] / "key.json").write_text(json.dumps(plan.keys[subject]), "utf-8")
            progress("read subjects", done + 1, len(futures))
    if faults:
        raise BadDataset(faults[0].pop("what"), **faults[0])


def _one(
    told: dict[str, Any],
    folder: Path,
    subject: str,
    target: Path,
    ids: tuple[str, ...] | None,
    every: tuple[str, ...],
    budget: int,
) -> dict[str, Any] | None:
    """`write_subject` in another process; a user's fault comes back as its fields (errors with several arguments do not pickle)."""
    try:
        write_subject(Source.model_validate(told), folder, subject, target, ids=ids, every=every, budget=budget)
    except UserError as error:
        return error.as_dict()
    return None


def _key(target: Path) -> str | None:
    file = target / "key.json"
    return json.loads(file.read_text("utf-8")) if file.is_file() else None


def _unit_table(written: dict[str, Written]) -> pd.DataFrame:
    frames = [w.units.assign(subject=s) for s, w in written.items()]
    if not frames:
        return pd.DataFrame({"subject": pd.Series(dtype=str), "unit": pd.Series(dtype=str)})
    table = pd.concat(frames, ignore_index=True)
    return table[["subject", "unit", *[c for c in table if c not in ("subject", "unit")]]]


def _time_axis(source: Source, written: dict[str, Written]) -> TimeAxis | None:
    """Times of the first subject; that the others have the same is checked with the whole dataset."""
    if source.epochs is None:
        return None
    units = next(iter(written.values())).units
    return TimeAxis(tuple(np.unique(units["time"].to_numpy(np.float64)).tolist()), source.epochs.window)


def _provenance(source: Source, folder: Path) -> str:
    own = folder / "PROVENANCE.md"
    if own.is_file():
        return own.read_text("utf-8")
    about = source.about
    lines = [f"- Licence: {about.licence}", f"- Cite: {about.citation}", f"- Home: {about.url}"]
    reader = None if source.responses is None else source.responses.reader
    by = READERS.origin(reader) if reader is not None else ""
    lines += [f"- Made by `gyral data build`{f' and the reader {reader!r} of {by}' if by else ''} of:"]
    lines += [f"    {name}, {size} bytes" for name, size, _ in stamps(folder)[:200]]
    return "\n".join([f"# {about.title}", "", about.description, "", *lines, ""])
