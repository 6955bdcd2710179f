"""Pack: a dataset as a folder anyone can inspect.

::

    dataset.toml             what it is, its split, times of M/EEG, published ceilings, and every file with size and sha256
    stimuli.parquet          id, sha256, file or text, group, further columns; rows of every array, in order
    stimuli/                 files of images or sounds
    samples.parquet          story and signals of every row, where responses were sampled in time
    units.parquet            subject, unit, regions (list; regions may overlap), further columns
    responses/SUBJECT.npy    samples x units, float32
    repeats/SUBJECT.npy      samples x repeats x units, float32, NaN where a repeat is missing
    rdms/REGION.npy          subjects x sessions x samples x samples, float32
    extra/NAME.npy           arrays that belong to the set and decide no score
    PROVENANCE.md            where it came from

The content hash covers what decides a score (names, stimuli, arrays, units, regions, published ceilings, split),
not prose, file formats, times, or how wide and where images were shown (``degrees``, ``position``): the same data packed by another route,
on another day, have the same hash.
"""

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.folder import whole_folder
from gyral.datasets.manifest import (
    MANIFEST,
    FileEntry,
    Manifest,
    RdmsEntry,
    RegionEntry,
    ResponsesEntry,
    SplitEntry,
    StimuliEntry,
    TimeEntry,
    is_safe_name,
    read_manifest,
)
from gyral.datasets.region import Region
from gyral.datasets.responses import RegionRdms, Responses
from gyral.datasets.soundness import check_dataset, count_constant_units
from gyral.datasets.stimulus import StimulusSet
from gyral.datasets.tables import (
    column_hashes,
    frame_bytes,
    read_frame,
    stimuli_frame,
    stimuli_from,
    units_frame,
)
from gyral.datasets.time_axis import TimeAxis
from gyral.datasets.timeline import check_timeline
from gyral.datasets.timeline_table import SAMPLES, samples_frame, timeline_entry, timeline_facts, timeline_from
from gyral.datasets.writer import Writer, hash_plain
from gyral.errors import BadDataset, UserError
from gyral.hashing import hash_file, hash_json
from gyral.progress import Progress, silent

_TABLES = ("stimuli.parquet", "units.parquet")
_KEPT_ELSEWHERE = {"provenance", "constant_units", "benchmark"}


def content_hash(dataset: Dataset) -> str:
    """Hex sha256 of all that decides a score: independent of route, formats, paths and time."""
    stimuli, responses = dataset.stimuli, dataset.responses
    return hash_json(
        {
            "name": dataset.about.name,
            "version": dataset.about.version,
            "stimuli": stimuli.content_hash,
            "groups": stimuli.groups,
            "columns": column_hashes(stimuli.columns),
            "responses": None
            if responses is None
            else {
                "kind": responses.kind,
                "unit": responses.physical_unit,
                "values": [[s, hash_plain(v)] for s, v in responses.values.items()],
                "repeats": [[s, hash_plain(v)] for s, v in responses.repeats.items()],
                **(
                    {}
                    if not responses.nuisances
                    else {
                        "nuisances": [
                            [band, s, hash_plain(v)]
                            for band, own in responses.nuisances.items()
                            for s, v in own.items()
                        ]
                    }
                ),
            },
            "rdms": [[n, r.kind, r.subjects, hash_plain(r.values)] for n, r in sorted(dataset.rdms.items())],
            "units": column_hashes({str(c): dataset.units[c].to_numpy() for c in dataset.units}),
            "regions": [[r.name, r.path, np.unique(r.units).tolist()] for r in dataset.regions],
            "published": [[p.region, float(p.value), p.unit] for p in dataset.published],
            "split": [
                dataset.split_kind,
                dataset.split_folds,
                *([dataset.split_gap] if dataset.split_gap else []),
            ],
            **({} if "triplets" not in dataset.extra else {"triplets": hash_plain(dataset.extra["triplets"])}),
            **({} if dataset.timeline is None else {"timeline": timeline_facts(dataset.timeline)}),
        }
    )


def write_pack(dataset: Dataset, folder: Path, *, recipe: str = "", progress: Progress = silent) -> str:
    """Write ``dataset`` as the pack ``folder``, whole or not at all; an older pack there is replaced.

    ``dataset.extra`` may carry ``provenance`` (text of PROVENANCE.md), ``benchmark`` (fields of the `Benchmark`
    that the site shall offer), arrays (``extra/NAME.npy``) and plain TOML values; none of them enters the
    content hash, but the array ``triplets``.

    Parameters
    ----------
    dataset : Dataset
        Checked first: shapes, NaN, unit table, regions, split, hashes of the stimulus files.
    folder : Path
        The pack to make.
    recipe : str
        Stamp of what built it.
    progress : Progress
        Told of files written.

    Returns
    -------
    str
        The content hash.

    Raises
    ------
    BadDataset
        Something in ``dataset`` is wrong; nothing is written.
    OutOfResources
        The disk is full; nothing is left behind.
    """
    check_dataset(dataset)
    digest = content_hash(dataset)
    with whole_folder(folder) as scratch:
        writer = Writer(scratch, progress, _count_files(dataset))
        names = _write_stimuli(dataset.stimuli, writer)
        writer.write("stimuli.parquet", frame_bytes(stimuli_frame(dataset.stimuli, names)))
        writer.write("units.parquet", frame_bytes(units_frame(dataset.units, dataset.regions)))
        if dataset.timeline is not None:
            writer.write(SAMPLES, frame_bytes(samples_frame(dataset.timeline)))
        if dataset.responses is not None:
            for subject, values in dataset.responses.values.items():
                writer.array(f"responses/{subject}.npy", values)
            for subject, values in dataset.responses.repeats.items():
                writer.array(f"repeats/{subject}.npy", values)
            for band, own in dataset.responses.nuisances.items():
                for subject, values in own.items():
                    writer.array(f"nuisances/{band}/{subject}.npy", values)
        for name, rdms in dataset.rdms.items():
            writer.array(f"rdms/{name}.npy", rdms.values)
        extra = {k: v for k, v in dataset.extra.items() if k not in _KEPT_ELSEWHERE}
        for name in [k for k, v in extra.items() if isinstance(v, np.ndarray)]:
            writer.array(f"extra/{name}.npy", extra.pop(name))
        writer.write("PROVENANCE.md", _provenance(dataset).encode())
        manifest = _manifest(dataset, digest, recipe, extra, writer.entries)
        fields = manifest.model_dump(mode="json", exclude_none=True)
        (scratch / MANIFEST).write_bytes(tomli_w.dumps(fields).encode())
    return digest


def read_pack(folder: Path) -> Dataset:
    """Open a pack: tables are read and hashed, arrays memory-mapped, other files checked by size only.

    Raises
    ------
    BadDataset
        Not a pack, a version not known, a path that leaves the folder, a file that is missing, of another
        size or shape, a table that was changed, or a split that cannot be made.
    """
    manifest = read_manifest(folder)
    listed = {entry.path: entry for entry in manifest.files}
    for entry in manifest.files:
        _check_file(folder, entry, hashed=entry.path in (*_TABLES, SAMPLES))
    for needed in (*_TABLES, *([SAMPLES] if manifest.timeline else [])):
        if needed not in listed:
            raise BadDataset(
                f"{needed} is not in the list of files.", where=str(folder / MANIFEST), code="manifest"
            )
    dataset = _dataset(folder, manifest, set(listed))
    _check_shapes(dataset, manifest, folder)
    dataset.split()
    return dataset


def copy_pack(folder: Path, target: Path, *, progress: Progress = silent) -> None:
    """Copy the files a pack lists (and no others) to ``target``, whole or not at all; hashes are checked again.

    Raises
    ------
    BadDataset
        A file was changed since it was listed.
    OutOfResources
        The disk is full; nothing is left behind.
    """
    manifest = read_manifest(folder)
    with whole_folder(target) as scratch:
        for i, entry in enumerate(manifest.files):
            _check_file(folder, entry, hashed=False)
            (scratch / entry.path).parent.mkdir(parents=True, exist_ok=True)
            # copyfile follows links and keeps no foreign permissions.
            shutil.copyfile(folder / entry.path, scratch / entry.path)
            _check_file(scratch, entry, hashed=True)
            progress("copy pack", i + 1, len(manifest.files))
        shutil.copyfile(folder / MANIFEST, scratch / MANIFEST)


def check_pack(folder: Path, *, progress: Progress = silent) -> list[UserError]:
    """All faults of a pack, every file hashed and every array looked at; empty for a sound one."""
    faults: list[UserError] = []
    try:
        manifest = read_manifest(folder)
    except BadDataset as error:
        return [error]
    for i, entry in enumerate(manifest.files):
        progress("verify files", i, len(manifest.files))
        try:
            _check_file(folder, entry, hashed=True)
        except BadDataset as error:
            faults.append(error)
    progress("verify files", len(manifest.files), len(manifest.files))
    if faults:
        return faults
    try:
        dataset = read_pack(folder)
        check_dataset(dataset)
    except UserError as error:
        return [error]
    if (found := content_hash(dataset)) != manifest.content_hash:
        faults.append(
            BadDataset(
                f"the content's hash is {found[:16]}..., dataset.toml says {manifest.content_hash[:16]}...",
                where=str(folder / MANIFEST),
                mend="Write the pack again with `gyral.datasets.pack.write_pack`.",
                code="content-hash",
            )
        )
    return faults


def verify_pack(folder: Path, *, progress: Progress = silent) -> Dataset:
    """Hash every file, look at every number, and return the dataset.

    Raises
    ------
    BadDataset
        The first fault `check_pack` finds.
    """
    for fault in check_pack(folder, progress=progress):
        raise fault
    return read_pack(folder)


def _write_stimuli(stimuli: StimulusSet, writer: Writer) -> list[str] | None:
    """Copy the files of images or sounds into the pack; their paths there, in order."""
    if stimuli.files is None:
        return None
    stimuli.verify()
    names = []
    for i, (item, file, digest) in enumerate(zip(stimuli.ids, stimuli.files, stimuli.hashes, strict=True)):
        stem = item if is_safe_name(item) else f"{i + 1:06d}"
        names.append(f"stimuli/{stem}{file.suffix.lower()}")
        writer.write(names[-1], file.read_bytes(), digest)
    return names


def _manifest(
    dataset: Dataset, digest: str, recipe: str, extra: Mapping[str, Any], files: list[FileEntry]
) -> Manifest:
    responses = dataset.responses
    return Manifest(
        content_hash=digest,
        recipe=recipe,
        constant_units=count_constant_units(dataset),
        about=dataset.about,
        split=SplitEntry(kind=dataset.split_kind, folds=dataset.split_folds, gap=dataset.split_gap),
        stimuli=StimuliEntry(
            modality=dataset.stimuli.modality,
            count=len(dataset.stimuli),
            degrees=dataset.stimuli.degrees,
            position=dataset.stimuli.position,
        ),
        responses=None
        if responses is None
        else ResponsesEntry(
            kind=responses.kind,
            physical_unit=responses.physical_unit,
            subjects=responses.subjects,
            repeats=tuple(responses.repeats),
            nuisances=tuple(responses.nuisances),
        ),
        rdms=tuple(RdmsEntry(region=n, kind=r.kind, subjects=r.subjects) for n, r in dataset.rdms.items()),
        regions=tuple(RegionEntry(name=r.name, path=r.path, title=r.title) for r in dataset.regions),
        time=None if dataset.time is None else TimeEntry(times=dataset.time.times, window=dataset.time.window),
        timeline=None if dataset.timeline is None else timeline_entry(dataset.timeline),
        published=dataset.published,
        benchmark=dataset.extra.get("benchmark"),
        extra=dict(extra),
        files=tuple(sorted(files, key=lambda f: f.path)),
    )


def _dataset(folder: Path, manifest: Manifest, listed: set[str]) -> Dataset:
    def array(path: str) -> NDArray[Any]:
        if path not in listed:
            raise BadDataset(f"{path} is not in the list of files.", where=str(folder / MANIFEST), code="manifest")
        try:
            mapped: NDArray[Any] = np.load(folder / path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise BadDataset(f"not a plain .npy array: {error}.", where=str(folder / path)) from None
        return mapped

    units, regions = _units(read_frame(folder / "units.parquet"), manifest)
    entry = manifest.responses
    responses = None
    if entry is not None:
        responses = Responses(
            kind=entry.kind,
            physical_unit=entry.physical_unit,
            values={s: array(f"responses/{s}.npy") for s in entry.subjects},
            repeats={s: array(f"repeats/{s}.npy") for s in entry.repeats},
            nuisances={b: {s: array(f"nuisances/{b}/{s}.npy") for s in entry.subjects} for b in entry.nuisances},
        )
    rdms = {
        r.region: RegionRdms(r.region, r.kind, array(f"rdms/{r.region}.npy"), r.subjects) for r in manifest.rdms
    }
    extra = {**manifest.extra, "constant_units": manifest.constant_units}
    extra |= {Path(p).stem: array(p) for p in sorted(listed) if p.startswith("extra/")}
    if manifest.benchmark is not None:
        extra["benchmark"] = manifest.benchmark
    return Dataset(
        about=manifest.about,
        stimuli=stimuli_from(read_frame(folder / "stimuli.parquet"), manifest, folder, listed),
        responses=responses,
        rdms=rdms,
        units=units,
        regions=regions,
        published=manifest.published,
        split_kind=manifest.split.kind,
        split_folds=manifest.split.folds,
        split_gap=manifest.split.gap,
        timeline=None
        if manifest.timeline is None
        else timeline_from(read_frame(folder / SAMPLES), manifest.timeline, str(folder / SAMPLES)),
        time=None if manifest.time is None else TimeAxis(manifest.time.times, manifest.time.window),
        content_hash=manifest.content_hash,
        root=folder,
        extra=extra,
    )


def _units(frame: pd.DataFrame, manifest: Manifest) -> tuple[pd.DataFrame, tuple[Region, ...]]:
    membership = [set(names) for names in frame.pop("regions")]
    known = {r.name for r in manifest.regions}
    if unknown := sorted(set().union(*membership) - known):
        raise BadDataset(f"units.parquet names regions that dataset.toml lacks: {unknown[:3]!r}.", where="units")
    regions = tuple(
        Region(r.name, np.flatnonzero([r.name in m for m in membership]), r.path, r.title)
        for r in manifest.regions
    )
    return frame, regions


def _check_file(folder: Path, entry: FileEntry, *, hashed: bool) -> None:
    path = folder / entry.path
    if not path.is_file():
        raise BadDataset("the file is missing.", where=str(path), mend=_AGAIN, code="file-missing")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadDataset("the file is a link out of the pack.", where=str(path), code="path-escapes")
    if (size := path.stat().st_size) != entry.size:
        raise BadDataset(
            f"the file has {size} bytes, dataset.toml says {entry.size}.",
            where=str(path),
            mend=_AGAIN,
            code="file-size",
        )
    if hashed and (found := hash_file(path)) != entry.sha256:
        raise BadDataset(
            f"sha256 is {found[:16]}..., dataset.toml says {entry.sha256[:16]}...",
            where=str(path),
            mend=_AGAIN,
            code="file-hash",
        )


_AGAIN = (
    "The pack was changed after it was built: build it again with `gyral data fetch NAME --force`, or "
    "`gyral data build` of your own files."
)


def _check_shapes(dataset: Dataset, manifest: Manifest, folder: Path) -> None:
    """Shapes only (headers of memory-mapped arrays): what `read_pack` can afford."""
    samples, where = dataset.samples, str(folder)
    if (count := len(dataset.stimuli)) != manifest.stimuli.count:
        raise BadDataset(f"{count} stimuli, dataset.toml says {manifest.stimuli.count}.", where=where)
    if dataset.timeline is not None:
        check_timeline(dataset.timeline, dataset.stimuli)
    responses = dataset.responses
    if responses is not None:
        for subject, values in responses.values.items():
            if values.ndim != 2 or len(values) != samples:
                raise BadDataset(
                    f"shape {values.shape!r} does not fit {dataset.named_samples} (samples x units).",
                    where=f"{where}/responses/{subject}.npy",
                )
        for band, own in responses.nuisances.items():
            for subject, values in own.items():
                if values.ndim != 2 or len(values) != samples:
                    raise BadDataset(
                        f"shape {values.shape!r} does not fit {dataset.named_samples} (samples x columns).",
                        where=f"{where}/nuisances/{band}/{subject}.npy",
                    )
        if responses.n_units != len(dataset.units):
            raise BadDataset(
                f"{responses.n_units} units measured, {len(dataset.units)} in units.parquet.", where=where
            )
    for name, rdms in dataset.rdms.items():
        if rdms.values.ndim != 4 or rdms.values.shape[2:] != (samples, samples):
            raise BadDataset(f"shape {rdms.values.shape!r} is wrong.", where=f"{where}/rdms/{name}.npy")


def _count_files(dataset: Dataset) -> int:
    arrays = 0 if dataset.responses is None else len(dataset.responses.values) + len(dataset.responses.repeats)
    if dataset.responses is not None:
        arrays += sum(len(own) for own in dataset.responses.nuisances.values())
    extra = sum(isinstance(v, np.ndarray) for v in dataset.extra.values())
    return (
        len(dataset.stimuli.files or ()) + arrays + len(dataset.rdms) + extra + 3 + (dataset.timeline is not None)
    )


def _provenance(dataset: Dataset) -> str:
    text = dataset.extra.get("provenance")
    if isinstance(text, str):
        return text
    about = dataclasses.asdict(dataset.about)
    lines = [f"- {key}: {about[key]}" for key in ("licence", "citation", "url", "species") if about[key]]
    return "\n".join([f"# {dataset.about.title}", "", dataset.about.description, "", *lines, ""])
