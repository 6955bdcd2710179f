"""Every fault of a user's files and description is refused by name, and nothing is written."""

import shutil

import numpy as np
import pytest
from PIL import Image

from gyral.cli.main import main
from gyral.datasets.source import read_source
from gyral.datasets.source_build import build_pack
from gyral.datasets.source_plan import plan_source
from gyral.errors import BadDataset, UserError
from source_folder import ABOUT, AFFINE, SHAPE, beta_folder, built, describe, write_csv, write_nifti


def broken(change):
    """A folder with one thing wrong; the description's tables."""

    def make(folder):
        tables = beta_folder(folder)
        change(tables, folder)
        return tables

    return make


def first(folder, what):
    return folder / "sub-01" / f"sub-01_{what}.nii.gz"


def flip(tables, folder):
    write_nifti(first(folder, "V1"), np.ones(SHAPE), affine=AFFINE * np.array([-1, 1, 1, 1]))


def shift(tables, folder):
    write_nifti(first(folder, "V1"), np.ones(SHAPE), affine=AFFINE + np.array([[0, 0, 0, 1.5], *[[0] * 4] * 3]))


def cut(tables, folder):
    path = first(folder, "ses-1_betas")
    path.write_bytes(path.read_bytes()[:200])


def no_orientation(tables, folder):
    import nibabel

    path = first(folder, "ses-1_betas")
    image = nibabel.load(path)
    bare = nibabel.Nifti1Image(np.asarray(image.dataobj), None)
    nibabel.save(bare, path)


def complex_values(tables, folder):
    import nibabel

    path = first(folder, "ses-1_betas")
    nibabel.save(nibabel.Nifti1Image(np.ones((*SHAPE, 12), np.complex64), AFFINE), path)


def cut_extension(tables, folder):
    """A mask that ends within an extension of its header."""
    import nibabel

    image = nibabel.Nifti1Image(np.ones(SHAPE, np.float32), AFFINE)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(6, b"x" * 900))
    nibabel.save(image, folder / "mask.nii")
    end(folder / "mask.nii", 700)
    tables["responses"]["mask"] = "mask.nii"


def folder_for_a_mask(tables, folder):
    first(folder, "mask").unlink()
    first(folder, "mask").mkdir()


def gifti_mask(tables, folder):
    import nibabel

    array = nibabel.gifti.GiftiDataArray(np.ones(24, np.float32))
    nibabel.save(nibabel.GiftiImage(darrays=[array]), folder / "V1.func.gii")
    tables["regions"][1]["mask"] = "V1.func.gii"


def masks_of_runs(tables, folder):
    for run in (1, 2):
        write_nifti(first(folder, f"run-{run}_mask"), np.ones(SHAPE))
    tables["responses"]["mask"] = "{subject}/{subject}_*mask.nii.gz"


def scaled(path, by):
    import nibabel

    write_nifti(path, np.asarray(nibabel.load(path).dataobj) * by)


def shorten(path):
    path.write_bytes(path.read_bytes()[:60])


def jpegs(most):
    """Pictures as JPEG, one of them cut off."""

    def change(tables, folder):
        for path in sorted((folder / "pictures").glob("*.png")):
            with Image.open(path) as image:
                image.resize((64, 64)).save(path.with_suffix(".jpg"))
            path.unlink()
        table = folder / "stimuli.csv"
        table.write_text(table.read_text().replace(".png", ".jpg"))
        last = folder / "pictures" / "item03.jpg"
        last.write_bytes(last.read_bytes()[:most])

    return change


def end(path, most):
    path.write_bytes(path.read_bytes()[:most])


def two_tables(tables, folder):
    write_csv(folder / "r1.csv", stimulus=[f"item{i:02d}" for i in range(12)], a=range(12), b=range(12))
    write_csv(folder / "r2.csv", stimulus=[f"item{i:02d}" for i in range(12)], a=range(12), c=range(12))
    told = {"reader": "table", "kind": "spikes", "unit": "Hz", "subjects": ["m"], "files": ["r1.csv", "r2.csv"]}
    tables |= {"responses": told, "regions": [{"name": "all", "all": True}]}


def no_key(tables, folder):
    import h5py

    with h5py.File(folder / "r.h5", "w") as file:
        file["betas"] = np.zeros((12, 3))
    told = {"reader": "array", "kind": "spikes", "unit": "Hz", "subjects": ["m"], "files": "r.h5", "key": "beta"}
    tables |= {"responses": told, "regions": [{"name": "all", "all": True}]}


def turned(trials):
    """Units as rows, as many trials as stimuli; with a table of them or without."""

    def change(tables, folder):
        import h5py

        with h5py.File(folder / "r.h5", "w") as file:
            file["betas"] = np.random.default_rng(0).normal(size=(7, 12))
        told = {"reader": "array", "kind": "spikes", "unit": "Hz", "subjects": ["m"], "files": "r.h5"}
        if trials:
            write_csv(folder / "trials.csv", stimulus=[f"item{i:02d}" for i in range(12)])
            told["trials"] = "trials.csv"
        tables |= {"responses": told, "regions": [{"name": "all", "all": True}]}

    return change


def atlases(*atlases):
    """Regions by atlases of some images each, by the value that fills them."""

    def change(tables, folder):
        write_csv(folder / "labels.csv", index=[1, 2, 3], name=["area1", "area2", "a/b"])
        for number, values in enumerate(atlases):
            names = [f"atlas{number}-{k}.nii.gz".replace("atlas0-", "atlas-") for k in range(len(values))]
            for name, value in zip(names, values, strict=True):
                write_nifti(folder / name, np.full(SHAPE, value))
            tables["regions"].append({"atlas": names, "labels": "labels.csv"})

    return change


def trials(**columns):
    return lambda tables, folder: write_csv(folder / "sub-01" / "sub-01_trials.csv", **columns)


def stimuli(text):
    return lambda tables, folder: (folder / "stimuli.csv").write_text(text)


def put(*path):
    """Set a field of the description: names, then the value."""
    *names, last, value = path

    def change(tables, folder):
        at = tables
        for name in names:
            at = at[name]
        at[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda t, f: write_nifti(first(f, "V1"), np.ones((4, 3, 3))), "image-shape", "(4, 3, 3)"),
        (flip, "image-flipped", "its axes point to RAS, those of sub-01_ses-1_betas.nii.gz to LAS"),
        (shift, "image-affine", "first voxel 1.5 mm apart"),
        (
            lambda t, f: write_nifti(first(f, "V1"), np.ones(SHAPE), affine=AFFINE * np.array([2 / 3, 1, 1, 1])),
            "image-affine",
            "voxels of 2 x 3 x 3 mm, not 3 x 3 x 3 mm",
        ),
        (complex_values, "not-an-image", "ses-1_betas.nii.gz: its values are complex numbers"),
        (cut_extension, "not-an-image", "mask.nii: not an image that can be read"),
        (folder_for_a_mask, "not-an-image", "sub-01_mask.nii.gz: this is a folder"),
        (gifti_mask, "not-an-image", "V1.func.gii: GiftiImage is no volume"),
        (masks_of_runs, "file-missing", "3 masks match"),
        (lambda t, f: write_nifti(first(f, "ses-2_betas"), np.ones((4, 4, 2, 12))), "image-shape", "ses-2"),
        (no_orientation, "image-affine", "says nothing of orientation"),
        (cut, "not-an-image|image-truncated", "sub-01_ses-1_betas.nii.gz"),
        (lambda t, f: first(f, "ses-1_betas").write_bytes(b"no image"), "not-an-image", "sub-01_ses-1"),
        (lambda t, f: write_nifti(first(f, "mask"), np.zeros(SHAPE)), "empty-mask", "nothing is inside"),
        (lambda t, f: t["responses"].pop("mask") and t["regions"].pop(), "no-mask", "which places are units"),
        (trials(stimulus=["item00"] * 23), "trial-count", "23 trials in the table, 24 rows"),
        (trials(stimulus=["itme00"] * 24), "stimulus-unknown", "'itme00' first"),
        (trials(stimulis=["item00"] * 24), "unknown-name", "Did you mean 'stimulis'?"),
        (lambda t, f: (f / "sub-01" / "sub-01_trials.csv").unlink(), "file-missing", "sub-01_trials.csv"),
        (put("responses", "trials", "../trials.csv"), "path-escapes", "leaves the folder"),
        (put("responses", "files", "/etc/passwd"), "path-escapes", "leaves the folder"),
        (put("stimuli", "folder", "C:\\pictures"), "path-escapes", "leaves the folder"),
        (stimuli("id,picture,scene,animate,size\na,../../x.png,b,1,1\n"), "path-escapes", "../../x.png"),
        (
            stimuli("id,picture,scene,animate,size\na,item00.png,b,1,1\na,item01.png,b,1,1\n"),
            "stimulus-ids",
            "rows 1 and 2",
        ),
        (stimuli("id,picture,scene,animate,size\n,item00.png,b,1,1\n"), "stimulus-ids", "row 1 has no id"),
        (stimuli("id,picture,scene,animate,size\na,item77.png,b,1,1\n"), "stimulus-missing", "item77.png"),
        (stimuli("id,picture,scene,animate,size\n"), "table", "no row"),
        (put("stimuli", "table", "stimuli.xlsx"), "file-missing", "stimuli.xlsx"),
        (put("regions", 1, "at_least", 20), "region-small", "'V1' has 8 units, at least 20"),
        (put("regions", 1, "maks", "x.nii"), "source", "Did you mean 'mask'?"),
        (put("about", {**ABOUT, "licence": "TODO"}), "unfinished", "about.licence"),
        (
            put("regions", 0, "name", "a/b"),
            "source",
            "'a/b' cannot be a region's name: up to 100 characters, no slash",
        ),
        (put("source", 2), "source-version", "source version 2 is not known"),
        (put("split", {"kind": "grouped", "folds": 9}), "too-few-samples", "6 groups"),
        (lambda t, f: t["responses"].update(subjects=["sub-01", "sub-01"]), "source", "'sub-01' is named twice"),
        (lambda t, f: scaled(first(f, "ses-2_betas"), 1e4), "mixed-units", "ses-1_betas.nii.gz of"),
        (lambda t, f: (f / "pictures" / "item03.png").write_bytes(b"no picture"), "not-an-image", "item03.png"),
        (lambda t, f: shorten(f / "pictures" / "item03.png"), "not-an-image", "item03.png"),
        (jpegs(-300), "not-an-image", "item03.jpg: not an image: image file is truncated"),
        (jpegs(-2), "not-an-image", "item03.jpg: not an image: image file is truncated"),
        (jpegs(300), "not-an-image", "item03.jpg"),
        (lambda t, f: end(first(f, "mask"), -12), "image-truncated", "sub-01_mask.nii.gz: the file is cut off"),
        (lambda t, f: end(first(f, "ses-2_betas"), -30), "image-truncated", "ses-2_betas.nii.gz: the file is cut"),
        (
            lambda t, f: write_nifti(
                first(f, "ses-2_betas"), np.ones((*SHAPE, 12)), affine=AFFINE * np.array([-1, 1, 1, 1])
            ),
            "image-flipped",
            "ses-2_betas.nii.gz: its axes point to RAS",
        ),
        (
            lambda t, f: [scaled(p, 1e6) for p in (f / "sub-02").glob("*_betas.nii.gz")],
            "mixed-units",
            "the numbers of subject 'sub-02' are of a size of 1.26e+09, those of 'sub-01' of 1.26e+03",
        ),
        (two_tables, "unknown-name", "r2.csv: 'b'"),
        (no_key, "missing-key", "'betas'"),
        (turned(True), "trial-count", "turned round: responses.transposed says"),
        (turned(False), "trial-count", "turned round: responses.transposed says"),
        (put("responses", "space", "NMI152NLin2009cAsym"), "unknown-name", "Did you mean 'MNI152NLin2009cAsym'"),
        (stimuli("id;picture;scene;animate;size\na;item00.png;b;1;1\n"), "table", "parted by ';'"),
        (lambda t, f: t["regions"].append({"name": "x"}), "source", "nothing says where it is"),
        (
            lambda t, f: t["regions"].append({"name": "x", "all": True, "units": ["voxel-001"]}),
            "source",
            "units and all say where",
        ),
        (lambda t, f: t["regions"].append(dict(t["regions"][1])), "region-twice", "'V1' first"),
        (atlases([1], [1]), "region-twice", "'area1' first"),
        (atlases([1, 2]), "atlas-overlap", "24 places have another label in atlas-1.nii.gz"),
        (atlases([1.5]), "atlas-labels", "1.5 is no label"),
        (atlases([3]), "region-name", "'a/b' cannot be a region's name"),
        (put("responses", "files", 3), "source", "responses.files: Input should be a valid string"),
        (put("responses", "files", "**betas.nii.gz"), "source", "** stands alone"),
        (put("responses", "files", "a" * 300), "source", "a name of 300 characters"),
        (
            put("responses", "units_table", "stimuli.csv"),
            "unit-count",
            "12 rows, but subject 'sub-01' has 8 units",
        ),
        (put("responses", "events", "events.tsv"), "source", "reader 'images' does not look at events"),
        (put("responses", "count", [0.1, 0.2]), "source", "'nwb' does"),
        (put("published", [{"region": "V9", "value": 0.5, "unit": "r2", "source": "x"}]), "bad-dataset", "V9"),
    ],
)
def test_bad_input_is_named(tmp_path, change, code, words):
    folder = tmp_path / "own"
    tables = broken(change)(folder)
    with pytest.raises(UserError) as fault:
        built(folder, tables)
    assert fault.value.code in code.split("|")
    assert words in str(fault.value)
    assert not (folder / "pack").exists()


def test_a_published_ceiling_of_no_region_is_refused_before_responses_are_read(betas, capsys):
    tables, folder = betas
    tables["published"] = [{"region": "V9", "value": 0.5, "unit": "r2", "source": "x"}]
    describe(folder, **tables)
    with pytest.raises(SystemExit) as left:
        main(["data", "check", str(folder), "--quiet"])
    said = capsys.readouterr().err
    assert left.value.code == 1 and "dataset.toml: published[0].region" in said and "Did you mean 'V1'" in said
    with pytest.raises(BadDataset, match="V9"):
        build_pack(folder, folder / "pack")
    assert not list(folder.glob("**/*.npy"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            put("about", {**ABOUT, "name": "../x"}),
            "dataset.toml: about.name: the name '../x' cannot be a folder name",
        ),
        (put("about", {**ABOUT, "drawn_from": ["imagnet"]}), "did you mean 'imagenet"),
        (put("regions", 1, "at_least", 20), "'V1' has 8 units, at least 20"),
        (put("regions", 0, "name", "V1"), "'V1' stands at cortex > V1 and at V1"),
    ],
)
def test_check_finds_what_needs_no_data(betas, tmp_path, change, words):
    tables, folder = betas
    change(tables, folder)
    describe(folder, **tables)
    with pytest.raises(UserError) as fault:
        plan_source(read_source(folder), folder, tmp_path / "work")
    assert words in str(fault.value)


def test_link_out_of_the_folder_is_refused(betas, tmp_path):
    tables, folder = betas
    outside = tmp_path / "outside.csv"
    shutil.copy(folder / "sub-01" / "sub-01_trials.csv", outside)
    (folder / "sub-01" / "sub-01_trials.csv").unlink()
    (folder / "sub-01" / "sub-01_trials.csv").symlink_to(outside)
    with pytest.raises(BadDataset) as fault:
        built(folder, tables)
    assert fault.value.code == "path-escapes"
