"""Functional localisers: against nilearn's own first-level model, from files to a pack, and every refusal."""

import shutil

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel

from gyral.cli.main import main
from gyral.datasets.pack import read_pack
from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble, build_pack
from gyral.errors import UserError
from source_folder import SHAPE, beta_folder, describe, image_stimuli, write_csv, write_nifti

TR, VOLUMES = 2.0, 90


def localiser_runs(folder, subjects=("sub-01", "sub-02")):
    """Two runs of face and house blocks a subject; voxels with i = 1 answer to faces."""
    draw = np.random.default_rng(3)
    for number, subject in enumerate(subjects):
        for run in (1, 2):
            stem = folder / subject / f"{subject}_task-loc_run-{run}"
            onsets = np.arange(8) * 20.0 + 4
            kinds = [("face", "house")[(i + run) % 2] for i in range(8)]
            noise = draw.normal(size=(*SHAPE, VOLUMES))
            noise[..., 1:] += 0.5 * noise[..., :-1]  # neighbours in time are alike
            for onset, kind in zip(onsets, kinds, strict=True):
                volumes = (np.arange(VOLUMES) * TR > onset + 4) & (np.arange(VOLUMES) * TR < onset + 14)
                noise[1, :, :, volumes] += 3.0 * (kind == "face") * (1 - 0.2 * number)
            write_nifti(stem.with_name(f"{stem.name}_desc-preproc_bold.nii.gz"), 500 + 5 * noise, tr=TR)
            write_csv(
                stem.with_name(f"{stem.name}_events.tsv"),
                onset=onsets,
                duration=[10.0] * 8,
                trial_type=kinds,
            )


@pytest.fixture
def study(tmp_path):
    """Betas of two subjects, two localiser runs each, and the tables of a description."""
    folder = tmp_path / "own"
    tables = beta_folder(folder)
    localiser_runs(folder)
    tables["regions"] = [
        {"name": "cortex", "all": True},
        {
            "name": "FFA",
            "path": ["visual", "ventral"],
            "localiser": {
                "files": "{subject}/{subject}_task-loc_run-*_desc-preproc_bold.nii.gz",
                "events": "{subject}/{subject}_task-loc_run-*_events.tsv",
                "contrast": {"face": 1.0, "house": -1.0},
                "t": 5.0,
            },
        },
    ]
    return tables, folder


def by_nilearn(folder, subject):
    """t of face - house over both runs at every voxel of the grid."""
    model = FirstLevelModel(
        t_r=TR,
        hrf_model="glover",
        drift_model="cosine",
        high_pass=0.01,
        mask_img=nibabel.Nifti1Image(np.ones(SHAPE, np.uint8), nibabel.load(runs(folder, subject)[0]).affine),
        noise_model="ar1",
        signal_scaling=0,
        minimize_memory=True,
    )
    events = [pd.read_csv(p, sep="\t") for p in sorted(folder.glob(f"{subject}/*_events.tsv"))]
    model.fit([nibabel.load(p) for p in runs(folder, subject)], events)
    return np.asarray(model.compute_contrast("face - house", output_type="stat").dataobj)


def runs(folder, subject):
    return sorted(folder.glob(f"{subject}/*_bold.nii.gz"))


def voxels(pack, region, subject):
    units = pack.units.iloc[pack.region(region).units]
    return {tuple(v) for v in units.loc[units["subject"] == subject, ["i", "j", "k"]].to_numpy().tolist()}


def read(folder, tables):
    describe(folder, **tables)
    return assemble(read_source(folder), folder, folder.parent / "work").dataset


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::RuntimeWarning")
def test_region_is_where_nilearns_t_is_high(study):
    tables, folder = study
    pack = read(folder, tables)
    assert pack.region("FFA").path == ("visual", "ventral", "FFA")
    for subject in ("sub-01", "sub-02"):
        t = by_nilearn(folder, subject)
        searched = {(i, j, k) for i in (1, 2) for j in (1, 2) for k in (0, 1)}
        expected = {v for v in searched if t[v] > 5.0}
        assert expected  # of the planted answer
        assert voxels(pack, "FFA", subject) == expected
        assert {v[0] for v in expected} == {1}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::RuntimeWarning")
def test_top_percent_is_of_the_places_inside_both_masks(study):
    tables, folder = study
    half = np.zeros(SHAPE)
    half[1:3, 1:, 0] = 1
    for subject in ("sub-01", "sub-02"):
        write_nifti(folder / subject / "fusiform.nii.gz", half)
    region = tables["regions"][1]
    region["mask"] = "{subject}/fusiform.nii.gz"
    del region["localiser"]["t"]
    region["localiser"]["top"] = 50.0
    pack = read(folder, tables)
    for subject in ("sub-01", "sub-02"):
        t = by_nilearn(folder, subject)
        ranked = sorted([(1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0)], key=lambda v: -t[v])
        assert voxels(pack, "FFA", subject) == set(ranked[:2])
    region["localiser"]["t"] = 1e3
    region["smaller"] = "drop"
    assert [r.name for r in read(folder, tables).regions] == ["cortex"]


def test_scale_none_takes_runs_without_a_mean(study):
    tables, folder = study
    for path in folder.glob("*/*_bold.nii.gz"):
        image = nibabel.load(path)
        values = np.asarray(image.dataobj)
        write_nifti(path, values - values.mean(axis=-1, keepdims=True), tr=TR)
    with pytest.raises(UserError) as fault:
        read(folder, tables)
    assert fault.value.code == "localiser" and "scale" in fault.value.mend
    tables["regions"][1]["localiser"]["scale"] = "none"
    assert {v[0] for v in voxels(read(folder, tables), "FFA", "sub-01")} == {1}


def test_constant_and_missing_voxels_are_in_no_region(study):
    tables, folder = study
    for path, value in zip(runs(folder, "sub-01"), (0.0, np.nan), strict=True):
        values = np.asarray(nibabel.load(path).dataobj).copy()
        values[1, 1, int(np.isnan(value))] = value
        write_nifti(path, values, tr=TR)
    found = voxels(read(folder, tables), "FFA", "sub-01")
    assert found and not found & {(1, 1, 0), (1, 1, 1)}


def test_runs_of_bold_that_are_scored_by_others(tmp_path):
    """Reader 'bold': one task is scored, another localises."""
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, 8)
    localiser_runs(folder, ("sub-01",))
    draw = np.random.default_rng(1)
    for run in (1, 2):
        stem = folder / "sub-01" / f"sub-01_task-see_run-{run}"
        write_nifti(stem.with_name(f"{stem.name}_bold.nii.gz"), 100 + draw.normal(size=(*SHAPE, 80)), tr=TR)
        write_csv(
            stem.with_name(f"{stem.name}_events.tsv"),
            onset=[4 + 16 * i for i in range(8)],
            duration=[2] * 8,
            trial_type=[f"item{i:02d}" for i in draw.permutation(8)],
        )
    write_nifti(folder / "mask.nii.gz", np.ones(SHAPE))
    tables = {
        "stimuli": stimuli,
        "responses": {
            "reader": "bold",
            "kind": "fMRI",
            "unit": "a.u.",
            "subjects": ["sub-01"],
            "files": "{subject}/*_task-see_*_bold.nii.gz",
            "events": "{subject}/*_task-see_*_events.tsv",
            "stimulus": "trial_type",
            "mask": "mask.nii.gz",
            "window": [4.0, 8.0],
        },
        "regions": [
            {
                "name": "FFA",
                "localiser": {
                    "files": "{subject}/*_task-loc_*_bold.nii.gz",
                    "events": "{subject}/*_task-loc_*_events.tsv",
                    "contrast": {"face": 1.0, "house": -1.0},
                    "t": 5.0,
                },
            }
        ],
    }
    assert {v[0] for v in voxels(read(folder, tables), "FFA", "sub-01")} == {1}
    localiser = tables["regions"][0]["localiser"]
    localiser["files"] = "{subject}/*_task-see_*_bold.nii.gz"
    assert "among the files of the responses" in refused("localiser-scored", folder, tables)
    shutil.copy(folder / "sub-01/sub-01_task-see_run-1_bold.nii.gz", folder / "sub-01/copy.nii.gz")
    localiser |= {"files": "{subject}/copy.nii.gz", "events": "{subject}/*_task-loc_run-1_events.tsv"}
    assert "copy.nii.gz" in refused("localiser-scored", folder, tables)
    # another preprocessing of a scored run
    smooth = folder / "sub-01/sub-01_task-see_run-2_desc-smooth_bold.nii.gz"
    write_nifti(smooth, 100 + draw.normal(size=(*SHAPE, 80)), tr=TR)
    tables["responses"]["files"] = [f"{{subject}}/{{subject}}_task-see_run-{r}_bold.nii.gz" for r in (1, 2)]
    localiser |= {"files": "{subject}/*_desc-smooth_bold.nii.gz"}
    assert "it is the run of sub-01_task-see_run-2_bold.nii.gz" in refused("localiser-scored", folder, tables)
    localiser |= {
        "files": "{subject}/*_task-loc_run-1_*_bold.nii.gz",
        "events": "{subject}/*_task-see_run-1_events.tsv",
    }
    assert "its events are those of a run" in refused("localiser-scored", folder, tables)


def refused(code, folder, tables):
    describe(folder, **tables)
    with pytest.raises(UserError) as fault:
        build_pack(folder, folder / "pack")
    assert fault.value.code == code, fault.value
    return str(fault.value)


def change(**values):
    return lambda tables, folder: tables["regions"][1]["localiser"].update(values)


def without(name):
    return lambda tables, folder: tables["regions"][1]["localiser"].pop(name)


def array_reader(tables, folder):
    tables["responses"] |= {"reader": "array", "files": "{subject}.npy"}
    del tables["responses"]["mask"], tables["responses"]["trials"]
    for subject in tables["responses"]["subjects"]:
        np.save(folder / f"{subject}.npy", np.zeros((12, 5)))


def events(text):
    def write(tables, folder):
        (folder / "sub-02" / "sub-02_task-loc_run-2_events.tsv").write_text(text.replace(" ", "\t"))

    return write


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (without("t"), "source", "top = 10.0 percent"),
        (change(contrast={}), "source", "contrast"),
        (change(contrast={"face": 0.0}), "source", "every weight"),
        (change(contrast={"faces": 1.0}), "unknown-name", "Did you mean 'face'?"),
        (change(top=120.0), "source", "regions.1.localiser.top"),
        (change(treshold=3.0), "source", "there is no such field"),
        (change(files="{subject}/*_loc.nii.gz"), "file-missing", "no file matches"),
        (change(files="../x.nii.gz"), "path-escapes", "leaves the folder"),
        (change(files="{subject}/*run-1_desc-preproc_bold.nii.gz"), "trial-count", "2 events tables for 1 runs"),
        (change(tr=1.0), "tr-differs", "2 s in its header"),
        (change(hrf="glovr"), "source", "hrf: Input should be 'glover'"),
        (events("onset duration trial_type\n4 10 face\n"), "unknown-name", "'house'"),
        (events("onset duration trial_type\n4 10 face\n400 10 house\n"), "events-outside", "begin after"),
        (events("onset duration trial_type\n4 10 face\n4 10 house\n"), "design-rank", "cannot be told apart"),
        (lambda t, f: t["regions"][1].pop("name"), "source", "needs a name"),
        (lambda t, f: t["responses"].pop("mask"), "no-mask", "where its localiser looks"),
        (lambda t, f: t["regions"][1].update(mask="{subject}/{subject}_none.nii.gz"), "empty-mask", "nothing is inside"),
        (array_reader, "source", "goes with readers 'images' and 'bold'"),
        (change(t=1e6), "region-small", "has 0 units"),
    ],
)  # fmt: skip
def test_bad_localiser_is_named(study, spoil, code, words):
    tables, folder = study
    for subject in ("sub-01", "sub-02"):
        write_nifti(folder / subject / f"{subject}_none.nii.gz", np.zeros(SHAPE))
    spoil(tables, folder)
    assert words in refused(code, folder, tables)


def test_localiser_on_another_grid_is_refused(study):
    tables, folder = study
    write_nifti(runs(folder, "sub-02")[1], np.ones((5, 3, 2, VOLUMES)), tr=TR)
    assert "(5, 3, 2)" in refused("image-shape", folder, tables)
    path = runs(folder, "sub-02")[1]
    gifti = path.with_name("sub-02_task-loc_run-2_hemi-L_bold.func.gii")
    gifti.write_text("<GIFTI/>")
    tables["regions"][1]["localiser"]["files"] = "{subject}/*_hemi-L_bold.func.gii"
    tables["responses"]["subjects"] = ["sub-02"]
    assert "this is no volume" in refused("not-an-image", folder, tables)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_localiser_goes_through_the_command_line(study, capsys):
    tables, folder = study
    describe(folder, **tables)
    for command in (["check", str(folder)], ["build", str(folder)], ["check", str(folder / "pack")]):
        with pytest.raises(SystemExit) as left:
            main(["data", *command])
        out, err = capsys.readouterr()
        assert left.value.code == 0, (command, out, err)
    assert len(read_pack(folder / "pack").region("FFA")) > 0
