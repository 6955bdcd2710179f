"""What `gyral data init` recognises, and that its drafts are descriptions."""

import re
import tomllib

import numpy as np
import pytest

from gyral.benchmarks.benchmark import CEILINGS, Benchmark
from gyral.datasets.source import TODO, Source, unfinished
from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from gyral.errors import BadDataset
from gyral.metrics.metric import metrics_of
from source_folder import SHAPE, image_stimuli, write_csv, write_nifti


def put(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"0")


def fields(folder):
    return tomllib.loads(draft(folder, look(folder)).text)


def finished(told):
    """The draft with every mark replaced by something that is allowed there."""
    allowed = {"kind": "fMRI", "modality": "text", "table": "t.csv", "files": "t.csv", "stimulus": "id"}
    if isinstance(told, dict):
        return {k: allowed.get(k, "x") if v == "TODO" else finished(v) for k, v in told.items()}
    return [finished(v) for v in told] if isinstance(told, list) else told


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("story.mp3", "sounds"),
        ("some.hdf5", "HDF5"),
    ],
)
def test_what_is_known_and_not_read_is_said_with_a_way_out(tmp_path, name, what):
    put(tmp_path, name)
    (sight,) = [s for s in look(tmp_path).sights if s.what == what]
    assert not sight.readable
    assert sight.hint


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (
            "nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR/betas_session01.hdf5",
            "NSD betas",
        ),
        ("subj01/training_split/training_fmri/lh_training_fmri.npy", "Algonauts 2023"),
        ("preprocessed/preprocessed_P1-epo.fif", "THINGS-MEG"),
        ("betas_csv/sub-01_ResponseData.h5", "THINGS-fMRI"),
        ("sub-01/voxel-metadata/sub-01_task-things_voxel-wise-responses.h5", "THINGS-fMRI"),
        ("sub-01/preprocessed_eeg_training.npy", "THINGS-EEG2"),
        ("stimuli/gentle/pieman/align.csv", "Narratives"),
        ("M02/data_243sentences.mat", "Pereira 2018"),
        ("UTS01/wheretheressmoke.hf5", "LeBel/Huth stories"),
    ],
)
def test_published_datasets_are_told_by_the_names_of_their_files(tmp_path, name, what):
    put(tmp_path, name, "notes.txt")
    seen = look(tmp_path)
    assert seen.layout.name == what
    (sight,) = [s for s in seen.sights if s.what == what]
    assert (sight.readable, sight.count) == (True, 1)
    assert not [s for s in seen.sights if not s.readable]


def test_a_published_dataset_is_told_behind_a_folder_of_many_images(tmp_path, monkeypatch):
    monkeypatch.setattr("gyral.datasets.source_look.MOST", 5)
    put(tmp_path, *(f"IMAGES/{k}.jpg" for k in range(9)), "derivatives/preprocessed_P1-epo.fif")
    seen = look(tmp_path)
    assert seen.cut and seen.layout.name == "THINGS-MEG"
    put(tmp_path / "other", *(f"{k}.jpg" for k in range(9)))
    assert look(tmp_path / "other").layout is None


def bids(folder):
    for subject in ("sub-01", "sub-02"):
        for run in (1, 2):
            stem = f"{subject}/func/{subject}_task-see_run-{run}"
            write_nifti(folder / f"{stem}_space-T1w_desc-preproc_bold.nii.gz", np.ones((*SHAPE, 5)), tr=2.0)
            write_csv(folder / f"{stem}_events.tsv", onset=[0], duration=[1], trial_type=["item00"])
            write_csv(folder / f"{stem}_desc-confounds_timeseries.tsv", trans_x=[0.0] * 5)
        write_nifti(folder / f"{subject}/anat/{subject}_T1w.nii.gz", np.ones(SHAPE))
        write_nifti(folder / f"{subject}/func/{subject}_desc-brain_mask.nii.gz", np.ones(SHAPE))
        write_nifti(folder / f"{subject}/rois/{subject}_FFA.nii.gz", np.ones(SHAPE))
    put(folder, "dataset_description.json")


def test_bids_derivatives_become_patterns_of_subjects_and_runs(tmp_path):
    bids(tmp_path)
    seen = look(tmp_path)
    assert seen.subjects == ("sub-01", "sub-02")
    assert {s.what: s.count for s in seen.sights}["BOLD series"] == 4
    told = fields(tmp_path)
    responses = told["responses"]
    assert responses["reader"] == "bold"
    stem = "{subject}/func/{subject}"
    assert responses["files"] == f"{stem}_task-see_run-*_space-T1w_desc-preproc_bold.nii.gz"
    assert responses["events"] == f"{stem}_task-see_run-*_events.tsv"
    assert responses["mask"] == f"{stem}_desc-brain_mask.nii.gz"
    assert told["regions"] == [{"name": "FFA", "mask": "{subject}/rois/{subject}_FFA.nii.gz"}]


@pytest.mark.parametrize("kind", ["bids", "rdms", "table", "array", "sentences", "nothing known"])
def test_a_draft_is_a_description_once_its_marks_are_gone(tmp_path, kind):
    if kind == "bids":
        bids(tmp_path)
    elif kind == "rdms":
        image_stimuli(tmp_path, 4)
        np.savez(tmp_path / "rdms.npz", it=np.zeros((4, 4)), v1=np.zeros((3, 4, 4)), names=np.array(["a"]))
    elif kind == "table":
        write_csv(tmp_path / "t.csv", id=["a", "b"], sentence=["One.", "Two."], IFG=[0.5, 1.0])
    elif kind == "array":
        image_stimuli(tmp_path, 4)
        np.save(tmp_path / "r.npy", np.zeros((4, 3)))
    elif kind == "sentences":
        write_csv(tmp_path / "items.csv", item_id=["a", "b"], sentence=["One.", "Two."], story=["x", "x"])
    else:
        put(tmp_path, "notes.txt")
    told = fields(tmp_path)
    assert "about.licence" in unfinished(told)
    source = Source.model_validate(finished(told))
    if kind == "rdms":
        assert [(r.region, r.key) for r in source.rdms] == [("it", "it"), ("v1", "v1")]
    elif kind == "sentences":
        assert (source.stimuli.text, source.stimuli.group) == ("sentence", "story")


def write_hdf5(path, **variables):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in variables.items():
            file[name.replace("__", "/")] = values


def test_arrays_in_hdf5_are_drafted_with_their_variable(tmp_path):
    image_stimuli(tmp_path, 4)
    for subject in ("sub-01", "sub-02"):
        write_hdf5(
            tmp_path / f"{subject}_betas.h5", data__betas=np.zeros((4, 3)), order=np.arange(4), n=np.ones((1, 4))
        )
    seen = look(tmp_path)
    assert {(s.what, s.count, s.readable) for s in seen.sights if s.what != "images"} >= {("arrays", 2, True)}
    assert not [s for s in seen.sights if not s.readable]
    told = fields(tmp_path)["responses"]
    assert (told["reader"], told["files"], told["key"]) == ("array", "{subject}_betas.h5", "data/betas")
    assert told["subjects"] == ["sub-01", "sub-02"]
    Source.model_validate(finished(fields(tmp_path)))


def test_of_several_arrays_in_hdf5_the_owner_names_one(tmp_path):
    image_stimuli(tmp_path, 4)
    write_hdf5(tmp_path / "r.hdf5", betas=np.zeros((4, 3)), noise=np.zeros((2, 4)))
    text = draft(tmp_path, look(tmp_path)).text
    assert tomllib.loads(text)["responses"]["key"] == TODO
    assert "of two axes: betas (4 x 3), noise (2 x 4)" in text


def test_hdf5_of_something_else_is_no_array(tmp_path):
    write_hdf5(tmp_path / "weights.h5", conv=np.zeros((2, 3, 3, 3)), square=np.zeros((5, 5)), names=["a", "b"])
    seen = look(tmp_path)
    assert "array" not in seen.files and [s.what for s in seen.sights] == ["HDF5"]


def test_dissimilarities_of_rsatoolbox_are_no_array(tmp_path):
    write_hdf5(tmp_path / "it.hdf5", dissimilarities=np.zeros((2, 6)))
    assert [(r["region"], r["file"]) for r in fields(tmp_path)["rdms"]] == [("it", "it.hdf5")]


def refused(folder):
    with pytest.raises(BadDataset, match="no responses in it can be read") as caught:
        draft(folder, look(folder))
    assert caught.value.code == "not-recognised"
    (sight,) = [s for s in look(folder).sights if not s.readable]
    assert sight.hint == caught.value.mend.rstrip(".")
    return caught.value.mend


def test_what_cannot_hold_responses_is_said_with_its_name_and_no_table_drafted(tmp_path):
    image_stimuli(tmp_path, 4)
    (tmp_path / "x.h5").write_text("rubbish")
    assert refused(tmp_path) == "x.h5: this is no HDF5 file."
    write_hdf5(tmp_path / "x.h5", a__responses=np.zeros((40, 3, 12)), n=3)
    assert refused(tmp_path) == (
        "x.h5: it holds a/responses (40 x 3 x 12); an array of two axes is expected, trials x units or units x trials."
    )
    (tmp_path / "x.h5").rename(tmp_path / "x.nc")
    (tmp_path / "x.nc").write_text("rubbish")
    assert refused(tmp_path) == "x.nc: not a netCDF file; it begins with b'rubbish'."
    np.save(tmp_path / "r.npy", np.zeros((4, 3)))
    assert responses(tmp_path)["files"] == "r.npy", "one bad file does not stop the others"


def test_netcdf_is_told_by_its_first_bytes_and_other_files_are_left_out(tmp_path):
    scipy_io = pytest.importorskip("scipy.io")
    for name in ("b.nc", "c.nc"):
        with scipy_io.netcdf_file(tmp_path / name, "w") as file:
            file.createDimension("trial", 4)
            file.createDimension("unit", 3)
            file.createVariable("rates", "f4", ("trial", "unit"))[:] = 1
    (tmp_path / "a.nc").write_text("rubbish")
    told = {s.what: (s.count, s.readable) for s in look(tmp_path).sights}
    assert told == {"netCDF (assemblies of BrainIO, or plain arrays)": (2, True), "netCDF": (1, False)}
    assert responses(tmp_path)["files"] == ["b.nc", "c.nc"]


def test_packs_and_hidden_files_are_passed_over(tmp_path):
    put(tmp_path, "pack/responses/s.npy", "pack/dataset.toml", ".pack.building/x.npy", "a.png")
    assert look(tmp_path).files == {"image": ["a.png"]}
    put(tmp_path / "empty", ".hidden")
    with pytest.raises(BadDataset, match="no file in it"):
        look(tmp_path / "empty")


def responses(folder):
    return fields(folder)["responses"]


def test_a_mask_that_only_its_description_names_is_called_so(tmp_path):
    for subject in ("sub-01", "sub-02"):
        for mask in ("desc-V1_mask", "space-T1w_FFA_mask"):
            write_nifti(tmp_path / f"{subject}/{subject}_{mask}.nii.gz", np.ones(SHAPE))
        write_nifti(tmp_path / f"{subject}/{subject}_betas.nii.gz", np.ones((*SHAPE, 5)))
    assert {r["name"] for r in fields(tmp_path)["regions"]} == {"V1", "FFA"}


def test_tables_of_responses_name_their_subjects_and_follow_one_pattern(tmp_path):
    write_csv(tmp_path / "stimuli.csv", id=["a", "b"], sentence=["One.", "Two."], length=[4, 4])
    for name in ("anna", "ben"):
        write_csv(
            tmp_path / f"data/{name}.csv", stimulus_id=["a", "b"], run=[1, 2], IFG=[0.5, 1.0], MTG=[1.0, 2.0]
        )
    told = responses(tmp_path)
    assert (told["files"], told["stimulus"]) == ("data/{subject}.csv", "stimulus_id")
    assert told["subjects"] == ["anna", "ben"]
    assert told["units"] == ["IFG", "MTG"], "a run is no response"


def test_bids_like_names_of_tables_become_subjects_wherever_they_stand(tmp_path):
    for name in ("sub-01", "sub-02"):
        write_csv(tmp_path / f"{name}/{name}_responses.csv", stimulus=["a", "b"], IFG=[0.5, 1.0])
    told = responses(tmp_path)
    assert told["files"] == "{subject}/{subject}_responses.csv"
    assert told["subjects"] == ["sub-01", "sub-02"] and "units" not in told


@pytest.mark.parametrize(("people", "subjects"), [(["kim", "kim"], ["kim"]), (["kim", "lee"], ["kim", "lee"])])
@pytest.mark.parametrize("head", ["subject", "participant"])
def test_one_table_names_its_subjects(tmp_path, people, subjects, head):
    write_csv(tmp_path / "r.csv", **{head: people}, id=["a", "b"], rt=[0.5, 0.4])
    told = responses(tmp_path)
    assert (told["files"], told["subjects"]) == ("r.csv", subjects)
    # several in one file are told apart by a column of that name
    renamed = "# Rename the column 'participant' of r.csv to 'subject'" in draft(tmp_path, look(tmp_path)).text
    assert renamed == (head == "participant" and len(subjects) > 1)


def test_tables_that_differ_in_more_than_one_word_are_left_to_their_owner(tmp_path):
    for name in ("anna_1", "ben_2"):
        write_csv(tmp_path / f"{name}.csv", stimulus=["a", "b"], IFG=[0.5, 1.0])
    assert responses(tmp_path)["subjects"] == [TODO]


@pytest.mark.parametrize("kind", ["table", "rdms"])
def test_the_commented_benchmark_is_one_once_it_is_uncommented(tmp_path, kind):
    image_stimuli(tmp_path, 4)
    if kind == "table":
        write_csv(tmp_path / "r.csv", stimulus=["item00", "item01"], IFG=[0.5, 1.0])
    else:
        np.savez(tmp_path / "rdms.npz", it=np.zeros((4, 4)))
    text = draft(tmp_path, look(tmp_path)).text
    declared = re.sub("^# ", "", text[text.index("# [benchmark]") :], flags=re.MULTILINE).partition("\nrdm = ")[0]
    table = tomllib.loads(declared)["benchmark"]
    assert unfinished(table) == ["title"]
    made, source = Benchmark(**table), tomllib.loads(text)
    assert made.dataset == source["about"]["name"] and made.modality == "vision"
    assert made.metric in metrics_of(made.task) and made.ceiling in CEILINGS[made.task]
    assert made.main_region == ("all" if kind == "table" else "it")
