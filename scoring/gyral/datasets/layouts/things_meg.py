"""THINGS-MEG (Hebart et al. 2023): preprocessed epochs in FIF, a file (and its pieces) a participant, with metadata."""

import re
from pathlib import Path, PurePosixPath

import numpy as np

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative
from gyral.datasets.readers.mne_cut import close_epochs
from gyral.datasets.readers.mne_files import open_recording, reading
from gyral.datasets.source import TODO
from gyral.errors import BadDataset

_FILE = re.compile(r"(?:^|/)preprocessed_(P\d+)-epo\.fif$")
_PUBLISHED = Published(
    name="things-meg",
    title="THINGS-MEG",
    description=(
        "Four people saw images of 1,854 object concepts over twelve sessions; 271 axial gradiometers, 0.1 to 40 Hz, -100 to 1300 ms, "
        "z-scored by the time before onset, 200 Hz. Here: the test images, once a session each."
    ),
    citation=(
        "Hebart, Contier, Teichmann et al. (2023). THINGS-data, a multimodal collection of large-scale datasets for investigating "
        "object representations in human brain and behavior. eLife 12, e82580."
    ),
    url="https://openneuro.org/datasets/ds004212",
)
# Third letter of a sensor's name in the CTF system.
_GROUPS = {"occipital": "M?O*", "temporal": "M?T*", "parietal": "M?P*", "frontal": "M?F*", "central": "M?C*"}


def draft(folder: Path) -> Draft:
    """A description of the test images of all participants found.

    Raises
    ------
    BadDataset
        The epochs have no metadata with ``image_path`` and ``trial_type`` (``layout``).
    """
    files = sorted(p for p in folder.glob("**/preprocessed_P*-epo.fif") if _FILE.search(relative(folder, p)))
    subjects = [p.name.removeprefix("preprocessed_").removesuffix("-epo.fif") for p in files]
    with reading(str(files[0])):
        held = open_recording(files[0])[1]
    close_epochs(held)
    table, times = held.metadata, held.times
    if table is None or not {"image_path", "trial_type"} <= set(table):
        raise BadDataset(
            "its epochs have no metadata with columns image_path and trial_type.",
            where=str(files[0]),
            mend="The published files have; others can be described by hand with reader 'mne'.",
            code="layout",
        )
    kinds = sorted(set(table["trial_type"].astype(str)))
    paths = sorted(set(table.loc[table["trial_type"].astype(str) == "test", "image_path"].astype(str)))
    rows = [(p, _found(folder, p), PurePosixPath(p).stem.rpartition("_")[0]) for p in paths]
    sensors = held.ch_names
    groups = {n: p for n, p in _GROUPS.items() if any(s[2:3] == p[2] for s in sensors)}
    tables = [
        ("stimuli", {"modality": "image", "table": "stimuli.csv", "file": "file", "group": "concept"}),
        (
            "responses",
            {
                "reader": "mne",
                "kind": "MEG",
                "unit": "z",
                "subjects": subjects,
                "files": relative(folder, files[0].with_name("preprocessed_{subject}-epo.fif")),
                "stimulus": "image_path",
                "where": {"trial_type": "test"},
            },
        ),
        (
            "epochs",
            {
                "start": float(np.round(times[0], 6)),
                "stop": float(np.round(times[-1], 6)),
                "window": [0.0, float(np.round(times[-1], 6))],
                "picks": "mag",
                "baseline": "none",
            },
        ),
        (
            "regions",
            [
                {"name": "all sensors", "path": ["sensors"], "all": True},
                *({"name": n, "path": ["sensors"], "sensors": [p]} for n, p in groups.items()),
            ],
        ),
        ("split", {"kind": "grouped", "folds": 5}),
    ]
    notes = (
        f"THINGS-MEG. Kinds of trials in the file: {', '.join(kinds)}. Only test images were shown more than once: they have noise",
        "ceilings. For others write their image_path into stimuli.csv and change responses.where; every image then takes room for",
        "as many presentations as the most often shown one has.",
    )
    return Draft(described(_PUBLISHED, tables, notes), {"stimuli.csv": csv("id,file,concept", rows)})


def _found(folder: Path, path: str) -> str:
    """Where an image of the metadata lies below the folder; marked where it does not."""
    name = PurePosixPath(path).name
    here = next((p for p in (folder / path, *sorted(folder.glob(f"**/{name}"))) if p.is_file()), None)
    return TODO if here is None else relative(folder, here)


LAYOUT = Layout("THINGS-MEG", lambda name: _FILE.search(name) is not None, draft)
