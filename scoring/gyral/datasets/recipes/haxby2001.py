"""Haxby et al. 2001, subject 1: one slice of ventral temporal BOLD, 8 categories in 12 runs. A page, no board."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.manifest import SplitEntry
from gyral.datasets.readers.files import read_table, texts
from gyral.datasets.readers.volume import load_image
from gyral.datasets.recipe import Recipe, SourceFile
from gyral.datasets.recipe import Source as Files
from gyral.datasets.source import RegionSource, ResponsesSource, Source, StimuliSource
from gyral.datasets.source_build import read_files

SUBJECT = "sub001"
TR = 2.5  # seconds
WINDOW = (5.0, 27.5)  # seconds after a block's first volume: the 22.5 s of the block, delayed by the blood
_DECIMALS = 5  # the last digits of a detrended number differ between machines; the content hash must not
_BOLD = "cbbd4d07803caaa9f77381af24e790cf77058664a128bd514a4c1668eefb92d7"
_MASK = "8d879d35aaeee3afddfb69a7e1b8dd2b3be446671452d7e841dc6588845f2877"
_RAW = "https://raw.githubusercontent.com/PyMVPA/PyMVPA/20f0335f98bbb59a0e11bc0b7a469edf8681a9a1/mvpa2/data/"

ABOUT = About(
    name="haxby2001",
    title="Faces, houses and six other categories",
    description=(
        "One person saw blocks of eight categories in 12 runs (BOLD, TR 2.5 s, 22.5 s a block). One slice of 40 x 20 "
        "voxels; a sample is a block: linear trend out and z per run, mean of 5 to 27.5 s after its start. Which "
        "picture was shown when is not published, so this set is for decoding and has a page, no board."
    ),
    version="0",
    licence="CC BY-SA 3.0",
    citation=(
        "Haxby, Gobbini, Furey, Ishai, Schouten & Pietrini (2001). Distributed and overlapping representations of "
        "faces and objects in ventral temporal cortex. Science 293, 2425-2430."
    ),
    url="https://github.com/PyMVPA/PyMVPA",
    species="human",
    display="none",
)

RECIPE = Recipe(
    name=ABOUT.name,
    title=ABOUT.title,
    about=ABOUT,
    content_hash="dbbde18854f0aa1f6225ce07ffd7dc4e28102b3d35b4d1187460fae4dd16ec36",
    licence="CC BY-SA 3.0",
    mirror=Files(
        folder="haxby2001_sub001",
        files=(
            SourceFile("half_slice_all_runs_bold.nii.gz", _BOLD),
            SourceFile("half_slice_mask.nii.gz", _MASK),
            SourceFile(
                "half_slice_labels.csv", "4543516cc84ae1901372cb499abbf8a25e1140215f1b9ac4bbf082e675323438"
            ),
        ),
        reader="gyral.datasets.recipes.haxby2001:read_mirror",
    ),
    public=Files(
        folder="haxby2001",
        files=(
            SourceFile("bold.nii.gz", _BOLD, _RAW + "bold.nii.gz"),
            SourceFile("mask.nii.gz", _MASK, _RAW + "mask.nii.gz"),
            SourceFile("attributes_literal.txt", None, _RAW + "attributes_literal.txt"),
        ),
        reader="gyral.datasets.recipes.haxby2001:read_public",
        verified=False,
    ),
)

PROVENANCE = """# Haxby et al. 2001, subject 1, one slice

- From: github PyMVPA/PyMVPA, commit 20f0335f98bbb59a0e11bc0b7a469edf8681a9a1: bold.nii.gz (40 x 20 x 1 x 1452),
  mask.nii.gz (530 voxels), attributes_literal.txt.
- Licence: CC BY-SA 3.0; attribution to the authors.
- Changed here: per run linear trend out and z, mean of 5 to 27.5 s after each block's first volume, rounded to
  5 decimals, float32. Voxels: those of the mask, and those whose mean in the first run is above the mean of all.
"""


SOURCE = Source(
    source=1,
    about=ABOUT,
    stimuli=StimuliSource(modality="label"),
    responses=ResponsesSource(
        reader="bold",
        kind="fMRI",
        unit="z",
        subjects=(SUBJECT,),
        files="bold.nii.gz",
        volumes="volumes.csv",
        stimulus="label",
        ignore=("rest",),
        tr=TR,
        estimate="average",
        window=WINDOW,
        decimals=_DECIMALS,
    ),
    regions=(
        RegionSource(name="mask", mask="mask.nii.gz", title="Published mask"),
        RegionSource(name="bright", path=("mask",), mask="bright.nii.gz", title="Bright in the first run"),
    ),
    split=SplitEntry(kind="leave-one-group-out", folds=12, gap=0),
)


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's NIfTI files and ``label,run`` table."""
    bold, mask = files["half_slice_all_runs_bold.nii.gz"], files["half_slice_mask.nii.gz"]
    return _dataset(bold, mask, files["half_slice_labels.csv"], scratch)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from PyMVPA's NIfTI files and ``label run`` table (no header)."""
    table = pd.read_csv(files["attributes_literal.txt"], sep=r"\s+", header=None, names=["label", "run"])
    volumes = scratch / "volumes.csv"
    table.to_csv(volumes, index=False)
    return _dataset(files["bold.nii.gz"], files["mask.nii.gz"], volumes, scratch)


def _dataset(bold: Path, mask: Path, volumes: Path, scratch: Path) -> Dataset:
    bright = scratch / "bright.nii.gz"
    _write_bright(bold, texts(read_table(volumes), "run", volumes), bright)
    files = {"bold.nii.gz": bold, "mask.nii.gz": mask, "volumes.csv": volumes, bright.name: bright}
    return read_files(SOURCE, files, scratch, provenance=PROVENANCE)


def _write_bright(bold: Path, runs: list[str], target: Path) -> None:
    """Voxels whose mean in the first run is above the mean of all."""
    from nilearn.image import new_img_like  # slow import, only when the pack is built

    image = load_image(bold)
    first_run = np.asarray(image.dataobj, np.float64)[..., np.array(runs) == runs[0]].mean(axis=-1)
    bright = (first_run > first_run.mean()).astype(np.int8)
    new_img_like(image, bright, copy_header=False).to_filename(target)
