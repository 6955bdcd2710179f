"""THINGS-fMRI (Hebart et al. 2023): single-trial betas as a table of voxels x trials in HDF5, with tables of voxels and trials."""

import re
from pathlib import Path

import numpy as np

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative
from gyral.datasets.readers.files import numbers, read_table, texts
from gyral.datasets.readers.hdf5 import opened
from gyral.datasets.source import TODO
from gyral.errors import BadDataset

# Names on figshare, and on OpenNeuro.
_FILE = re.compile(r"(?:^|/)(sub-\d+)(?:_ResponseData|_task-things_voxel-wise-responses)\.h5$")
_BESIDE = {
    "_ResponseData.h5": ("_VoxelMetadata", "_StimulusMetadata"),
    "_task-things_voxel-wise-responses.h5": ("_task-things_voxel-metadata", "_task-things_stimulus-metadata"),
}
_RETINOTOPIC = ("V1", "V2", "V3", "hV4", "VO1", "VO2", "LO1 (prf)", "LO2 (prf)", "TO1", "TO2", "V3a", "V3b")
_BY_CATEGORY = ("EBA", "FFA", "OFA", "STS", "PPA", "RSC", "TOS", "LOC")  # a column a hemisphere: lFFA, rFFA
_PUBLISHED = Published(
    name="things-fmri",
    title="THINGS-fMRI",
    description=(
        "Three people saw 8,640 images of 720 object concepts once and 100 images in each of twelve sessions, 3 T; single-trial betas, "
        "z-scored a session, voxels of localised regions."
    ),
    citation=(
        "Hebart, Contier, Teichmann et al. (2023). THINGS-data, a multimodal collection of large-scale datasets for investigating "
        "object representations in human brain and behavior. eLife 12, e82580."
    ),
    url="https://doi.org/10.25452/figshare.plus.c.6161151",
)
_NOTES = (
    "THINGS-fMRI. Only test images were shown more than once: they have noise ceilings, and make room for twelve presentations of every",
    'image. `where = { trial_type = "test" }` under [responses] keeps the test images alone (stimuli.csv must be cut to them).',
    "Units are the voxels of the regions below (`outside`). The table of voxels has areas of Glasser et al. too: flags = ['glasser-V1'].",
)


def draft(folder: Path) -> Draft:
    """A description of all people found: images by file name, concepts as groups, regions by the flags that all tables have.

    Raises
    ------
    BadDataset
        A table beside the betas is missing or lacks a column, the betas are no table of voxels x trials in its order
        (``layout``).
    Unavailable
        h5py is not installed.
    """
    found = sorted(p for p in folder.glob("**/sub-*.h5") if _FILE.search(relative(folder, p)))
    subjects = [p.name.partition("_")[0] for p in found]
    if len(set(subjects)) != len(subjects):
        raise BadDataset("a person's betas lie there twice.", where=str(folder), code="layout")
    keys, columns, shown = set[tuple[str, bool]](), list[set[str]](), dict[str, str]()
    voxel_tables, trial_tables = list[Path](), list[Path]()
    for path in found:
        ending = path.name.removeprefix(path.name.partition("_")[0])
        voxels, trials = (_beside(path, ending, name) for name in _BESIDE[ending])
        flags, told = read_table(voxels), read_table(trials)
        for name in ("stimulus", "trial_type", "session"):
            if name not in told:
                raise BadDataset(
                    f"no column {name!r}; there are {[str(c) for c in told][:8]!r}.",
                    where=str(trials),
                    code="layout",
                )
        keys.add(_table_of(path, numbers(flags, "voxel_id", voxels), len(told)))
        columns.append({str(c) for c in flags})
        concepts = texts(told, "concept", trials) if "concept" in told else [""] * len(told)
        for name, concept in zip(texts(told, "stimulus", trials), concepts, strict=True):
            shown.setdefault(name, concept or Path(name).stem.rpartition("_")[0])
        voxel_tables.append(voxels)
        trial_tables.append(trials)
    if len(keys) > 1:
        raise BadDataset(
            f"betas of different people lie differently: {sorted(keys)!r}.", where=str(folder), code="layout"
        )
    key, transposed = keys.pop()
    places = {p.name: p for p in folder.rglob("*") if p.name in shown and p.is_file()}
    rows = [(n, relative(folder, places[n]) if n in places else TODO, c) for n, c in sorted(shown.items())]
    responses: dict[str, object] = {
        "reader": "array",
        "kind": "fMRI",
        "unit": "z",
        "subjects": subjects,
        "files": _pattern(folder, found, subjects),
        "key": key,
        "transposed": transposed,
        "trials": _pattern(folder, trial_tables, subjects),
        "stimulus": "stimulus",
        "zscore_by": "session",
        "units_table": _pattern(folder, voxel_tables, subjects),
        "outside": "drop",
    }
    tables = [
        ("stimuli", {"modality": "image", "table": "stimuli.csv", "file": "file", "group": "concept"}),
        ("responses", responses),
        ("regions", _regions(set.intersection(*columns))),
        ("split", {"kind": "grouped", "folds": 5}),
    ]
    return Draft(described(_PUBLISHED, tables, _NOTES), {"stimuli.csv": csv("id,file,concept", rows)})


def _beside(path: Path, ending: str, name: str) -> Path:
    """The table of voxels or trials that belongs to betas."""
    stem = path.name.removesuffix(ending)
    for suffix in (".csv", ".tsv"):
        if (file := path.with_name(f"{stem}{name}{suffix}")).is_file():
            return file
    raise BadDataset(
        f"{path.name} has no {stem}{name}.csv beside it.",
        where=str(path.parent),
        mend="The three files of a person belong together; unpack the archive again.",
        code="layout",
    )


def _table_of(
    path: Path, voxels: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", trials: int
) -> tuple[str, bool]:
    """Where the betas stand in a file that pandas wrote, and whether voxels are its rows.

    pandas keeps columns of one type as a block (``block0_values``, names in ``block0_items``): betas in one, voxel_id in another.
    """
    with opened(path) as file:
        blocks = {}
        for group in file.values():
            for name in getattr(group, "keys", list)():
                if (
                    re.fullmatch(r"block\d+_values", name)
                    and group[name].dtype.kind == "f"
                    and group[name].ndim == 2
                ):
                    blocks[group[name].name.strip("/")] = group[name].shape
        if len(blocks) != 1:
            raise BadDataset(
                f"{len(blocks) or 'no'} tables of betas (block0_values); one is expected.",
                where=str(path),
                code="layout",
            )
        (key, shape), *_ = blocks.items()
        if shape not in ((len(voxels), trials), (trials, len(voxels))):
            raise BadDataset(
                f"{key!r} has shape {shape!r}; {len(voxels)} voxels x {trials} trials are expected by the tables beside it.",
                where=str(path),
                code="layout",
            )
        group = file[key].parent
        names = group[key.rpartition("/")[2].replace("_values", "_items")][()]
        own = [group[n][()] for n in group if re.fullmatch(r"block\d+_values", n) and group[n].dtype.kind in "iu"]
    _require_ascending(names, path)
    if len(own) == 1 and own[0].size == len(voxels) and not np.array_equal(own[0].ravel(), voxels):
        raise BadDataset("its voxel_id are not those of the table of voxels.", where=str(path), code="layout")
    return key, shape == (len(voxels), trials)


def _require_ascending(names: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", path: Path) -> None:
    """Columns are trials, called 0, 1, 2 ... in the order of the table of trials."""
    if not all(isinstance(n, bytes | str | int) for n in np.ravel(names).tolist()):
        return  # names of several types, which pandas pickles: they are not opened
    told = [n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in np.ravel(names).tolist()]
    numbered = [int(n) for n in told if n.isdigit()]
    if len(numbered) != len(told) or numbered != sorted(set(numbered)):
        raise BadDataset(
            f"columns of its table are called {told[:4]!r} ...; the numbers of trials, ascending, are expected.",
            where=str(path),
            code="layout",
        )


def _regions(columns: set[str]) -> list[dict[str, object]]:
    """All voxels that stay, retinotopic areas, and areas by category over both hemispheres."""
    regions: list[dict[str, object]] = []
    for name in _RETINOTOPIC:
        if name in columns:
            told: dict[str, object] = {
                "name": name,
                "path": ["visual", "retinotopic"],
                "flags": [name],
                "smaller": "drop",
            }
            regions.append(told)
    for name in _BY_CATEGORY:
        if flags := [f"{side}{name}" for side in "lr" if f"{side}{name}" in columns]:
            regions.append(
                {"name": name, "path": ["visual", "category-selective"], "flags": flags, "smaller": "drop"}
            )
    return regions


def _pattern(folder: Path, paths: list[Path], subjects: list[str]) -> str:
    """One pattern of all people's files."""
    patterns = {relative(folder, p).replace(s, "{subject}") for p, s in zip(paths, subjects, strict=True)}
    if len(patterns) > 1:
        raise BadDataset(
            f"files of different people are called differently: {sorted(patterns)!r}.",
            where=str(folder),
            code="layout",
        )
    return patterns.pop()


LAYOUT = Layout("THINGS-fMRI", lambda name: _FILE.search(name) is not None, draft)
