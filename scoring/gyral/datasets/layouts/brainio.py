"""BrainIO assemblies (Brain-Score): netCDF-4 with coordinates, and a stimulus set as a table of files or sentences.

Other netCDF is described as a plain array, whose dimensions the owner names.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from gyral.datasets.layouts.layout import IMAGES, Draft, Layout, Published, csv, described, relative
from gyral.datasets.readers.brainio import BRAINIO, assembly, why_no_netcdf
from gyral.datasets.readers.files import read_table, texts
from gyral.datasets.source import TODO
from gyral.errors import BadDataset

_IDS = ("stimulus_id", "image_id")
_SUBJECTS = ("subject", "animal")
_REGIONS = ("region", "atlas")
_NOTES = (
    "A BrainIO assembly. Unpack the zip of its stimulus set below this folder, and lay its csv beside it. The licence is that of",
    "the data behind the assembly.",
)


def draft(folder: Path) -> Draft:
    """A description of the assemblies in a folder, one file after the other.

    Raises
    ------
    BadDataset
        As `gyral.datasets.readers.brainio.assembly`.
    """
    files = [f for f in _shown_files(folder, (".nc",)) if not why_no_netcdf(f)]
    try:
        return _assemblies(folder, files)
    except BadDataset as error:
        if error.code == "assembly":
            return _arrays(folder, files, error)
        if error.code == "netcdf-version" and (why := _why_no_assembly(files[0])) is not None:
            return _arrays(folder, files, why)
        raise


def _shown_files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Files with such names that are not hidden, in the order of their paths."""
    found = sorted(p for p in folder.glob("**/*") if p.name.lower().endswith(endings) and p.is_file())
    return [p for p in found if not any(s.startswith(".") for s in p.relative_to(folder).parts)]


def _why_no_assembly(path: Path) -> BadDataset | None:
    """What a netCDF-3 file that can be read as a plain array lacks of an assembly; None where it is one, or of no known version."""
    try:
        with assembly(path, replace(BRAINIO, classic=True)):
            return None
    except BadDataset as error:
        return error if error.code == "assembly" else None


def _arrays(folder: Path, files: list[Path], why: BadDataset) -> Draft:
    """A description of arrays that are no assemblies."""
    responses: dict[str, object] = {
        "reader": "netcdf",
        "kind": TODO,
        "unit": TODO,
        "subjects": ["subject-01"],
        "files": [relative(folder, f) for f in files] if len(files) > 1 else relative(folder, files[0]),
        "key": TODO,
        "dimensions": [TODO, TODO],
        "stimulus": TODO,
    }
    notes = (
        f"netCDF. {files[0].name} is no assembly of Brain-Score's: {why.mend or ''}",
        "`key` is the variable that holds the responses, `dimensions` are that of trials and that of units, `stimulus` is a variable along trials.",
    )
    published = Published(
        re.sub(r"[^a-z0-9.]+", "-", files[0].stem.lower()).strip(".-") or "arrays", TODO, TODO, TODO, ""
    )
    regions = [{"name": "all", "all": True}]
    stimuli, others = _stimuli(folder), dict[str, str]()
    if stimuli["table"] == TODO and (images := _shown_files(folder, IMAGES)):
        stimuli = {"modality": "image", "table": "stimuli.csv", "id": "id", "file": "file"}
        others["stimuli.csv"] = csv("id,file", [(p.stem, relative(folder, p)) for p in images])
    tables = [("stimuli", stimuli), ("responses", responses), ("regions", regions)]
    return Draft(described(published, tables, notes), others)


def _assemblies(folder: Path, files: list[Path]) -> Draft:
    with assembly(files[0]) as held:
        rows = {str(c) for c in held.coords if held.coords[c].dims == ("presentation",)}
        columns = {str(c) for c in held.coords if held.coords[c].dims == ("neuroid",)}
        subject = next((n for n in _SUBJECTS if n in columns), None)
        subjects = ["subject-01"]
        if subject is not None:
            subjects = [str(v) for v in np.unique(held.coords[subject].values.astype(str))]
        bins = held.sizes.get("time_bin", 1)
        named = str(held.attrs.get("identifier", files[0].stem.removeprefix("assy_")))
    responses: dict[str, object] = {
        "reader": "brainio",
        "kind": TODO,
        "unit": TODO,
        "subjects": subjects,
        "files": [relative(folder, f) for f in files] if len(files) > 1 else relative(folder, files[0]),
        "stimulus": next((n for n in _IDS if n in rows), TODO),
    }
    if subject is not None:
        responses["subject_name"] = subject
    if bins > 1:
        responses["time_bin"] = TODO
    region = next((n for n in _REGIONS if n in columns), None)
    regions = [{"name": "all", "all": True}, *([{"column": region}] if region else [])]
    published = Published(
        re.sub(r"[^a-z0-9.]+", "-", named.lower()).strip(".-") or "assembly",
        named,
        TODO,
        TODO,
        "https://www.brain-score.org/",
    )
    tables = [("stimuli", _stimuli(folder)), ("responses", responses), ("regions", regions)]
    return Draft(described(published, tables, _NOTES))


def _stimuli(folder: Path) -> dict[str, object]:
    """The stimulus set, where its table is here."""
    for path in sorted(folder.glob("**/*.csv")):
        table = read_table(path)
        key = next((n for n in _IDS if n in table), None)
        if key is None:
            continue
        told: dict[str, object] = {"table": relative(folder, path), "id": key}
        if "story" in table:  # sentences of one topic: never on both sides of a split
            told["group"] = "story"
        if "sentence" in table:
            return {"modality": "text", **told, "text": "sentence"}
        if "filename" in table and len(table):
            first = texts(table, "filename", path)[0]
            place = next((p for p in sorted(folder.glob(f"**/{Path(first).name}")) if p.is_file()), None)
            told |= {"modality": "image", "file": "filename"}
            home = None if place is None else relative(folder, place).removesuffix(first).rstrip("/")
            return told | ({"folder": home if place is not None else TODO} if home != "" else {})
    return {"modality": TODO, "table": TODO, "id": TODO}


LAYOUT = Layout("netCDF (assemblies of BrainIO, or plain arrays)", lambda name: name.endswith(".nc"), draft)
