"""THINGS-EEG2 (Gifford et al. 2022): preprocessed EEG, a dictionary a subject and partition, and its image metadata."""

import re
from pathlib import Path

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative, the_folder
from gyral.datasets.readers.pickled import array_in, load_dictionary, texts_in
from gyral.errors import BadDataset

_FILE = "preprocessed_eeg_training.npy"
_PUBLISHED = Published(
    name="things-eeg2",
    title="THINGS-EEG2",
    description=(
        "Ten people saw 16,540 images of 1,654 object concepts four times each, in rapid series; preprocessed EEG, whitened over "
        "channels."
    ),
    citation=(
        "Gifford, Dwivedi, Roig & Cichy (2022). A large and rich EEG dataset for modeling human visual object recognition. "
        "NeuroImage 264, 119754."
    ),
    url="https://doi.org/10.1016/j.neuroimage.2022.119754",
)
_NOTES = (
    "THINGS-EEG2, training partition (every image four times). The test partition (200 images, 80 times each) is read",
    "the same way: name preprocessed_eeg_test.npy in files, and its images in both tables. Both together need room for 80",
    "presentations of every image.",
    "The published preprocessing whitens channels by covariances of training AND test trials, in each session: responses",
    "to held-out images have met the covariance. Preprocess again with training covariances alone if that matters to you.",
)


def draft(folder: Path) -> Draft:
    """A description of the training partition of all subjects found.

    Raises
    ------
    BadDataset
        ``image_metadata.npy`` or the images are not there (``layout``), or files do not hold what they should.
    """
    files = sorted(folder.glob(f"**/sub-*/{_FILE}"))
    subjects = [p.parent.name for p in files]
    base = files[0].parent.parent
    pattern = relative(folder, base / "{subject}" / _FILE)
    metadata = the_folder(folder, "**/image_metadata.npy", "table of images")
    images = the_folder(folder, "**/training_images", "folder of training images")
    told = load_dictionary(metadata)
    names = texts_in(told, "train_img_files", metadata)
    folders = texts_in(told, "train_img_concepts", metadata)
    concepts = texts_in(told, "train_img_concepts_THINGS", metadata)
    if not len(names) == len(folders) == len(concepts):
        raise BadDataset(
            f"{len(names)} files, {len(folders)} folders and {len(concepts)} concepts.",
            where=str(metadata),
            code="layout",
        )
    ids = [name.rpartition(".")[0] for name in names]
    rows = [
        (i, relative(folder, images / f / n), c) for i, f, n, c in zip(ids, folders, names, concepts, strict=True)
    ]
    times = array_in(load_dictionary(files[0]), "times", files[0], 1)
    stop = float(times[-1])
    tables = [
        ("stimuli", {"modality": "image", "table": "stimuli.csv", "file": "file", "group": "concept"}),
        (
            "responses",
            {
                "reader": "things-eeg2",
                "kind": "EEG",
                "unit": "a.u.",
                "subjects": subjects,
                "files": pattern,
                "trials": "conditions.csv",
            },
        ),
        (
            "epochs",
            {
                "start": round(float(times[0]), 6),
                "stop": round(stop, 6),
                "window": [0.0, round(stop, 6)],
                "montage": _montage(),
            },
        ),
        (
            "regions",
            [
                {"name": "all sensors", "path": ["sensors"], "all": True},
                {"name": "occipital", "path": ["sensors"], "sensors": ["O*"]},
            ],
        ),
        ("split", {"kind": "grouped", "folds": 5}),
    ]
    others = {"stimuli.csv": csv("id,file,concept", rows), "conditions.csv": csv("stimulus", [(i,) for i in ids])}
    return Draft(described(_PUBLISHED, tables, _NOTES), others)


def _montage() -> str:
    """mne's montage of the 10-05 system, by which channels get places from their names; newer versions name it anew."""
    from mne.channels import get_builtin_montages  # slow import, only for this layout

    return next(n for n in ("colin27_1005", "standard_1005") if n in get_builtin_montages())


LAYOUT = Layout("THINGS-EEG2", lambda name: re.search(rf"(?:^|/)sub-\d+/{_FILE}$", name) is not None, draft)
