"""Folders of a laboratory's own files, in the formats of the field, with known numbers in them."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import tomli_w

from gyral.datasets.png import png
from gyral.datasets.source_build import Built, build_pack

ABOUT = {
    "name": "own",
    "title": "Own data",
    "description": "Made for tests.",
    "licence": "CC0",
    "citation": "Nobody (2026).",
}
AFFINE = np.diag([-3.0, 3.0, 3.0, 1.0]) + np.array([[0, 0, 0, 40.0], [0] * 4, [0] * 4, [0] * 4])
SHAPE = (4, 3, 2)


def describe(folder: Path, **tables: Any) -> Path:
    """Write ``dataset.toml`` with some tables, ``about`` among them."""
    (folder / "dataset.toml").write_bytes(tomli_w.dumps({"source": 1, "about": ABOUT} | tables).encode())
    return folder


def built(folder: Path, tables: dict[str, Any], **options: Any) -> tuple[str, Built]:
    """The pack of a description beside it; its content hash, and what was made."""
    describe(folder, **tables)
    return build_pack(folder, folder / "pack", **options)


def write_nifti(
    path: Path, values: Any, *, affine: Any = AFFINE, tr: float | None = None, units: str = "sec"
) -> Path:
    """A NIfTI image; ``tr`` in ``units``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(np.asarray(values, np.float32), affine)
    image.header["descrip"] = path.name.encode()[:79]  # no two files are equal byte for byte
    image.header.set_xyzt_units("mm", units if tr is not None else "unknown")
    if tr is not None:
        image.header.set_zooms((*image.header.get_zooms()[:3], tr))
    nibabel.save(image, path)
    return path


def write_csv(path: Path, /, **columns: Any) -> Path:
    """A table, separated as its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def image_stimuli(folder: Path, count: int = 12) -> dict[str, Any]:
    """Pictures, their table ``stimuli.csv``, and the ``[stimuli]`` that names them."""
    draw = np.random.default_rng(5)
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    names = [f"item{i:02d}" for i in range(count)]
    for name in names:
        (folder / "pictures" / f"{name}.png").write_bytes(png(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)))
    write_csv(
        folder / "stimuli.csv",
        id=names,
        picture=[f"{n}.png" for n in names],
        scene=[f"scene{i // 2}" for i in range(count)],
        animate=[i % 2 for i in range(count)],
        size=[f"{0.1 * i:.1f}" for i in range(count)],
    )
    return {
        "modality": "image",
        "table": "stimuli.csv",
        "file": "picture",
        "folder": "pictures",
        "group": "scene",
        "columns": ["animate", "size"],
        "degrees": 8.0,
    }


def beta_folder(
    folder: Path, *, subjects: tuple[str, ...] = ("sub-01", "sub-02"), count: int = 12, compressed: bool = True
) -> dict[str, Any]:
    """Two sessions of single-trial betas each: every stimulus twice, in two orders. The tables of a description.

    The value of voxel v at stimulus s in session k is ``100 v + s + k / 10``.
    """
    stimuli = image_stimuli(folder, count)
    ids = pd.read_csv(folder / "stimuli.csv")["id"].tolist()
    voxels = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    inside = np.zeros(SHAPE)
    inside[1:3, 1:, :] = 1
    ending = ".nii.gz" if compressed else ".nii"
    for subject in subjects:
        shown = []
        for session, order in enumerate((list(range(count)), list(range(count))[::-1])):
            series = np.stack([100 * voxels + s + session / 10 for s in order], axis=-1)
            series[inside == 0] = np.nan  # what GLM programs leave outside the brain
            write_nifti(folder / subject / f"{subject}_ses-{session + 1}_betas{ending}", series)
            shown += [ids[s] for s in order]
        write_csv(folder / subject / f"{subject}_trials.csv", stimulus=shown)
        write_nifti(folder / subject / f"{subject}_mask{ending}", inside)
        early = np.where(np.arange(4)[:, None, None] == 1, inside, 0)
        write_nifti(folder / subject / f"{subject}_V1{ending}", early)
    return {
        "stimuli": stimuli,
        "responses": {
            "reader": "images",
            "kind": "fMRI",
            "unit": "a.u.",
            "subjects": list(subjects),
            "files": f"{{subject}}/*_betas{ending}",
            "trials": "{subject}/{subject}_trials.csv",
            "mask": f"{{subject}}/{{subject}}_mask{ending}",
        },
        "regions": [
            {"name": "cortex", "all": True, "title": "All of it"},
            {"name": "V1", "path": ["cortex"], "mask": f"{{subject}}/{{subject}}_V1{ending}"},
        ],
        "split": {"kind": "grouped", "folds": 3},
    }
