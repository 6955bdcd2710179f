"""Haxby et al. 2001, subject 1: one slice of ventral temporal BOLD, 8 categories in 12 runs. A page, no board."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gyral.datasets.dataset import About, Dataset
from gyral.datasets.readers.nifti import block_means, clean_runs, find_blocks, load_image, masked_series
from gyral.datasets.recipe import Recipe, Source, SourceFile
from gyral.datasets.region import Region
from gyral.datasets.responses import Responses
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset

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
    content_hash="dbbde18854f0aa1f6225ce07ffd7dc4e28102b3d35b4d1187460fae4dd16ec36",
    licence="CC BY-SA 3.0",
    mirror=Source(
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
    public=Source(
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


def read_mirror(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from the mirror's NIfTI files and ``label,run`` table."""
    table = pd.read_csv(files["half_slice_labels.csv"])
    return _dataset(files["half_slice_all_runs_bold.nii.gz"], files["half_slice_mask.nii.gz"], table)


def read_public(files: Mapping[str, Path], scratch: Path) -> Dataset:
    """The dataset from PyMVPA's NIfTI files and ``label run`` table (no header)."""
    table = pd.read_csv(files["attributes_literal.txt"], sep=r"\s+", header=None, names=["label", "run"])
    return _dataset(files["bold.nii.gz"], files["mask.nii.gz"], table)


def _dataset(bold_path: Path, mask_path: Path, table: pd.DataFrame) -> Dataset:
    bold = load_image(bold_path)
    inside = np.asarray(load_image(mask_path).dataobj) > 0
    labels, runs = table["label"].to_numpy(np.str_), table["run"].to_numpy(np.int64)
    if bold.shape[-1] != len(table) or inside.shape != bold.shape[:3]:
        raise BadDataset(f"{bold.shape!r} volumes do not fit {len(table)} labels.", where=str(bold_path))
    first_run = np.asarray(bold.dataobj, np.float64)[..., runs == runs.min()].mean(axis=-1)
    bright = first_run > first_run.mean()
    used = inside | bright
    blocks = find_blocks(labels, runs, rest="rest")
    cleaned = clean_runs(masked_series(bold, used), runs)
    means = block_means(cleaned, runs, blocks, tr=TR, window=WINDOW).round(_DECIMALS)
    voxels = np.argwhere(used)
    return Dataset(
        about=ABOUT,
        stimuli=StimulusSet.from_texts(
            [b.label for b in blocks],
            [f"run-{b.run + 1:02d}-{b.label}" for b in blocks],
            modality="label",
            groups=[f"run-{b.run + 1:02d}" for b in blocks],
            columns={"category": np.array([b.label for b in blocks])},
        ),
        responses=Responses("fMRI", "z", {SUBJECT: means.astype(np.float32)}, {}),
        rdms={},
        units=pd.DataFrame(
            {
                "subject": SUBJECT,
                "unit": [f"voxel-{i + 1:03d}" for i in range(len(voxels))],
                **{axis: voxels[:, k] for k, axis in enumerate("ijk")},
            }
        ),
        regions=(
            Region("mask", np.flatnonzero(inside[used]), ("mask",), "Published mask"),
            Region("bright", np.flatnonzero(bright[used]), ("mask", "bright"), "Bright in the first run"),
        ),
        split_kind="leave-one-group-out",
        split_folds=12,
        extra={"provenance": PROVENANCE},
    )
