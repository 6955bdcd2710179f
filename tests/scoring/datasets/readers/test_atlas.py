"""Atlases in the forms they are given away in: who names their labels, what is nothing, and lists of numbers."""

import nibabel
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis
from nibabel.freesurfer.io import write_annot

from gyral.datasets.readers.labels import is_nothing, read_label_names
from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble
from gyral.errors import UserError
from source_folder import describe, image_stimuli, write_csv

LEFT, RIGHT, ITEMS = 5, 4, 4
# nibabel leaves the file of an .mgh header open
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def mgh(path, values):
    """Maps (maps x vertices) with the vertices on the third axis, as neuropythy writes them."""
    nibabel.save(nibabel.MGHImage(np.asarray(values, np.float32).T[None, None], np.eye(4)), path)


def annotation(path, codes, names):
    colours = np.stack([np.arange(len(names)), *np.zeros((3, len(names)), int)], axis=1)
    write_annot(path, np.array(codes), colours, names, fill_ctab=True)


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    tables = {
        "stimuli": image_stimuli(folder, ITEMS),
        "responses": {
            "reader": "images",
            "kind": "fMRI",
            "unit": "z",
            "subjects": ["s"],
            "files": "*h.betas.mgz",
        },
        "regions": [{"atlas": "*h.areas.annot"}],
    }
    for side, count in (("lh", LEFT), ("rh", RIGHT)):
        mgh(folder / f"{side}.betas.mgz", np.arange(ITEMS)[:, None] + 10.0 * np.arange(count))
    wall = "Background+FreeSurfer_Defined_Medial_Wall"
    annotation(folder / "lh.areas.annot", [0, 1, 1, 2, 0], [wall, "LH_Vis_1", "LH_Default_1"])
    annotation(folder / "rh.areas.annot", [1, 0, 2, 2], [wall, "RH_Vis_1", "RH_Default_1"])
    return tables, folder


def regions(tables, folder):
    describe(folder, **tables)
    built = assemble(read_source(folder), folder, folder.parent / "work").dataset
    return {r.name: (r.path, built.units["unit"].to_numpy()[r.units].tolist()) for r in built.regions}


def refused(tables, folder, code):
    with pytest.raises(UserError) as fault:
        regions(tables, folder)
    assert fault.value.code == code, str(fault.value)
    return str(fault.value)


def test_vertices_may_stand_on_the_third_axis_and_the_wall_is_no_region(own):
    assert regions(*own) == {
        "LH_Vis_1": (("LH_Vis_1",), ["lh-000001", "lh-000002"]),
        "LH_Default_1": (("LH_Default_1",), ["lh-000003"]),
        "RH_Vis_1": (("RH_Vis_1",), ["rh-000000"]),
        "RH_Default_1": (("RH_Default_1",), ["rh-000002", "rh-000003"]),
    }


def test_a_table_is_read_by_the_names_that_the_files_have(own):
    """Numbers of published tables run over both hemispheres, those of each file start anew: by number all would be shifted."""
    tables, folder = own
    tables["regions"][0]["labels"] = "order.tsv"
    names = ["LH_Vis_1", "LH_Default_1", "RH_Vis_1", "RH_Default_1"]
    paths = ["Vis", "Default", "Vis", "Default > RH"]
    write_csv(folder / "order.tsv", index=[1, 2, 3, 4], name=names, path=paths)
    found = regions(tables, folder)
    assert found["LH_Vis_1"] == (("Vis", "LH_Vis_1"), ["lh-000001", "lh-000002"])
    assert found["RH_Default_1"][0] == ("Default", "RH", "RH_Default_1")
    write_csv(folder / "order.tsv", index=[1, 2, 3, 4], name=["a", "b", "c", "d"])
    said = refused(tables, folder, "atlas-labels")
    assert "order.tsv: 4 labels have no row, 'LH_Vis_1' first" in said and "column 'label'" in said
    write_csv(folder / "order.tsv", name=[*names, "LH_Vis_1"], path=[*paths, "Limbic"])
    assert "label 'LH_Vis_1' stands in rows 1 and 5" in refused(tables, folder, "atlas-labels")


def test_a_column_of_labels_renames_joins_and_leaves_out(own):
    tables, folder = own
    tables["regions"][0]["labels"] = "names.csv"
    labels = ["LH_Vis_1", "LH_Default_1", "RH_Vis_1", "RH_Default_1"]
    fields = {"label": labels, "name": ["Vis", "", "Vis", "Default"], "title": ["Visual", "", "Visual", ""]}
    write_csv(folder / "names.csv", **fields)
    found = regions(tables, folder)
    assert found == {
        "Vis": (("Vis",), ["lh-000001", "lh-000002", "rh-000000"]),
        "Default": (("Default",), ["rh-000002", "rh-000003"]),
    }
    write_csv(folder / "names.csv", **fields, path=["left", "", "right", ""])
    assert "region 'Vis' stands at left > Vis and at right > Vis" in refused(tables, folder, "region-path")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("???", True),
        ("", True),
        ("L Medial_wall", True),
        ("FreeSurfer_Defined_Medial_Wall", True),
        ("ctx_rh_Unknown", True),
        ("ctx-lh-unknown", True),
        ("R_???_ROI", True),
        ("L_V1_ROI", False),
        ("R", False),
        ("lh_R_ROI", False),
        ("Unknown pleasures", False),
        ("V1", False),
    ],
)
def test_names_of_nothing(name, expected):
    assert is_nothing(name) is expected


def test_lists_of_numbers_are_atlases_of_both_hemispheres_or_of_one(own):
    tables, folder = own
    tables["regions"] = [{"atlas": "parcels.csv", "labels": "names.txt"}]
    (folder / "names.txt").write_text("0 Unknown 0 0 0 0\n1 A 1 0 0 0\n2 B 0 1 0 0\n")
    (folder / "parcels.csv").write_text("0\n1\n1\n0\n0\n1\n0\n0\n2\n")
    expected = {
        "A": (("A",), ["lh-000001", "lh-000002", "rh-000000"]),
        "B": (("B",), ["rh-000003"]),
    }
    assert regions(tables, folder) == expected
    np.save(folder / "lh.parcels.npy", np.array([0, 1, 1, 0, 0]))
    np.save(folder / "rh.parcels.npy", np.array([1, 0, 0, 2]))
    tables["regions"][0]["atlas"] = "*h.parcels.npy"
    assert regions(tables, folder) == expected
    np.save(folder / "rh.parcels.npy", np.array([1, 0, 2]))
    assert "3 values; the responses have 4 right vertices" in refused(tables, folder, "image-shape")
    np.savez(folder / "parcels.npz", map_all=np.arange(9))
    tables["regions"][0]["atlas"] = "parcels.npz"
    assert 'np.load("atlas.npz")' in refused(tables, folder, "array")
    tables["regions"][0]["atlas"] = "parcels.csv"
    (folder / "parcels.csv").write_text("label\n1\n")
    assert "without a heading" in refused(tables, folder, "array")
    (folder / "parcels.csv").write_text("1\n2\n")
    assert "2 values; the responses have 9 vertices" in refused(tables, folder, "image-shape")


def test_lists_of_numbers_are_atlases_of_arrays_and_grayordinates(own):
    tables, folder = own
    write_csv(folder / "names.csv", index=[1, 2], name=["A", "B"])
    np.save(folder / "betas.npy", np.zeros((ITEMS, 4), np.float32) + np.arange(4))
    (folder / "parcels.txt").write_text("1 2 0 1")
    tables["responses"] |= {"reader": "array", "files": "betas.npy"}
    tables["regions"] = [{"atlas": "parcels.txt", "labels": "names.csv"}]
    assert {n: u for n, (_, u) in regions(tables, folder).items()} == {
        "A": ["unit-001", "unit-004"],
        "B": ["unit-002"],
    }
    places = BrainModelAxis.from_surface(np.arange(4), 6, "CORTEX_LEFT")
    axis = ScalarAxis([f"b{i}" for i in range(ITEMS)])
    nibabel.save(
        nibabel.Cifti2Image(np.ones((ITEMS, 4), np.float32), (axis, places)), folder / "betas.dscalar.nii"
    )
    tables["responses"] |= {"reader": "images", "files": "betas.dscalar.nii"}
    assert {n: len(u) for n, (_, u) in regions(tables, folder).items()} == {"A": 2, "B": 1}
    names = {0: ("???", (0, 0, 0, 0)), 1: ("A", (1, 0, 0, 1))}
    labels = nibabel.Cifti2Image(np.ones((2, 4), np.float32), (LabelAxis(["one", "two"], [names] * 2), places))
    nibabel.save(labels, folder / "two.dlabel.nii")
    tables["regions"] = [{"atlas": "two.dlabel.nii"}]
    assert "two.dlabel.nii: 2 maps; a mask or an atlas has one" in refused(tables, folder, "image-shape")


def test_files_of_surfaces_that_are_volumes_or_hold_several_maps_are_refused(own):
    tables, folder = own
    tables["regions"] = [{"name": "A", "mask": "*h.mask.mgz"}]
    mgh(folder / "lh.mask.mgz", np.ones((2, LEFT)))
    assert "2 maps; a mask or an atlas has one" in refused(tables, folder, "image-shape")
    nibabel.save(nibabel.MGHImage(np.ones((3, 3, 3), np.float32), np.eye(4)), folder / "lh.mask.mgz")
    assert "a volume of 3 x 3 x 3 voxels" in refused(tables, folder, "not-an-image")


def test_a_colour_table_may_end_with_txt(tmp_path):
    table = tmp_path / "order.txt"
    table.write_text("1\t7Networks_LH_Vis_1\t120\t18\t131\t0\n2\t7Networks_LH_Vis_2\t120\t18\t132\t0\n")
    assert read_label_names(table).names == {1: "7Networks_LH_Vis_1", 2: "7Networks_LH_Vis_2"}
