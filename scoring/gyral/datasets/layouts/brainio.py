"""BrainIO assemblies (Brain-Score): netCDF-4 with coordinates, and a stimulus set as a table of files or sentences."""

import re
from pathlib import Path

import numpy as np

from gyral.datasets.layouts.layout import Draft, Layout, Published, described, relative
from gyral.datasets.readers.brainio import assembly
from gyral.datasets.readers.files import read_table, texts
from gyral.datasets.source import TODO

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
    files = sorted(p for p in folder.glob("**/*.nc") if not any(s.startswith(".") for s in p.parts))
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


LAYOUT = Layout("BrainIO netCDF", lambda name: name.endswith(".nc"), draft)
