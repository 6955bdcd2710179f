"""Trials of BOLD series: against nilearn's own first-level models, and every fault of times and confounds."""

import gzip
import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level import FirstLevelModel

from gyral.datasets.readers.bold import clean_run, window_means
from gyral.datasets.readers.events import run_names
from gyral.datasets.source import read_source
from gyral.datasets.source_build import assemble
from gyral.datasets.source_plan import plan_source
from gyral.errors import UserError
from source_folder import SHAPE, describe, image_stimuli, write_csv, write_nifti

TR = 2.0
LENGTHS = (60, 75)  # volumes of the two runs
STIMULI = 8


@pytest.fixture
def bold(tmp_path):
    """Two runs of different lengths of eight stimuli each, with drifts; the description's tables and the folder."""
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, STIMULI)
    draw = np.random.default_rng(7)
    for run, volumes in enumerate(LENGTHS):
        stem = f"sub-01_task-see_run-{run + 1}"
        noise = draw.normal(size=(*SHAPE, volumes)) + np.linspace(0, 3, volumes)
        write_nifti(folder / "func" / f"{stem}_bold.nii.gz", 100 + noise, tr=TR)
        order = draw.permutation(STIMULI)
        write_csv(
            folder / "func" / f"{stem}_events.tsv",
            onset=[f"{4 + 12 * i + run}" for i in range(STIMULI)] + ["2.0"],
            duration=["2"] * (STIMULI + 1),
            trial_type=[f"item{i:02d}" for i in order] + ["button"],
        )
        motion = draw.normal(size=volumes)
        write_csv(
            folder / "func" / f"{stem}_desc-confounds_timeseries.tsv",
            trans_x=[f"{m:.4f}" for m in motion],
            trans_x_derivative1=["n/a"] + [f"{m:.4f}" for m in np.diff(motion)],
        )
    write_nifti(folder / "mask.nii.gz", np.ones(SHAPE))
    tables = {
        "stimuli": stimuli,
        "responses": {
            "reader": "bold",
            "kind": "fMRI",
            "unit": "a.u.",
            "subjects": ["sub-01"],
            "files": "func/{subject}_*_bold.nii.gz",
            "events": "func/{subject}_*_events.tsv",
            "stimulus": "trial_type",
            "ignore": ["button"],
            "mask": "mask.nii.gz",
            "estimate": "lsa",
        },
        "regions": [{"name": "all", "all": True}],
    }
    return tables, folder


def read(folder, tables):
    describe(folder, **tables)
    return assemble(read_source(folder), folder, folder.parent / "work").dataset


def by_nilearn(folder, run, *, separate, confounds=()):
    """Trials x voxels by nilearn's first-level model on the image itself, in the order of stimuli."""
    stem = folder / "func" / f"sub-01_task-see_run-{run + 1}"
    events = pd.read_csv(f"{stem}_events.tsv", sep="\t")
    mask = nibabel.load(folder / "mask.nii.gz")
    regressors = None
    if confounds:
        regressors = pd.read_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t")[list(confounds)]
        regressors = regressors.fillna(regressors.mean())

    def effects(table, names):
        model = FirstLevelModel(
            t_r=TR,
            hrf_model="glover",
            drift_model="cosine",
            high_pass=0.01,
            mask_img=mask,
            noise_model="ols",
            standardize=False,
            signal_scaling=False,
            minimize_memory=True,
        ).fit(nibabel.load(f"{stem}_bold.nii.gz"), table, confounds=regressors)
        maps = [model.compute_contrast(n, output_type="effect_size") for n in names]
        return [np.asarray(m.dataobj).reshape(-1) for m in maps]

    names = [f"item{i:02d}" for i in range(STIMULI)]
    if not separate:
        return np.stack(effects(events, names))
    found = []
    for name in names:
        kinds = events["trial_type"]
        alone = events.assign(
            trial_type=np.where(kinds == name, name, np.where(kinds == "button", kinds, "others"))
        )
        found += effects(alone, [name])
    return np.stack(found)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize("estimate", ["lsa", "lss"])
def test_betas_are_those_of_nilearn(bold, estimate):
    tables, folder = bold
    tables["responses"] |= {
        "estimate": estimate,
        "confounds": {
            "files": "func/{subject}_*_desc-confounds_timeseries.tsv",
            "columns": ["trans_x", "trans_x_derivative1"],
        },
    }
    repeats = np.asarray(read(folder, tables).responses.repeats["sub-01"])
    assert repeats.shape == (STIMULI, 2, np.prod(SHAPE))
    for run in range(2):
        reference = by_nilearn(
            folder, run, separate=estimate == "lss", confounds=("trans_x", "trans_x_derivative1")
        )
        np.testing.assert_allclose(repeats[:, run], reference, rtol=1e-3, atol=1e-3)


def test_averages_are_means_of_volumes_in_the_window(bold):
    tables, folder = bold
    tables["responses"] |= {"estimate": "average", "window": [4.0, 8.0]}
    repeats = np.asarray(read(folder, tables).responses.repeats["sub-01"])
    image = nibabel.load(folder / "func" / "sub-01_task-see_run-2_bold.nii.gz")
    series = np.asarray(image.dataobj, np.float64).reshape(-1, LENGTHS[1]).T
    trend = np.vander(np.arange(LENGTHS[1]), 2)
    clean = series - trend @ np.linalg.lstsq(trend, series, rcond=None)[0]
    clean /= clean.std(axis=0)
    events = pd.read_csv(folder / "func" / "sub-01_task-see_run-2_events.tsv", sep="\t")
    onset = float(events["onset"][events["trial_type"] == "item03"].iloc[0])
    rows = [v for v in range(LENGTHS[1]) if onset + 4 <= v * TR < onset + 8]
    np.testing.assert_allclose(repeats[3, 1], clean[rows].mean(axis=0), rtol=1e-4, atol=1e-5)


def test_events_without_a_table_are_stimuli_grouped_by_run(bold):
    tables, folder = bold
    tables["stimuli"] = {"modality": "label"}
    dataset = read(folder, tables)
    assert len(dataset.stimuli) == 2 * STIMULI
    assert set(dataset.stimuli.groups) == {"run-1", "run-2"}
    assert dataset.stimuli.ids[0].startswith("run-1-item0")
    assert dataset.split().name == "leave-one-group-out"


def test_tasks_are_named_where_there_are_several(bold):
    tables, folder = bold
    for kind in ("bold.nii.gz", "events.tsv"):
        renamed(f"task-see_run-2_{kind}", f"task-watch_run-1_{kind}")(tables, folder)
    tables["stimuli"] = {"modality": "label"}
    dataset = read(folder, tables)
    assert list(dict.fromkeys(dataset.stimuli.groups)) == ["task-see_run-1", "task-watch_run-1"]
    assert dataset.stimuli.ids[0].startswith("task-see_run-1-item0")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (
            ["sub-1_ses-2_task-a_run-1_bold.nii", "sub-1_ses-2_task-a_run-2_bold.nii"],
            ["ses-2_run-1", "ses-2_run-2"],
        ),
        (["sub-1_task-a_bold.nii", "sub-1_ses-2_task-a_bold.nii"], ["run-01", "run-02"]),
        (["sub-1_task-a_bold.nii", "sub-1_task-b_bold.nii"], ["task-a", "task-b"]),
        (["x.nii", "sub-1_task-b_run-1_bold.nii"], ["run-01", "task-b_run-1"]),
    ],
)
def test_runs_are_called_by_their_names(files, names):
    assert run_names([Path(file) for file in files]) == names


def test_a_sidecar_of_the_root_supplies_the_tr(bold):
    tables, folder = bold
    for run in (1, 2):
        path = folder / "func" / f"sub-01_task-see_run-{run}_bold.nii.gz"
        write_nifti(path, np.asarray(nibabel.load(path).dataobj), tr=0.0)
    sidecar(TR, "task-see_bold.json")(tables, folder)
    assert len(read(folder, tables).stimuli) == STIMULI
    # what is kept of a build that was broken off hangs on it, too
    keys = []
    for tr in (TR, 2.25):
        sidecar(tr, "task-see_bold.json")(tables, folder)
        keys.append(plan_source(read_source(folder), folder, folder.parent / "work").keys["sub-01"])
    assert keys[0] != keys[1]


def test_volumes_with_labels_are_runs_in_one_file(bold):
    tables, folder = bold
    parts = [nibabel.load(folder / "func" / f"sub-01_task-see_run-{r}_bold.nii.gz") for r in (1, 2)]
    whole = np.concatenate([np.asarray(p.dataobj) for p in parts], axis=-1)
    write_nifti(folder / "all_bold.nii.gz", whole, tr=TR)
    labels, runs = [], []
    for run, volumes in enumerate(LENGTHS):
        own = ["rest"] * volumes
        for i in range(STIMULI):
            own[3 + 6 * i : 5 + 6 * i] = [f"item{i:02d}"] * 2
        labels, runs = labels + own, runs + [run] * volumes
    write_csv(folder / "volumes.csv", label=labels, run=runs)
    told = tables["responses"] | {"files": "all_bold.nii.gz", "volumes": "volumes.csv", "stimulus": "label"}
    del told["events"]
    told |= {"ignore": ["rest"], "estimate": "average", "window": [0.0, 4.0]}
    repeats = np.asarray(read(folder, tables | {"responses": told}).responses.repeats["sub-01"])
    second = whole.reshape(-1, whole.shape[-1]).T[LENGTHS[0] :].astype(np.float64)
    expected = clean_run(second)[3:5].mean(axis=0)
    np.testing.assert_allclose(repeats[0, 1], expected, rtol=1e-4, atol=1e-5)


def test_window_means_count_volumes_that_start_in_the_window():
    series = np.arange(10.0)[:, None]
    # onsets that are decimals must not miss a volume by the last digit
    assert window_means(series, np.array([0.3]), tr=0.1, window=(0.3, 0.5)).tolist() == [[6.5]]


def events(text):
    def change(tables, folder):
        (folder / "func" / "sub-01_task-see_run-1_events.tsv").write_text(text.replace(" ", "\t"))

    return change


def header(tr, units="sec"):
    def change(tables, folder):
        path = folder / "func" / "sub-01_task-see_run-1_bold.nii.gz"
        values = np.asarray(nibabel.load(path).dataobj)
        write_nifti(path, values, tr=tr, units=units)

    return change


def sidecar(value, name="func/sub-01_task-see_run-1_bold.json"):
    def change(tables, folder):
        (folder / name).write_text(json.dumps({"RepetitionTime": value}))

    return change


def renamed(old, new):
    def change(tables, folder):
        (folder / "func" / f"sub-01_{old}").rename(folder / "func" / f"sub-01_{new}")

    return change


def confounds(*columns):
    def change(tables, folder):
        files = "func/{subject}_*_desc-confounds_timeseries.tsv"
        tables["responses"]["confounds"] = {"files": files, "columns": list(columns)}

    return change


def short_confounds(tables, folder):
    confounds("trans_x")(tables, folder)
    path = folder / "func" / "sub-01_task-see_run-1_desc-confounds_timeseries.tsv"
    path.write_text("\n".join(path.read_text().splitlines()[:-3]) + "\n")


def holed_confounds(tables, folder):
    confounds("trans_x")(tables, folder)
    path = folder / "func" / "sub-01_task-see_run-1_desc-confounds_timeseries.tsv"
    lines = path.read_text().splitlines()
    lines[9] = "n/a\tn/a"
    path.write_text("\n".join(lines) + "\n")


def cut(tables, folder):
    path = folder / "func" / "sub-01_task-see_run-2_bold.nii.gz"
    noise = np.random.default_rng(0).normal(size=(20, 20, 20, 75))
    write_nifti(path, noise, tr=TR)
    write_nifti(folder / "func" / "sub-01_task-see_run-1_bold.nii.gz", noise[..., :60], tr=TR)
    write_nifti(folder / "mask.nii.gz", np.ones((20, 20, 20)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with gzip.open(path) as stream:  # its beginning can still be unpacked
        assert stream.read(1000)


def overlapping(tables, folder):
    lines = ["onset duration trial_type", *(f"{4 + i / 50} 2 item{i % 8:02d}" for i in range(70))]
    events("\n".join(lines))(tables, folder)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (events("onset duration trial_type\n4 2 item00\n121 2 item01\n"), "events-outside", "1 of 2 events begin after"),
        (events("onset duration trial_type\n4000 2000 item00\n90000 2 item01\n"), "events-outside", "look like milliseconds"),
        (events("onset duration trial_type\n-3 2 item00\n"), "events-outside", "3 s before the run of"),
        (events("onset duration trial_type\n9 2 item00\nn/a 2 item01\n4 2 item02\n"), "events-outside", "column 'onset', row 2: 'n/a' is no number"),
        (events("onset duration trial_type\n"), "events-outside", "no event"),
        (events("onset duration kind\n4 2 item00\n"), "unknown-name", "trial_type"),
        (events("onset duration trial_type\n4 2 face\n"), "stimulus-unknown", "'face' first"),
        (overlapping, "design-rank", "cannot be told apart"),
        (header(2000.0), "tr-differs", "looks like milliseconds"),
        (lambda t, f: (header(2000.0)(t, f), sidecar(2.0)(t, f)), "tr-differs", "in milliseconds"),
        (header(0.0), "tr-missing", "responses.tr"),
        (header(1.0, "unknown"), "tr-missing", "responses.tr"),
        (sidecar(1.5), "tr-differs", "2 s in its header"),
        (sidecar("fast"), "tr-missing", "RepetitionTime of its sidecar is 'fast'"),
        (sidecar(-2), "tr-missing", "seconds above 0"),
        (sidecar("fast", "task-see_bold.json"), "tr-missing", "Its sidecars: task-see_bold.json."),
        (sidecar(1.5, "task-see_bold.json"), "tr-differs", "1.5 s in its sidecar, 2 s in its header"),
        (lambda t, f: (f / "task-see_bold.json").write_text("{"), "sidecar", "task-see_bold.json: not a BIDS sidecar"),
        (header(1.5), "tr-differs", "sub-01_task-see_run-2_bold.nii.gz: the TR is 2 s, and 1.5 s in sub-01_task-see_run-1_bold.nii.gz"),
        (renamed("task-see_run-1_events.tsv", "task-see_run-3_events.tsv"), "entities", "would be 'sub-01_task-see_run-2_events.tsv', whose run is 2, not 1"),
        (renamed("task-see_run-2_events.tsv", "task-see_run-3_events.tsv"), "entities", "the events table of 'sub-01_task-see_run-2_bold.nii.gz'"),
        (
            lambda t, f: (confounds("trans_x")(t, f), renamed("task-see_run-2_desc-confounds_timeseries.tsv", "task-go_run-2_desc-confounds_timeseries.tsv")(t, f)),
            "entities", "the confounds file of 'sub-01_task-see_run-1_bold.nii.gz' would be 'sub-01_task-go_run-2",
        ),
        (confounds("trans_q"), "unknown-name", "Did you mean 'trans_x'"),
        (short_confounds, "confounds", "57 rows for 60 volumes"),
        (holed_confounds, "confounds", "missing after the first row"),
        (lambda t, f: (f / "func" / "sub-01_task-see_run-2_events.tsv").unlink(), "trial-count", "1 events tables for 2 runs"),
        (lambda t, f: t["responses"].pop("events"), "source", "BOLD needs events"),
        (lambda t, f: t["responses"].update(estimate="average", window=[4, 80]), "events-outside", "window of the last event"),
        (cut, "image-truncated", "run-2_bold.nii.gz"),
        (events("onset duration trial_type\n4 -2 item00\n"), "table", "event 1 lasts -2 s"),
        (events("onset duration trial_type\n4 2000 item00\n9 2 item01\n"), "events-outside", "durations look like milliseconds"),
        (events("onset duration trial_type\n4 2 \n9 2 item01\n"), "table", "event 1 has no trial_type"),
        (events("onset,duration,trial_type\n4,2,item00\n"), "table", "seem to be parted by ','"),
        (lambda t, f: t["responses"].update(high_pass=5.0), "filter-band", "high_pass = 5 Hz; volumes every 2 s hold nothing above 0.25 Hz"),
        (lambda t, f: t["responses"].update(high_pass=float("inf")), "filter-band", "high_pass = inf Hz"),
        (lambda t, f: t["responses"].update(high_pass="absurd"), "source", "responses.high_pass: Input should be a valid number"),
        (lambda t, f: t["responses"].update(high_pass=-0.01), "source", "responses.high_pass"),
        (lambda t, f: t["responses"].update(high_pass=0.24), "design-rank", "a lower high_pass"),
        (lambda t, f: t["responses"].update(estimate="average", high_pass=0.02), "source", "responses.high_pass: estimate 'average' does not look at high_pass"),
        (lambda t, f: t["responses"].update(estimate="average", hrf="spm"), "source", "'lsa' and 'lss' do"),
        (lambda t, f: (confounds("trans_x")(t, f), t["responses"].update(estimate="average")), "source", "estimate 'average' does not look at confounds"),
        (lambda t, f: t["responses"].update(nuisances={"motion": ["trans_x"]}), "source", "responses.nuisances: reader 'bold' does not look at nuisances"),
        (lambda t, f: t["responses"].update(window=[4.0, 6.0]), "source", "does not look at window. Delete the line; 'average' does"),
        (lambda t, f: t["responses"].update(hrf="glovr"), "source", "responses.hrf: Input should be 'glover'"),
        (lambda t, f: t["responses"].update(estimate="average", window=[8.0, 4.0]), "events-outside", "no volume starts from 8 to 4 s"),
        (lambda t, f: t["responses"].update(estimate="average", window=[-30.0, -20.0]), "events-outside", "no volume starts from -30"),
        (lambda t, f: t["responses"].update(ignore=[*(f"item{i:02d}" for i in range(8)), "button"]), "no-events", "no event besides"),
        (lambda t, f: t["responses"].update(volumes="mask.nii.gz"), "source", "one of them may"),
        (lambda t, f: write_nifti(f / "func" / "sub-01_task-see_run-1_bold.nii.gz", np.ones(SHAPE)), "image-shape", "it holds one volume"),
    ],
)  # fmt: skip
def test_bad_times_are_named(bold, change, code, words):
    tables, folder = bold
    change(tables, folder)
    with pytest.raises(UserError) as fault:
        read(folder, tables)
    assert fault.value.code in code.split("|"), str(fault.value)
    assert words in str(fault.value)


def test_milliseconds_in_the_header_are_read_as_such(bold):
    tables, folder = bold
    header(2000.0, "msec")(tables, folder)
    assert len(read(folder, tables).stimuli) == STIMULI
