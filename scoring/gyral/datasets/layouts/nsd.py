"""Natural Scenes Dataset (Allen et al. 2022): single-trial betas of volumes in HDF5 or NIfTI, a file a session."""

import re
from collections import defaultdict
from pathlib import Path

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative
from gyral.datasets.readers.files import numbers, read_table, texts
from gyral.errors import BadDataset

_BETAS = re.compile(r"nsddata_betas/ppdata/(subj\d\d)/(func[^/]+)/([^/]+)/betas_session(\d\d)\.(hdf5|nii\.gz)$")
_DESIGN = "nsddata/ppdata/{subject}/behav/responses.tsv"
_STIMULI = "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
_INFO = "nsddata/experiments/nsd/nsd_stim_info_merged.csv"
_PUBLISHED = Published(
    name="nsd",
    title="Natural Scenes Dataset",
    description=(
        "Eight people saw up to 10,000 natural scenes three times each at 7 T over 30 to 40 sessions; single-trial betas, z-scored a "
        "session."
    ),
    citation=(
        "Allen et al. (2022). A massive 7T fMRI dataset to bridge cognitive neuroscience and artificial intelligence. "
        "Nature Neuroscience 25, 116-126."
    ),
    url="https://naturalscenesdataset.org/",
)
_NOTES = (
    "NSD betas. Numbers in the files are % signal change x 300 (whole numbers): they are divided, then z-scored a session, as NSD's own",
    "noise ceiling is computed. Trials are those of the sessions that lie here: run `gyral data init --force` after adding more.",
)


def draft(folder: Path) -> Draft:
    """A description of all subjects and sessions found, in one space and one version of the betas.

    Raises
    ------
    BadDataset
        Betas of several spaces, versions or formats, no behaviour file, or sessions that it does not know (``layout``).
    """
    found = [
        m for p in folder.glob("nsddata_betas/ppdata/subj*/func*/*/betas_session*") if (m := _match(folder, p))
    ]
    kinds = sorted({(m[2], m[3], m[5]) for m in found})
    if len(kinds) > 1:
        named = ", ".join(f"{space}/{version} (.{ending})" for space, version, ending in kinds)
        raise BadDataset(
            f"betas of {len(kinds)} kinds: {named}; a pack is of one.",
            where=str(folder),
            mend="Move the others away.",
            code="layout",
        )
    space, version, ending = kinds[0]
    sessions: dict[str, list[int]] = defaultdict(list)
    for match in found:
        sessions[match[1]].append(int(match[4]))
    others, shown = dict[str, str](), set[int]()
    for subject, wanted in sorted(sessions.items()):
        design = folder / _DESIGN.replace("{subject}", subject)
        if not design.is_file():
            raise BadDataset("no file says what was shown when.", where=str(design), code="layout")
        rows = _trials(design, sorted(wanted))
        shown |= {image for image, _ in rows}
        others[f"{subject}_trials.csv"] = csv("stimulus,session", [(_name(i), s) for i, s in rows])
    known = _shared(folder)
    others["stimuli.csv"] = csv("id,place,shared1000", [(_name(i), i, known.get(i, "")) for i in sorted(shown)])
    ppdata = f"nsddata/ppdata/{{subject}}/{space}"
    betas = f"nsddata_betas/ppdata/{{subject}}/{space}/{version}"
    subjects = sorted(sessions)
    stimuli: dict[str, object] = {
        "modality": "image",
        "table": "stimuli.csv",
        "pixels": {"file": _STIMULI, "key": "imgBrick", "row": "place"},
        "columns": ["shared1000"] if known else [],
        "degrees": 8.4,
    }
    responses: dict[str, object] = {
        "reader": "images",
        "kind": "fMRI",
        "unit": "z",
        "subjects": subjects,
        "files": f"{betas}/betas_session*.{ending}",
        "trials": "{subject}_trials.csv",
        "divide": 300.0,
        "zscore": "file",
        "not_a_number": "drop",
    }
    if len(subjects) > 1:
        stimuli["unseen"] = "drop"
    if ending == "hdf5":
        responses["key"] = "betas"
    masks = [f"{ppdata}/roi/nsdgeneral.nii.gz", f"{ppdata}/brainmask.nii.gz"]
    responses["mask"] = next((m for m in masks if _all_have(folder, m, subjects)), masks[0])
    if _all_have(folder, f"{betas}/ncsnr.nii.gz", subjects):
        responses["unit_images"] = {"ncsnr": f"{betas}/ncsnr.nii.gz"}
    tables = [("stimuli", stimuli), ("responses", responses), ("regions", _regions(folder, ppdata, subjects))]
    return Draft(described(_PUBLISHED, tables, _NOTES), others)


def _match(folder: Path, path: Path) -> re.Match[str] | None:
    return _BETAS.search(relative(folder, path))


def _name(image: int) -> str:
    return f"nsd-{image:05d}"


def _trials(design: Path, sessions: list[int]) -> list[tuple[int, int]]:
    """Image (from 0) and session of every trial of some sessions, in order."""
    table = read_table(design)
    session, image = numbers(table, "SESSION", design), numbers(table, "73KID", design)
    if missing := [s for s in sessions if s not in session]:
        raise BadDataset(f"sessions {missing[:5]!r} are not in it.", where=str(design), code="layout")
    # 73k IDs count from 1, places in the file of images from 0
    return [(int(i) - 1, int(s)) for s, i in zip(session, image, strict=True) if int(s) in sessions]


def _shared(folder: Path) -> dict[int, str]:
    """Which images all subjects were to see, by place; empty where the table is not here."""
    path = folder / _INFO
    if not path.is_file():
        return {}
    table = read_table(path)
    place, shared = numbers(table, "nsdId", path), texts(table, "shared1000", path)
    return {int(p): str(int(s.strip().lower() in ("true", "1"))) for p, s in zip(place, shared, strict=True)}


def _regions(folder: Path, ppdata: str, subjects: list[str]) -> list[dict[str, object]]:
    """All voxels, and every label image that has a table of names for all subjects."""
    regions: list[dict[str, object]] = [{"name": "all voxels", "all": True}]
    home = folder / ppdata.replace("{subject}", subjects[0]) / "roi"
    for path in sorted(home.glob("*.nii.gz")):
        name = path.name.removesuffix(".nii.gz")
        labels = f"nsddata/freesurfer/{{subject}}/label/{name}.mgz.ctab"
        image = f"{ppdata}/roi/{path.name}"
        if not name.startswith(("lh.", "rh.")) and all(_all_have(folder, p, subjects) for p in (image, labels)):
            regions.append({"atlas": image, "labels": labels, "path": [name], "smaller": "drop"})
    return regions


def _all_have(folder: Path, pattern: str, subjects: list[str]) -> bool:
    return all((folder / pattern.replace("{subject}", s)).is_file() for s in subjects)


LAYOUT = Layout("NSD betas", lambda name: _BETAS.search(name) is not None, draft)
