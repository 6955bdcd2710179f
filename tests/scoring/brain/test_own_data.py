"""One's own surface and volume data, from their files to the vertex that is painted."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from nibabel.gifti import GiftiDataArray, GiftiImage
from nilearn.datasets import load_fsaverage

from gyral.brain.mesh import SIDES, to_drawn
from gyral.brain.picture import brain_svg
from gyral.brain.shown import map_dataset, paint_dataset, why_not_mapped
from gyral.datasets.mesh import MESHES
from gyral.datasets.pack import write_pack
from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble
from gyral.places import home
from source_folder import describe, image_stimuli

ITEMS = 6


def build(folder: Path, responses: dict[str, Any], regions: list[dict[str, Any]], name: str = "own") -> None:
    tables = {
        "about": {"name": name, "title": "Own", "description": "For tests.", "version": "0", "species": "human"},
        "stimuli": image_stimuli(folder, ITEMS),
        "responses": {"reader": "images", "kind": "fMRI", "unit": "z", "subjects": ["s"], **responses},
        "regions": regions,
    }
    describe(folder, **tables)
    made = assemble(read_source(folder), folder, folder.parent / "work").dataset
    (home() / "packs").mkdir(exist_ok=True)
    write_pack(made, home() / "packs" / name)


def surface_files(folder: Path, mesh: str, chosen: dict[str, list[int]]) -> None:
    """Responses of every vertex, and a mask with the chosen ones."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    for side, short in zip(SIDES, "LR", strict=True):
        maps = draw.standard_normal((ITEMS, MESHES[mesh])).astype(np.float32)
        mask = np.zeros(MESHES[mesh], np.float32)
        mask[chosen[side]] = 1
        for name, arrays in {"betas": maps, "mask": [mask]}.items():
            image = GiftiImage(darrays=[GiftiDataArray(a) for a in arrays])
            nibabel.save(image, folder / f"s_hemi-{short}_{name}.func.gii")


@pytest.mark.parametrize("mesh", ["fsaverage5", "fsaverage6"])
def test_vertices_of_surface_files_are_painted_where_they_are(tmp_path: Path, mesh: str) -> None:
    chosen = {"left": [7, 4000], "right": [10_000, MESHES[mesh] - 1]}
    folder = tmp_path / "own"
    surface_files(folder, mesh, chosen)
    files = {"files": "s_hemi-*_betas.func.gii", "mask": "s_hemi-*_mask.func.gii", "space": mesh}
    build(folder, files, [{"name": "patch", "all": True}])
    shown = paint_dataset(map_dataset("own"))
    for side in SIDES:
        painted = np.flatnonzero(np.isfinite(shown.values[side]))
        assert painted.tolist() == sorted(to_drawn(np.array(chosen[side]), mesh).tolist())
    assert mesh in shown.notes[0] and "<svg" in brain_svg(shown)


def test_surface_files_without_a_space_are_not_guessed_at(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    surface_files(folder, "fsaverage5", {"left": [1], "right": [2]})
    files = {"files": "s_hemi-*_betas.func.gii", "mask": "s_hemi-*_mask.func.gii"}
    build(folder, files, [{"name": "patch", "all": True}])
    assert "not of which mesh" in why_not_mapped("own")


def test_voxels_of_a_common_space_go_to_the_nearest_vertex(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -80, -116, -60
    shape = (40, 46, 38)
    draw = np.random.default_rng(0)
    mask = np.zeros(shape, np.float32)
    occipital = np.round((np.array([-8, -96, 4]) - affine[:3, 3]) / 4).astype(int)
    mask[tuple(occipital)] = mask[20, 23, 17] = mask[25, 13, 4] = (
        1  # the others lie in the thalamus and in the cerebellum
    )
    betas = draw.standard_normal((*shape, ITEMS)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(mask, affine), folder / "mask.nii.gz")
    nibabel.save(nibabel.Nifti1Image(betas, affine), folder / "betas.nii.gz")
    files = {"files": "betas.nii.gz", "mask": "mask.nii.gz", "space": "MNI152NLin2009cAsym"}
    build(folder, files, [{"name": "brain", "all": True}])
    mapped = map_dataset("own")
    near = mapped.placed.known
    assert near.sum() == 1 and mapped.placed.side[near].tolist() == [0]
    pial = load_fsaverage("fsaverage5")["pial"].parts["left"].coordinates[mapped.placed.vertex[near][0]]
    assert np.linalg.norm(pial - [-8, -96, 4]) < 12
    assert "2 of 3 units are on neither surface" in mapped.notes[0]
