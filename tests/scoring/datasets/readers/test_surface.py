"""Surfaces, grayordinates and atlases: written by nibabel, read into units and regions."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis, SeriesAxis
from nibabel.freesurfer.io import write_annot
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable

from gyral.datasets.mesh import MESHES
from gyral.datasets.readers.surface import pair_hemispheres
from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble
from gyral.errors import BadDataset, UserError
from source_folder import SHAPE, beta_folder, describe, image_stimuli, write_csv, write_nifti

LEFT, RIGHT, ITEMS = 7, 5, 6
RIGHT_VALUES = 1000.0


def gifti(path, maps, labels=None):
    table = None
    if labels:
        table = GiftiLabelTable()
        for key, name in labels.items():
            label = GiftiLabel(key, 1, 1, 1, 1)
            label.label = name
            table.labels.append(label)
    kind = "NIFTI_INTENT_LABEL" if labels else "NIFTI_INTENT_NONE"
    dtype = np.int32 if labels else np.float32
    arrays = [GiftiDataArray(np.asarray(m, dtype), intent=kind) for m in maps]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(GiftiImage(darrays=arrays, labeltable=table), path)


def maps(vertices, base=0.0):
    return base + np.arange(ITEMS)[:, None] + 10.0 * np.arange(vertices)


@pytest.fixture
def surface(tmp_path):
    """A map an item on two hemispheres, with a parcellation."""
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, ITEMS)
    gifti(folder / "s_hemi-L_betas.func.gii", maps(LEFT))
    gifti(folder / "s_hemi-R_betas.func.gii", maps(RIGHT, RIGHT_VALUES))
    names = {0: "???", 1: "V1", 2: "V2"}
    gifti(folder / "s_hemi-L_wang.label.gii", [[0, 1, 1, 2, 0, 0, 0]], names)
    gifti(folder / "s_hemi-R_wang.label.gii", [[2, 1, 0, 0, 0]], {0: "???", 1: "V2", 2: "V1"})
    tables = {
        "stimuli": stimuli,
        "responses": {
            "reader": "images",
            "kind": "fMRI",
            "unit": "z",
            "subjects": ["s"],
            "files": "s_hemi-*_betas.func.gii",
        },
        "regions": [{"atlas": "s_hemi-*_wang.label.gii", "path": ["visual"]}],
    }
    return tables, folder


def read(folder, tables):
    describe(folder, **tables)
    return assemble(read_source(folder), folder, folder.parent / "work")


def test_hemispheres_stand_side_by_side_and_labels_meet_by_name(surface):
    tables, folder = surface
    dataset = read(folder, tables).dataset
    units = dataset.units
    assert units["hemisphere"].tolist() == ["left"] * 3 + ["right"] * 2
    assert units["vertex"].tolist() == [1, 2, 3, 0, 1]
    assert [(r.name, r.path, r.units.tolist()) for r in dataset.regions] == [
        ("V1", ("visual", "V1"), [0, 1, 3]),
        ("V2", ("visual", "V2"), [2, 4]),
    ]
    values = np.asarray(dataset.responses.values["s"])
    np.testing.assert_array_equal(values[2], [12, 22, 32, 1002, 1012])


def test_hemispheres_of_two_runs_are_no_pair():
    names = ["sub-01_run-1_hemi-L", "sub-01_run-2_hemi-L", "sub-01_run-1_hemi-R", "sub-01_run-2_hemi-R"]
    paths = [Path(f"{name}_bold.func.gii") for name in names]
    assert pair_hemispheres(paths) == [
        {"left": paths[0], "right": paths[2]},
        {"left": paths[1], "right": paths[3]},
    ]
    paths[3] = Path("sub-01_run-3_hemi-R_bold.func.gii")
    with pytest.raises(
        BadDataset, match="the other hemisphere of 'sub-01_run-2_hemi-L_bold.func.gii' would be"
    ) as fault:
        pair_hemispheres(paths)
    assert fault.value.code == "entities"


# nibabel leaves the file of an .mgh header open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_freesurfer_files_hold_the_same(surface):
    tables, folder = surface
    for side, vertices, base in (("lh", LEFT, 0.0), ("rh", RIGHT, RIGHT_VALUES)):
        data = maps(vertices, base).T[:, None, None, :].astype(np.float32)
        nibabel.save(nibabel.MGHImage(data, np.eye(4)), folder / f"{side}.betas.mgh")
    colours = np.array([[1, 1, 1, 0, 0], [2, 1, 1, 0, 0], [3, 1, 1, 0, 0]])
    for side, labels in (("lh", [0, 1, 1, 2, 0, 0, 0]), ("rh", [1, 2, 0, 0, 0])):
        write_annot(
            folder / f"{side}.wang.annot", np.array(labels), colours, ["unknown", "V1", "V2"], fill_ctab=True
        )
    first = read(folder, tables).dataset
    tables["responses"]["files"] = "*h.betas.mgh"
    tables["regions"] = [{"atlas": "*h.wang.annot", "path": ["visual"]}]
    second = read(folder, tables).dataset
    np.testing.assert_array_equal(first.responses.values["s"], second.responses.values["s"])
    assert [r.units.tolist() for r in first.regions] == [r.units.tolist() for r in second.regions]


def test_a_common_space_names_the_mesh_of_vertices(surface, monkeypatch):
    tables, folder = surface
    tables["responses"]["space"] = "fsLR"
    assert read(folder, tables).dataset.units["mesh"].tolist() == ["fsLR"] * 5
    tables["responses"]["space"] = "fsavg5"
    with pytest.raises(UserError, match="unknown responses.space 'fsavg5'. Did you mean 'fsaverage5'"):
        read(folder, tables)
    tables["responses"]["space"] = "fsaverage5"
    with pytest.raises(BadDataset, match="10,242 vertices a hemisphere") as caught:
        read(folder, tables)
    assert (caught.value.code, caught.value.where) == ("image-shape", "responses.space")
    monkeypatch.setitem(MESHES, "tiny", 4)
    nibabel.save(
        nibabel.Cifti2Image(maps(6).astype(np.float32), (ScalarAxis([f"b{i}" for i in range(ITEMS)]), brain())),
        folder / "s_betas.dscalar.nii",
    )
    mask = nibabel.Cifti2Image(np.ones((1, 6), np.float32), (ScalarAxis(["mask"]), brain()))
    nibabel.save(mask, folder / "mask.dscalar.nii")
    tables["responses"] |= {"files": "s_betas.dscalar.nii", "mask": "mask.dscalar.nii", "space": "tiny"}
    tables["regions"] = [{"name": "everything", "all": True}]
    assert read(folder, tables).dataset.units["mesh"].tolist() == ["tiny"] * 4 + [""] * 2


def brain():
    left = BrainModelAxis.from_surface([0, 2, 3], 4, "CORTEX_LEFT")
    right = BrainModelAxis.from_surface([1], 4, "CORTEX_RIGHT")
    voxels = BrainModelAxis.from_mask(np.ones((1, 1, 2), bool), "THALAMUS_LEFT", np.eye(4))
    return left + right + voxels


def test_grayordinates_with_a_label_file(surface):
    tables, folder = surface
    places = brain()
    values = maps(6).astype(np.float32)
    axis = ScalarAxis([f"b{i}" for i in range(ITEMS)])
    nibabel.save(nibabel.Cifti2Image(values, (axis, places)), folder / "s_betas.dscalar.nii")
    labels = LabelAxis(["atlas"], [{0: ("???", (0, 0, 0, 0)), 1: ("V1", (1, 0, 0, 1)), 2: ("LGN", (0, 1, 0, 1))}])
    nibabel.save(
        nibabel.Cifti2Image(np.array([[1, 0, 0, 1, 0, 2]], np.float32), (labels, places)),
        folder / "atlas.dlabel.nii",
    )
    tables["responses"]["files"] = "s_betas.dscalar.nii"
    tables["regions"] = [{"atlas": "atlas.dlabel.nii"}]
    dataset = read(folder, tables).dataset
    assert dataset.units["structure"].tolist() == ["cortex_left", "cortex_right", "thalamus_left"]
    assert dataset.units["hemisphere"].tolist() == ["left", "right", "left"]
    assert dataset.units["vertex"].tolist() == [0, 1, -1]
    assert [(r.name, r.units.tolist()) for r in dataset.regions] == [("V1", [0, 1]), ("LGN", [2])]
    np.testing.assert_array_equal(dataset.responses.values["s"], values[:, [0, 3, 5]])
    other = BrainModelAxis.from_surface([0, 1, 3], 4, "CORTEX_LEFT") + places[3:]
    nibabel.save(
        nibabel.Cifti2Image(np.array([[1, 0, 0, 1, 0, 2]], np.float32), (labels, other)),
        folder / "atlas.dlabel.nii",
    )
    with pytest.raises(BadDataset, match="grayordinates are not the 6") as fault:
        read(folder, tables)
    assert fault.value.code == "image-shape"
    write_nifti(folder / "atlas.nii.gz", np.ones(SHAPE))
    for other in ("s_hemi-L_wang.label.gii", "atlas.nii.gz"):
        tables["regions"] = [{"atlas": other}]
        with pytest.raises(BadDataset, match=f"{other}: .* is no CIFTI file, which s_betas.dscalar.nii is"):
            read(folder, tables)
    whole = (folder / "s_betas.dscalar.nii").read_bytes()
    (folder / "s_betas.dscalar.nii").write_bytes(whole[:700])
    with pytest.raises(BadDataset, match="s_betas.dscalar.nii: not an image that can be read"):
        read(folder, tables)


def test_masks_of_two_hemispheres_are_one_mask(surface):
    tables, folder = surface
    gifti(folder / "s_hemi-L_mask.shape.gii", [[1, 1, 1, 0, 0, 0, 0]])
    gifti(folder / "s_hemi-R_mask.shape.gii", [[1, 0, 0, 0, 0]])
    tables["responses"]["mask"] = "s_hemi-*_mask.shape.gii"
    assert len(read(folder, tables).dataset.units) == 4
    gifti(folder / "s_hemi-L_run-2_mask.shape.gii", [[0, 0, 0, 1, 0, 0, 0]])
    tables["responses"]["mask"] = "s_hemi-*_mask.shape.gii"
    with pytest.raises(BadDataset, match="3 masks match"):
        read(folder, tables)


def test_atlases_of_one_hemisphere_are_joined(surface):
    tables, folder = surface
    gifti(folder / "s_hemi-L_more.label.gii", [[0, 0, 0, 0, 0, 0, 1]], {0: "???", 1: "V3"})
    tables["regions"] = [{"atlas": ["s_hemi-*_wang.label.gii", "s_hemi-L_more.label.gii"]}]
    assert [r.name for r in read(folder, tables).dataset.regions] == ["V1", "V2", "V3"]


def test_cifti_time_series_state_their_tr(tmp_path):
    from gyral.datasets.readers.runs import header_tr

    axis = SeriesAxis(0, 0.72, 4, "SECOND")
    path = tmp_path / "x_bold.dtseries.nii"
    nibabel.save(nibabel.Cifti2Image(np.zeros((4, 6), np.float32), (axis, brain())), path)
    assert header_tr(path) == pytest.approx(0.72)


def other_mesh(folder):
    gifti(folder / "s_hemi-L_wang.label.gii", [[0, 1, 1]], {0: "???", 1: "V1"})


def one_side(folder):
    (folder / "s_hemi-R_betas.func.gii").rename(folder / "s_hemi-L_more_betas.func.gii")
    gifti(folder / "s_hemi-R_betas.func.gii", maps(RIGHT))


def longer(folder):
    gifti(folder / "s_hemi-R_betas.func.gii", maps(RIGHT)[:-1])


def no_side(folder):
    (folder / "s_hemi-R_betas.func.gii").rename(folder / "s_hemi-_betas.func.gii")


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (other_mesh, "image-shape", "3 vertices; the left hemisphere of the responses has 7"),
        (one_side, "hemisphere", "different numbers of files"),
        (longer, "trial-count", "different numbers of maps"),
        (no_side, "hemisphere", "which hemisphere"),
        (lambda f: (f / "s_hemi-R_betas.func.gii").write_text("<GIFTI"), "not-an-image", "s_hemi-R"),
    ],
)
def test_bad_surfaces_are_named(surface, change, code, words):
    tables, folder = surface
    change(folder)
    with pytest.raises(UserError) as fault:
        read(folder, tables)
    assert fault.value.code == code, str(fault.value)
    assert words in str(fault.value)


def test_volume_atlas_with_a_table_of_hierarchical_names(tmp_path):
    folder = tmp_path / "own"
    tables = beta_folder(folder, subjects=("sub-01",))
    atlas = np.zeros(SHAPE)
    atlas[1, 1:] = 3
    atlas[2, 1] = 7
    write_nifti(folder / "atlas.nii.gz", atlas)
    write_csv(
        folder / "atlas.tsv",
        index=["0", "3", "7", "9"],
        name=["Background", "V1", "FFA", "MT"],
        path=["", "visual > early", "visual > ventral", "visual > dorsal"],
        title=["", "Primary", "Fusiform face area", ""],
    )
    tables["regions"] = [{"name": "cortex", "all": True}, {"atlas": "atlas.nii.gz", "labels": "atlas.tsv"}]
    made = read(folder, tables)
    assert [(r.name, r.path, len(r), r.title) for r in made.dataset.regions] == [
        ("cortex", ("cortex",), 8, ""),
        ("V1", ("visual", "early", "V1"), 4, "Primary"),
        ("FFA", ("visual", "ventral", "FFA"), 2, "Fusiform face area"),
    ]
    assert any("1 regions with too few units were left out: MT (0)" in n for n in made.notes)
    assert any("cortex and V1 share 4 units" in n for n in made.notes)
    second = np.zeros(SHAPE)
    second[1, 1] = 1
    write_nifti(folder / "other.nii.gz", second)
    write_csv(folder / "other.tsv", index=["1"], name=["V1"], path=["other"])
    tables["regions"].append({"atlas": "other.nii.gz", "labels": "other.tsv"})
    with pytest.raises(BadDataset, match="'V1' stands at visual > early > V1 and at other > V1"):
        read(folder, tables)
    write_csv(folder / "other.tsv", index=["1.5"], name=["V1"])
    with pytest.raises(BadDataset, match="a whole number is expected"):
        read(folder, tables)
    write_csv(folder / "other.tsv", index=["2"], name=["V1"])
    with pytest.raises(BadDataset, match=r"labels \[1\] have no name"):
        read(folder, tables)


def test_a_common_space_keeps_millimetres(tmp_path):
    folder = tmp_path / "own"
    tables = beta_folder(folder, subjects=("sub-01",))
    tables["responses"]["space"] = "MNI152NLin2009cAsym"
    units = read(folder, tables).dataset.units
    assert units.loc[0, ["x", "y", "z"]].tolist() == [37.0, 3.0, 0.0]
