"""What belongs together in a source: recordings and their tables, people and their files; M/EEG that does not fit."""

import numpy as np
import pandas as pd
import pytest

from gyral.datasets.source_build import build_pack
from gyral.errors import UserError
from sensor_folder import epochs_file, made_raw, save_fif
from source_folder import describe, write_csv

EPOCHS = {"start": -0.1, "stop": 0.3, "window": [0.05, 0.2], "baseline": "none"}
MNE = {"reader": "mne", "kind": "EEG", "unit": "µV", "subjects": ["sub-01"], "files": "{subject}_*_raw.fif"}


def tables(epochs=None, **responses):
    """A description whose events are its stimuli."""
    return {
        "stimuli": {"modality": "label"},
        "responses": MNE | responses,
        "epochs": EPOCHS | (epochs or {}),
        "regions": [{"name": "all", "all": True}],
    }


def refused(code, folder, told):
    describe(folder, **told)
    with pytest.raises(UserError) as caught:
        build_pack(folder, folder / "pack")
    assert caught.value.code == code, caught.value
    return str(caught.value)


@pytest.fixture
def runs(tmp_path):
    """Two runs of one person with tables of events and of channels."""
    for run in (1, 2):
        stem = f"sub-01_task-see_run-{run}"
        save_fif(tmp_path / f"{stem}_raw.fif", made_raw())
        write_csv(tmp_path / f"{stem}_events.tsv", onset=[2, 3], duration=[0, 0], stimulus=["face", "house"])
        write_csv(tmp_path / f"{stem}_channels.tsv", name=["Oz", "Cz", "Pz"], type=["EEG"] * 3)
    return tmp_path


@pytest.mark.parametrize(("kind", "what"), [("events", "events table"), ("channels", "table of channels")])
def test_tables_of_another_run_are_refused(runs, kind, what):
    told = tables(events="{subject}_*_events.tsv", channels="{subject}_*_channels.tsv")
    describe(runs, **told)
    build_pack(runs, runs / "pack")
    (runs / f"sub-01_task-see_run-1_{kind}.tsv").rename(runs / f"sub-01_task-see_run-3_{kind}.tsv")
    text = refused("entities", runs, told)
    assert f"the {what} of 'sub-01_task-see_run-1_raw.fif' would be" in text and "run is 2, not 1" in text


def test_an_onset_that_is_no_number_is_named_by_its_row(runs):
    write_csv(
        runs / "sub-01_task-see_run-2_events.tsv",
        onset=[3, "n/a", 2],
        duration=[0] * 3,
        stimulus=["face", "house", "face"],
    )
    text = refused("events-outside", runs, tables(events="{subject}_*_events.tsv"))
    assert "run-2_events.tsv: column 'onset', row 2: 'n/a' is no number" in text


@pytest.mark.parametrize("edge", ["low", "high"])
def test_trials_that_are_cut_already_are_not_filtered(tmp_path, edge):
    epochs_file(tmp_path / "sub-01_a-epo.fif", {"face": 1, "house": 2})
    text = refused("source", tmp_path, tables({edge: 10.0}, files="{subject}_a-epo.fif"))
    assert f"sub-01_a-epo.fif: epochs.{edge} = 10 filters before cutting" in text


@pytest.mark.parametrize(
    "name", ["sub-01_raw.fif", "sub-01-epo.fif", "sub-01-ave.fif", "sub-01.set", "sub-01.edf"]
)
def test_an_empty_recording_is_called_empty(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert f"{name}: the file is empty" in refused("not-a-recording", tmp_path, tables(files=name))


def test_files_of_another_kind_than_their_name_says_are_refused_in_words(tmp_path):
    whole = save_fif(tmp_path / "sub-01_raw.fif", made_raw()).read_bytes()
    (tmp_path / "sub-01.set").write_bytes(whole)
    assert "such a file has is not in it" in refused("not-a-recording", tmp_path, tables(files="{subject}.set"))
    (tmp_path / "sub-01-ave.fif").write_bytes(whole)
    assert "no averages in it" in refused("no-events", tmp_path, tables(files="{subject}-ave.fif"))


def test_people_recorded_at_other_rates_are_named_with_them(tmp_path):
    write_csv(tmp_path / "stimuli.csv", id=["face", "house"], text=["a", "b"])
    for subject, rate in (("sub-01", 100.0), ("sub-02", 200.0)):
        shown = pd.DataFrame({"stimulus": ["face", "house", "face"]})
        events = tuple((round(s * rate), c) for s, c in ((2, 1), (3, 2), (4, 1)))
        epochs_file(tmp_path / f"{subject}-epo.fif", {"face": 1, "house": 2}, shown, events=events, rate=rate)
    told = tables(subjects=["sub-01", "sub-02"], files="{subject}-epo.fif")
    told["stimuli"] = {"modality": "label", "table": "stimuli.csv", "text": "text"}
    text = refused("time-axes-differ", tmp_path, told)
    assert "sub-02-epo.fif: subject 'sub-02' has 81 times from -0.1 to 0.3 s, 200 a second" in text
    assert "'sub-01' has 41 times from -0.1 to 0.3 s, 100 a second in" in text and "sub-01-epo.fif" in text


def test_a_table_of_epochs_beside_units_without_times_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 3)))
    told = tables(reader="array", kind="fMRI", unit="z", files="a.npy")
    assert "units of subject 'sub-01' have no time" in refused("source", tmp_path, told)


@pytest.mark.parametrize(
    ("subjects", "files"),
    [
        (["s1", "s2"], "s1*.npy"),
        (["s1", "s10"], "{subject}*.npy"),
        (["s1", "s2"], ["{subject}_b.npy", "s1_a.npy"]),
    ],
)
def test_a_file_is_of_one_person(tmp_path, subjects, files):
    write_csv(tmp_path / "stimuli.csv", id=["face", "house"], text=["a", "b"])
    for name in ("s1_a", "s1_b", "s2_b", "s10_a"):
        np.save(tmp_path / f"{name}.npy", np.arange(6.0).reshape(2, 3))
    told = tables(reader="array", kind="fMRI", unit="z", subjects=subjects, files=files)
    del told["epochs"]
    told["stimuli"] = {"modality": "label", "table": "stimuli.csv", "text": "text"}
    text = refused("subjects-share", tmp_path, told)
    assert f".npy: it would be read for subject 's1' and for '{subjects[1]}'" in text and "{subject}" in text


def test_a_table_of_several_people_says_whose_its_rows_are(tmp_path):
    write_csv(tmp_path / "stimuli.csv", id=["face", "house"], text=["a", "b"])
    rows = {"stimulus": ["face", "house"] * 2, "u1": [1.0, 2.0, 3.0, 5.0]}
    told = tables(reader="table", kind="fMRI", unit="z", subjects=["a", "b"], files="r.csv")
    del told["epochs"]
    told["stimuli"] = {"modality": "label", "table": "stimuli.csv", "text": "text"}
    told["split"] = {"kind": "contiguous", "folds": 2}
    write_csv(tmp_path / "r.csv", **rows)
    assert "Or a column 'subject'" in refused("subjects-share", tmp_path, told)
    write_csv(tmp_path / "r.csv", subject=["a", "a", "b", "b"], **rows)
    describe(tmp_path, **told)
    _, made = build_pack(tmp_path, tmp_path / "pack")
    assert made.dataset.responses.values["b"].tolist() == [[3], [5]]
