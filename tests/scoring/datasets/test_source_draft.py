"""Drafts of `gyral data init` for folders as laboratories keep them: once filled in, `check` and `build` take them."""

import re
import tomllib

import nibabel
import numpy as np
import pytest
import tomli_w
from nibabel.cifti2 import BrainModelAxis, ScalarAxis
from nibabel.gifti import GiftiDataArray, GiftiImage, GiftiLabel, GiftiLabelTable

from drafts import built, drafted, filled, run
from gyral.datasets.draft_tables import response_tables
from gyral.datasets.source_look import look
from sensor_folder import epochs_file, made_raw, save_fif
from source_folder import SHAPE, image_stimuli, write_csv, write_nifti

PEOPLE = ("sub-01", "sub-02")
MNI = "space-MNI152NLin2009cAsym_desc-preproc"
DRAW = np.random.default_rng


def series(path, seed=0, volumes=60):
    return write_nifti(path, DRAW(seed).normal(100, 1, (*SHAPE, volumes)), tr=2.0)


def events(path, labels=("face", "house", "face")):
    write_csv(
        path, onset=[10.0 + 20 * k for k in range(len(labels))], duration=[1.0] * len(labels), trial_type=labels
    )


def raw_bids(folder, *, tasks=("faces",), sessions=("",), runs=(1, 2)):
    """Series and events of each task, session and run; rest has no events."""
    (folder / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text('{"Name": "own", "BIDSVersion": "1.8.0"}')
    for person in PEOPLE:
        for stem in stems(person, tasks, sessions, runs):
            series(folder / f"{stem}_bold.nii.gz")
            if "task-rest" not in stem:
                events(folder / f"{stem}_events.tsv")


def stems(person, tasks=("faces",), sessions=("",), runs=(1, 2)):
    for task in tasks:
        for session in sessions:
            place, name = (f"{person}/{session}", f"{person}_{session}") if session else (person, person)
            yield from (f"{place}/func/{name}_task-{task}_run-{run}" for run in runs)


def fmriprep(folder, **options):
    """What fMRIPrep writes: two spaces, confounds, masks of each run, and an anatomy on a grid of its own."""
    for person in PEOPLE:
        for stem in stems(person, **options):
            for space in ("space-T1w_desc-preproc", MNI):
                series(folder / f"{stem}_{space}_bold.nii.gz", seed=1)
                mask = space.replace("preproc", "brain")
                write_nifti(folder / f"{stem}_{mask}_mask.nii.gz", np.ones(SHAPE))
            write_csv(folder / f"{stem}_desc-confounds_timeseries.tsv", trans_x=[0.0] * 60)
        anatomy = folder / person / "anat" / person
        for name in ("desc-preproc_T1w", "desc-brain_mask", "label-GM_probseg", "dseg"):
            write_nifti(anatomy.with_name(f"{person}_{name}.nii.gz"), np.ones((9, 9, 9)))


def brain(folder):
    """A mask that is made once init has asked for it; its name is hidden from init."""
    write_nifti(folder / ".brain.nii.gz", np.ones(SHAPE))
    return ".brain.nii.gz"


def test_sessions_become_one_pattern_that_check_takes(tmp_path):
    raw_bids(tmp_path, sessions=("ses-01", "ses-02"))
    told = filled(tmp_path, mask=brain(tmp_path))["responses"]
    assert told["files"] == "{subject}/ses-*/func/{subject}_ses-*_task-faces_run-*_bold.nii.gz"
    assert told["events"] == told["files"].replace("bold.nii.gz", "events.tsv")
    assert run("check", tmp_path) == 0


def test_sessions_of_betas_and_of_files_at_two_depths(tmp_path):
    image_stimuli(tmp_path, 6)
    for person in PEOPLE:
        for session in ("ses-01", "ses-02"):
            write_nifti(
                tmp_path / f"{person}/{session}/{person}_{session}_betas.nii.gz", DRAW(0).normal(size=(*SHAPE, 6))
            )
        write_csv(tmp_path / f"{person}/{person}_trials.csv", stimulus=[f"item{k:02d}" for k in range(6)] * 2)
        write_nifti(tmp_path / f"{person}/{person}_brain_mask.nii.gz", np.ones(SHAPE))
    made = built(tmp_path)
    assert made.responses.values["sub-01"].shape == (6, np.prod(SHAPE))
    (tmp_path / "sub-01" / "ses-01" / "sub-01_ses-01_betas.nii.gz").rename(
        tmp_path / "sub-01" / "sub-01_ses-01_betas.nii.gz"
    )
    (tmp_path / "dataset.toml").unlink()
    assert filled(tmp_path)["responses"]["files"] == "{subject}/**/{subject}_ses-*_betas.nii.gz"
    assert run("check", tmp_path) == 0


def test_sessions_of_recordings(tmp_path):
    for session in ("ses-01", "ses-02"):
        save_fif(tmp_path / f"sub-01/{session}/eeg/sub-01_{session}_task-see_raw.fif", made_raw())
        events(tmp_path / f"sub-01/{session}/eeg/sub-01_{session}_task-see_events.tsv", ("face", "house"))
        write_csv(tmp_path / f"sub-01/{session}/eeg/sub-01_{session}_task-see_events.tsv",
                  onset=[2.0, 3.0], duration=[0.1, 0.1], trial_type=["face", "house"])  # fmt: skip
    told = filled(tmp_path, kind="EEG", unit="µV")
    assert told["responses"]["files"] == "{subject}/ses-*/eeg/{subject}_ses-*_task-see_raw.fif"
    assert run("check", tmp_path) == 0


def test_fmriprep_below_raw_data_becomes_one_group_with_events_of_the_raw_tree(tmp_path):
    raw_bids(tmp_path, tasks=("faces", "rest"))
    fmriprep(tmp_path / "derivatives" / "fmriprep", tasks=("faces", "rest"))
    told = filled(tmp_path, mask=brain(tmp_path))
    stem = "derivatives/fmriprep/{subject}/func/{subject}_task-faces_run-*"
    assert told["responses"]["files"] == f"{stem}_{MNI}_bold.nii.gz"
    assert told["responses"]["events"] == "{subject}/func/{subject}_task-faces_run-*_events.tsv"
    assert told["regions"] == [{"name": "all", "all": True}], "the anatomy is on another grid"
    assert run("check", tmp_path) == 0
    (tmp_path / "dataset.toml").unlink()
    drafted(tmp_path)
    text = (tmp_path / "dataset.toml").read_text()
    assert f'# confounds = {{ files = "{stem}_desc-confounds_timeseries.tsv"' in text
    others = re.findall(r"# There are also (.*), \d+ files: files = ", text)
    spaces = [
        f"derivatives/fmriprep, space-{s}, desc-preproc, task-{t}"
        for t in ("faces", "rest")
        for s in ("T1w", MNI[6:-13])
    ]
    assert sorted(others) == sorted({*spaces, "raw, task-faces", "raw, task-rest"} - {spaces[1]})


def test_derivatives_without_events_ask_for_them(tmp_path):
    fmriprep(tmp_path)
    told = drafted(tmp_path)["responses"]
    assert (told["reader"], told["events"]) == ("bold", "TODO")
    assert "those of the raw dataset" in (tmp_path / "dataset.toml").read_text()
    (tmp_path / "dataset.toml").unlink()
    for person in PEOPLE:
        for stem in stems(person):
            events(tmp_path / "events" / f"{stem.rpartition('/')[2]}_events.tsv")
    (tmp_path / "events").rename(tmp_path / ".events")  # copied there once init has said so
    told = filled(tmp_path, events="events/{subject}_task-faces_run-*_events.tsv", mask=brain(tmp_path))
    (tmp_path / ".events").rename(tmp_path / "events")
    assert told["responses"]["files"] == f"{{subject}}/func/{{subject}}_task-faces_run-*_{MNI}_bold.nii.gz"
    assert run("check", tmp_path) == 0


def test_series_on_a_surface_are_series(tmp_path):
    (tmp_path / "sub-01" / "func").mkdir(parents=True)
    stem = tmp_path / "sub-01" / "func" / "sub-01_task-faces_run-1"
    for side, vertices in (("L", 7), ("R", 5)):
        gifti(f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii", DRAW(0).normal(size=(60, vertices)))
        stem.with_name(f"{stem.name}_hemi-{side}_space-fsaverage5_bold.json").write_text('{"RepetitionTime": 2.0}')
    events(
        tmp_path / "sub-01" / "func" / "sub-01_task-faces_run-1_events.tsv",
        ["face", "house", "face", "house", "cat"],
    )
    told = drafted(tmp_path)
    assert (
        told["responses"]["files"]
        == "{subject}/func/{subject}_task-faces_run-1_hemi-*_space-fsaverage5_bold.func.gii"
    )
    assert (told["responses"]["reader"], "mask" in told["responses"]) == ("bold", False)
    (tmp_path / "dataset.toml").unlink()
    filled(tmp_path)
    assert run("check", tmp_path) == 0


def gifti(path, arrays, names=None):
    table = GiftiLabelTable()
    for key, name in (names or {}).items():
        label = GiftiLabel(key, 1, 1, 1, 1)
        label.label = name
        table.labels.append(label)
    kind, dtype = ("NIFTI_INTENT_LABEL", np.int32) if names else ("NIFTI_INTENT_NONE", np.float32)
    arrays = [GiftiDataArray(np.asarray(a, dtype), intent=kind) for a in arrays]
    nibabel.save(GiftiImage(darrays=arrays, labeltable=table if names else None), path)


def hemispheres(folder, items=6):
    image_stimuli(folder, items)
    for side, vertices in (("L", 7), ("R", 5)):
        gifti(folder / f"sub-01_hemi-{side}_betas.func.gii", DRAW(0).normal(size=(items, vertices)))


def test_surfaces_without_an_atlas_are_all_their_vertices(tmp_path):
    hemispheres(tmp_path)
    made = built(tmp_path)
    assert [(r.name, len(r.units)) for r in made.regions] == [("all", 12)]


# nibabel leaves the file of an .mgh header open
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("name", "dtype"), [("wang15_mplbl", np.int32), ("glasser16_atlas", np.float32)])
def test_label_images_of_freesurfer_are_no_responses(tmp_path, name, dtype):
    """By one map of whole numbers, or by the name: some programs write labels as floats."""
    image_stimuli(tmp_path, 6)
    write_csv(tmp_path / "trials.csv", stimulus=[f"item{i:02d}" for i in range(6)])
    for side, vertices in (("lh", 7), ("rh", 5)):
        values = DRAW(0).normal(size=(vertices, 1, 1, 6)).astype(np.float32)
        nibabel.save(nibabel.MGHImage(values, np.eye(4)), tmp_path / f"{side}.betas.mgh")
        labels = (np.arange(vertices) % 3)[None, None].astype(dtype)
        nibabel.save(nibabel.MGHImage(labels, np.eye(4)), tmp_path / f"{side}.{name}.mgz")
    told = drafted(tmp_path)
    assert told["responses"]["files"] == "*h.betas.mgh"
    assert [r["atlas"] for r in told["regions"]] == [f"*h.{name}.mgz"]


def test_cifti_alone_is_all_its_places(tmp_path):
    image_stimuli(tmp_path, 6)
    places = BrainModelAxis.from_mask(np.ones(7, bool), name="cortex_left")
    values = DRAW(0).normal(size=(6, 7)).astype(np.float32)
    image = nibabel.Cifti2Image(values, (ScalarAxis([f"b{k}" for k in range(6)]), places))
    nibabel.save(image, tmp_path / "sub-01_betas.dscalar.nii")
    made = built(tmp_path)
    assert [(r.name, len(r.units)) for r in made.regions] == [("all", 7)]
    np.testing.assert_array_equal(made.responses.values["sub-01"], values)


def test_a_volume_has_air_and_needs_a_mask(tmp_path):
    image_stimuli(tmp_path, 6)
    write_nifti(tmp_path / "sub-01_betas.nii.gz", DRAW(0).normal(size=(*SHAPE, 6)))
    assert drafted(tmp_path)["responses"]["mask"] == "TODO"
    (tmp_path / "dataset.toml").unlink()
    made = built(tmp_path, mask=brain(tmp_path))
    assert [(r.name, len(r.units)) for r in made.regions] == [("all", np.prod(SHAPE))]


def labels(folder):
    names = {0: "???", 1: "V1", 2: "V2"}
    gifti(folder / "sub-01_hemi-L_wang.label.gii", [[0, 1, 1, 2, 0, 0, 0]], names)
    gifti(folder / "sub-01_hemi-R_wang.label.gii", [[2, 1, 0, 0, 0]], names)


def test_two_hemispheres_of_an_atlas_are_one_atlas(tmp_path):
    hemispheres(tmp_path)
    labels(tmp_path)
    made = built(tmp_path)
    assert {r.name: len(r.units) for r in made.regions} == {"V1": 3, "V2": 2}
    assert 'atlas = "{subject}_hemi-*_wang.label.gii"' in (tmp_path / "dataset.toml").read_text().replace("'", '"')


def test_times_and_sensors_are_those_of_the_header(tmp_path):
    epochs_file(
        tmp_path / "sub-01_task-see_epo.fif",
        {"face": 1, "house": 2},
        events=tuple((150 * k, 1 + k % 2) for k in range(1, 6)),
        rate=128.0,
        kind="mag",
        sensors=("A", "B"),
        montage=False,
    )
    told = drafted(tmp_path)["epochs"]
    assert (told["start"], told["stop"], told["picks"]) == (-0.203125, 0.398438, "mag")
    (tmp_path / "dataset.toml").unlink()
    filled(tmp_path, kind="MEG", unit="fT")
    assert run("check", tmp_path) == 0


def test_arrays_of_three_axes_are_not_passed_over(tmp_path, capsys):
    image_stimuli(tmp_path, 4)
    np.save(tmp_path / "sub-01_trials.npy", np.zeros((4, 3, 5)))
    np.save(tmp_path / "order.npy", np.arange(4))
    (sight,) = [s for s in look(tmp_path).sights if not s.readable]
    assert sight.hint.startswith("sub-01_trials.npy: it holds an array of 4 x 3 x 5; two axes are expected")
    assert run("init", tmp_path) == 1 and "4 x 3 x 5" in capsys.readouterr().err
    np.save(tmp_path / "sub-01_betas.npy", np.ones((4, 3)))
    assert drafted(tmp_path)["responses"]["files"] == "{subject}_betas.npy"


@pytest.mark.parametrize("ending", ["h5", "hdf5", "hf5"])
def test_dissimilarities_in_hdf5_of_any_name_are_built(tmp_path, ending):
    h5py = pytest.importorskip("h5py")
    image_stimuli(tmp_path, 6)
    with h5py.File(tmp_path / f"it.{ending}", "w") as file:
        file["dissimilarities"] = np.abs(DRAW(0).normal(size=(2, 15)))
    assert set(built(tmp_path, kind="fMRI").rdms) == {"it"}


def test_what_is_held_back_is_a_field_that_the_draft_names(tmp_path):
    image_stimuli(tmp_path, 4)
    np.save(tmp_path / "r.npy", np.zeros((4, 3)))
    drafted(tmp_path)
    assert re.search(r"^# holdout = false +# ", (tmp_path / "dataset.toml").read_text(), re.MULTILINE)


def test_regions_that_stand_twice_are_refused_before_anything_is_read(tmp_path, capsys):
    hemispheres(tmp_path)
    labels(tmp_path)
    filled(tmp_path)
    path = tmp_path / "dataset.toml"
    told = tomllib.loads(path.read_text())
    told["regions"] = [{"atlas": f"{{subject}}_hemi-{side}_wang.label.gii"} for side in "LR"]
    path.write_bytes(tomli_w.dumps(told).encode())
    assert run("check", tmp_path) == 1
    assert "declared twice" in capsys.readouterr().err


def test_motion_and_places_in_a_table_of_trials_are_no_units(tmp_path):
    trials = {
        "stimulus": ["a", "b"],
        "trans_x": [0.1, 0.2],
        "rot_y": [0.1, 0.3],
        "framewise_displacement": [0, 0.1],
    }
    write_csv(tmp_path / "trials.csv", **trials, x_deg=[1.0, 2.0])
    assert response_tables(tmp_path, look(tmp_path)) is None
    write_csv(tmp_path / "betas.csv", **trials, v1=[0.2, 0.4])
    found = response_tables(tmp_path, look(tmp_path))
    assert found.paths == ("betas.csv",) and found.units == ("v1",)
