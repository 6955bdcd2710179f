"""M/EEG through `gyral data build`: units, times, regions, stimuli by event, table and metadata; faults; the real files."""

import numpy as np
import pandas as pd
import pytest

from gyral import places
from gyral.datasets.catalogue import RECIPES
from gyral.datasets.manifest import read_manifest
from gyral.datasets.pack import check_pack, read_pack
from gyral.datasets.readers.mne_epochs import joined, read_epochs
from gyral.datasets.readers.mne_files import EpochPlan
from gyral.datasets.recipes import n170
from gyral.datasets.source import parse_source
from gyral.datasets.source_build import build_pack
from gyral.datasets.time_axis import sensor_times
from gyral.errors import UserError
from sensor_folder import SENSORS, epochs_file, made_raw, save_fif
from source_folder import ABOUT, describe, image_stimuli, write_csv

EPOCHS = {"start": -0.1, "stop": 0.3, "window": [0.05, 0.2], "events": {"1": "face", "2": "house"}}
RESPONSES = {"reader": "mne", "kind": "EEG", "unit": "µV", "subjects": ["sub-01"], "files": "{subject}_*_raw.fif"}
REGIONS = [
    {"name": "all sensors", "all": True},
    {"name": "midline back", "path": ["all sensors"], "sensors": ["O*", "Pz"]},
]


def tables(**changes):
    """A description whose events are its stimuli."""
    told = {"stimuli": {"modality": "label"}, "responses": RESPONSES, "epochs": EPOCHS, "regions": REGIONS}
    return {k: told.get(k, {}) | v if isinstance(v, dict) else v for k, v in (told | changes).items()}


def built(folder, told, **options):
    describe(folder, **told)
    digest, made = build_pack(folder, folder / "pack", **options)
    assert check_pack(folder / "pack") == []
    pack = read_pack(folder / "pack")
    assert pack.content_hash == digest
    return pack, made


def refused(code, folder, told):
    describe(folder, **told)
    with pytest.raises(UserError) as caught:
        build_pack(folder, folder / "pack")
    assert caught.value.code == code, caught.value
    return str(caught.value)


@pytest.fixture
def runs(tmp_path):
    """Two runs of one person, the sensors of the second in another order."""
    save_fif(tmp_path / "sub-01_run-1_raw.fif", made_raw())
    save_fif(tmp_path / "sub-01_run-2_raw.fif", made_raw(((150, 2), (350, 1)), sensors=SENSORS[::-1]))
    return tmp_path


def test_events_are_stimuli_and_sensors_at_times_are_units(runs):
    pack, made = built(runs, tables(stimuli={"columns": ["onset"]}))
    assert pack.stimuli.modality == "label"
    assert pack.stimuli.texts == ("face", "house", "face", "house", "face")
    assert pack.stimuli.groups == ("sub-01_run-1",) * 3 + ("sub-01_run-2",) * 2
    assert pack.stimuli.ids[3] == "sub-01_run-2-001"
    assert pack.stimuli.columns["onset"].tolist() == [2.0, 3.0, 4.0, 1.5, 3.5]
    assert any("leave-one-group-out in 2 folds is proposed" in note for note in made.notes)
    assert len(pack.time) == 41
    assert (pack.time.times[0], pack.time.times[20], pack.time.window) == (-0.1, 0.1, (0.05, 0.2))
    cube, sensors = sensor_times(pack, "sub-01")
    assert sensors == SENSORS
    np.testing.assert_allclose(cube[:3, :, 20], np.outer([1, 2, 1], [1, 2, 3]), rtol=1e-5)
    # sensor k of the second file has k + 1 times the code, whatever its name
    np.testing.assert_allclose(cube[3:, :, 20], np.outer([2, 1], [3, 2, 1]), rtol=1e-5)
    assert np.abs(np.delete(cube, 20, axis=2)).max() < 1e-5
    back = pack.units.iloc[pack.region("midline back").units]
    assert set(back["sensor"]) == {"Oz", "Pz"}
    assert (back["time"].min(), back["time"].max(), len(back)) == (0.05, 0.2, 32)
    assert pack.region("midline back").path == ("all sensors", "midline back")
    assert {"x", "y", "z"} <= set(pack.units)
    assert read_manifest(runs / "pack").time is not None


def test_a_table_of_events_names_pictures_and_repeats_are_found(tmp_path):
    for run, shown in ((1, ["item00", "item01", "item02"]), (2, ["item02", "item00", "item01"])):
        save_fif(
            tmp_path / f"sub-01_run-{run}_raw.fif",
            made_raw(tuple((200 + 100 * k, int(s[-1]) + 1) for k, s in enumerate(shown))),
        )
        write_csv(tmp_path / f"sub-01_run-{run}_events.tsv", onset=[2, 3, 4], duration=[0.2] * 3, image=shown)
    stimuli = image_stimuli(tmp_path, 3) | {"group": "id"}
    pack, _ = built(
        tmp_path,
        tables(
            stimuli=stimuli,
            responses={"events": "{subject}_run-*_events.tsv", "stimulus": "image"},
            epochs={"events": {}},
        ),
    )
    repeats = np.asarray(pack.responses.repeats["sub-01"])
    assert repeats.shape == (3, 2, 123)
    peak = (pack.units["sensor"] == "Pz") & (pack.units["time"] == 0.1)
    np.testing.assert_allclose(repeats[:, :, peak.to_numpy()][..., 0], [[3, 3], [6, 6], [9, 9]], rtol=1e-5)
    write_csv(tmp_path / "sub-01_run-2_events.tsv", onset=[2, 3, 9], duration=[0.2] * 3, image=["item00"] * 3)
    told = tables(
        stimuli=stimuli,
        responses={"events": "{subject}_run-*_events.tsv", "stimulus": "image"},
    )
    assert "the last at 9 s; it ends at 8 s" in refused("events-outside", tmp_path, told)
    write_csv(
        tmp_path / "sub-01_run-2_events.tsv", onset=[2000, 3000, 4000], duration=[1] * 3, image=["item00"] * 3
    )
    assert "look like milliseconds" in refused("events-outside", tmp_path, told)
    (tmp_path / "sub-01_run-2_events.tsv").unlink()
    assert "1 events tables for 2 recordings" in refused("trial-count", tmp_path, told)


def test_epochs_know_their_stimuli_by_metadata_or_a_table(tmp_path):
    shown = pd.DataFrame({"image": ["item01", "item00", "catch"], "trial": [1, 2, 3]})
    epochs_file(tmp_path / "sub-01_a-epo.fif", {"face": 1, "house": 2}, shown)
    stimuli = image_stimuli(tmp_path, 2) | {"group": "id"}
    told = tables(
        stimuli=stimuli,
        responses={"files": "{subject}_a-epo.fif", "stimulus": "image", "ignore": ["catch"]},
        epochs={"baseline": "none", "events": {}},
        split={"kind": "contiguous", "folds": 2},
    )
    pack, _ = built(tmp_path, told)
    peak = np.flatnonzero((pack.units["sensor"] == "Oz") & (pack.units["time"] == 0.1))
    np.testing.assert_allclose(np.asarray(pack.responses.values["sub-01"])[:, peak[0]], [2, 1], rtol=1e-5)
    told["responses"] |= {"stimulus": "picture"}
    assert "'picture'. Known: image, trial" in refused("unknown-name", tmp_path, told)
    write_csv(tmp_path / "trials.csv", picture=["item00", "item01", "catch"])
    told["responses"] |= {"trials": "trials.csv"}
    other, _ = built(tmp_path, told)
    np.testing.assert_allclose(np.asarray(other.responses.values["sub-01"])[:, peak[0]], [1, 2], rtol=1e-5)
    write_csv(tmp_path / "trials.csv", picture=["item00", "item01"])
    assert "2 trials in the table, 3 in the recordings" in refused("trial-count", tmp_path, told)
    write_csv(tmp_path / "e.tsv", onset=[1], picture=["item00"])
    del told["responses"]["trials"]
    told["responses"] |= {"events": "e.tsv"}
    refused("unlabeled-events", tmp_path, told)
    del told["responses"]["events"]
    told["epochs"] |= {"events": {"1": "face"}}
    assert "epochs.events names codes of a stimulus channel ([1])" in refused("unlabeled-events", tmp_path, told)


def test_numbers_without_a_unit_are_taken_as_they_are(tmp_path):
    epochs_file(tmp_path / "sub-01_a-epo.fif", {"face": 1, "house": 2}, unit=1.0, kind="mag", montage=False)
    told = tables(
        responses={"files": "{subject}_a-epo.fif", "kind": "MEG", "unit": "z"},
        epochs={"picks": "mag", "baseline": "none", "events": {}},
        split={"kind": "contiguous", "folds": 2},
    )
    pack, _ = built(tmp_path, told)
    assert pack.responses.physical_unit == "z"
    np.testing.assert_allclose(sensor_times(pack, "sub-01")[0][:, :, 20], np.outer([1, 2, 1], [1, 2, 3]))
    assert "x" not in pack.units
    told["responses"]["unit"] = "pT"
    assert "mag is read in 'fT'" in refused("physical-unit", tmp_path, told)


def test_events_can_be_left_out_by_label_or_by_what_their_file_says(tmp_path):
    shown = pd.DataFrame({"kind": ["go", "go", "rest"], "trial": [1, 2, 3]})
    epochs_file(tmp_path / "sub-01_a-epo.fif", {"face": 1, "house": 2}, shown)
    told = tables(
        responses={"files": "{subject}_a-epo.fif", "where": {"kind": "go"}},
        epochs={"baseline": "none", "events": {}},
        split={"kind": "contiguous", "folds": 2},
    )
    pack, _ = built(tmp_path, told)
    assert (pack.stimuli.texts, pack.stimuli.ids) == (("face", "house"), ("sub-01-001", "sub-01-002"))
    told["responses"] = {k: v for k, v in told["responses"].items() if k != "where"} | {"ignore": ["house"]}
    pack, _ = built(tmp_path, told)
    assert pack.stimuli.texts == ("face", "face")
    np.testing.assert_allclose(sensor_times(pack, "sub-01")[0][:, 0, 20], [1, 1], rtol=1e-5)


def test_brainvision_recordings_enter_by_their_markers(tmp_path):
    raw = made_raw(((200, 1), (300, 2), (400, 1), (500, 2)))
    (raw.get_data()[:3].T * 1e6).astype("<f4").tofile(tmp_path / "sub-01.eeg")
    (tmp_path / "sub-01.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=sub-01.eeg\nMarkerFile=sub-01.vmrk\n"
        "DataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=3\nSamplingInterval=10000\n"
        "[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n[Channel Infos]\nCh1=Oz,,1,µV\nCh2=Cz,,1,µV\nCh3=Pz,,1,µV\n",
        "utf-8",
    )
    markers = "".join(f"Mk{k + 1}=Stimulus,S  {1 + k % 2},{201 + 100 * k},1,0\n" for k in range(4))
    (tmp_path / "sub-01.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=sub-01.eeg\n[Marker Infos]\n"
        + markers,
        "utf-8",
    )
    told = tables(
        responses={"files": "{subject}.vhdr"},
        epochs={"montage": "standard_1020", "labels": ["Stimulus/S  1", "Stimulus/S  2"]},
        split={"kind": "contiguous", "folds": 2},
    )
    pack, _ = built(tmp_path, told)
    assert pack.stimuli.texts == ("Stimulus/S  1", "Stimulus/S  2") * 2
    np.testing.assert_allclose(sensor_times(pack, "sub-01")[0][:, 2, 20], [3, 6, 3, 6], rtol=1e-4)
    behind = pack.units[pack.units["sensor"] == "Oz"].iloc[0]
    assert behind["y"] < -0.05 and abs(behind["x"]) < 0.02


def test_a_table_of_sensors_makes_regions(runs):
    write_csv(runs / "sensors.csv", sensor=["Pz", "Oz", "Cz"], lobe=["back", "back", "top"], row=[1, 2, 3])
    told = tables(responses={"units_table": "sensors.csv"}, regions=[{"column": "lobe", "path": ["head"]}])
    pack, _ = built(runs, told)
    assert {r.name: len(r) for r in pack.regions} == {"back": 32, "top": 16}
    write_csv(runs / "sensors.csv", sensor=["Pz", "Oz"], lobe=["back", "back"])
    assert "'Cz' first" in refused("unit-count", runs, told)


def test_jobs_and_two_subjects_make_the_same_pack(runs):
    for run, events in ((1, ((200, 1), (300, 2), (400, 1))), (2, ((150, 2), (350, 1)))):
        save_fif(runs / f"sub-02_run-{run}_raw.fif", made_raw(events))
    names = ["item00", "item01", "item00", "item01", "item00"]
    write_csv(runs / "trials.csv", stimulus=names)
    told = tables(
        stimuli=image_stimuli(runs, 2) | {"group": "id"},
        responses={"subjects": ["sub-01", "sub-02"], "trials": "trials.csv"},
        split={"kind": "contiguous", "folds": 2},
    )
    alone, _ = built(runs, told)
    together, _ = built(runs, told, jobs=2)
    assert alone.content_hash == together.content_hash
    assert alone.responses.subjects == ("sub-01", "sub-02")


def test_trials_of_several_people_are_matched_by_a_table_or_stand_behind_one_another(runs):
    save_fif(runs / "sub-02_run-1_raw.fif", made_raw(((200, 2), (350, 1))))
    save_fif(runs / "sub-02_run-2_raw.fif", made_raw(((150, 2), (350, 1), (500, 2))))
    two = {"subjects": ["sub-01", "sub-02"]}
    told = refused("trial-count", runs, tables(responses=two))
    assert "which of the 5 trials of subject 'sub-02' showed what one of the 5 of 'sub-01' showed" in told
    assert f"{runs / 'dataset.toml'} stimuli.table" in told
    assert 'table = "stimuli.csv"' in told and 'subjects = ["everyone"], files = "*_raw.fif"' in told
    # the first way: what each trial showed, in the order of the recordings
    for subject, shown in (("sub-01", "01010"), ("sub-02", "10101")):
        write_csv(runs / f"{subject}_trials.csv", stimulus=[f"item0{k}" for k in shown])
    stimuli = image_stimuli(runs, 2) | {"group": "id"}
    matched = tables(stimuli=stimuli, responses=two | {"trials": "{subject}_trials.csv"})
    pack, _ = built(runs, matched | {"split": {"kind": "contiguous", "folds": 2}})
    assert pack.responses.subjects == ("sub-01", "sub-02") and pack.stimuli.ids == ("item00", "item01")
    # the second, as the message has it
    write_csv(
        runs / "people.csv",
        group=[f"sub-0{s}_run-{r}" for s in (1, 2) for r in (1, 2)],
        person=["Ann", "Ann", "Ben", "Ben"],
    )
    join = {"table": "people.csv", "on": "group", "columns": ["person"]}
    told = tables(stimuli={"join": [join]}, responses={"subjects": ["everyone"], "files": "*_raw.fif"})
    pack, _ = built(runs, told)
    assert pack.stimuli.columns["person"].tolist() == ["Ann"] * 5 + ["Ben"] * 5
    assert len(set(pack.stimuli.groups)) == 4 and pack.stimuli.ids[5] == "sub-02_run-1-001"
    assert pack.responses.values["everyone"].shape[0] == 10


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"epochs": {"stop": -0.2}}, "time-axis", "the start must be before"),
        ({"epochs": {"window": [0.5, 0.6]}}, "time-axis", "epochs.window: the window [0.5, 0.6] is no stretch"),
        ({"epochs": {"window": [0.05, 0.9]}}, "time-axis", "no stretch of the trial, -0.1 to 0.3 s"),
        ({"epochs": {"window": [0.2, 0.1]}}, "time-axis", "epochs.window"),
        ({"epochs": {"window": [0.201, 0.209]}}, "time-axis", "epochs.window: no time lies in [0.201, 0.209]"),
        ({"epochs": {"rate": 40.0}}, "rate-does-not-divide", "Ask for 50 or 33.3333"),
        ({"epochs": {"picks": "mag"}, "responses": {"unit": "fT"}}, "no-sensors", "3 eeg"),
        ({"epochs": {"events": {"1": "face"}}}, "unlabeled-events", "[2]"),
        ({"epochs": {"labels": ["cat"]}}, "no-events", ""),
        ({"epochs": {"most": 0.5}}, "no-events", "no trial is left"),
        ({"epochs": {"stop": 1.5}}, "overlapping-events", "share samples"),
        ({"regions": [{"name": "x", "sensors": ["F*"]}]}, "unknown-name", "F*"),
        ({"responses": {"files": "nothing_raw.fif"}}, "file-missing", "nothing_raw.fif"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(runs, change, code, words):
    assert words in refused(code, runs, tables(**change))


def test_runs_that_differ_are_refused(runs):
    save_fif(runs / "sub-01_run-3_raw.fif", made_raw(sensors=("Oz", "Cz")))
    assert "1 sensors stand in only one" in refused("sensors-differ", runs, tables())
    save_fif(runs / "sub-01_run-3_raw.fif", made_raw(rate=200.0))
    assert "times from" in refused("time-axes-differ", runs, tables())
    told = tables()
    del told["epochs"]
    assert "need a table [epochs]" in refused("source", runs, told)


def test_rejected_trials_leave_the_numbers_of_the_others(runs):
    pack, _ = built(runs, tables(epochs={"most": 4.0, "overlap": True}, split={"kind": "contiguous", "folds": 2}))
    # codes 2 reach 6 µV and are out
    assert pack.stimuli.texts == ("face", "face", "face")
    told = tables(
        stimuli=image_stimuli(runs, 3) | {"group": "id"},
        responses={"trials": "trials.csv"},
        epochs={"most": 4.0},
        split={"kind": "contiguous", "folds": 2},
    )
    write_csv(runs / "trials.csv", stimulus=["item00", "item09", "item01", "item09", "item02"])
    named, _ = built(runs, told)
    assert len(named.stimuli) == 3


@pytest.mark.data
def test_n170_enters_as_fif_runs_with_a_table_of_people(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    raw = places.mirror() / RECIPES.load("n170").mirror.folder / "raw"
    for file in raw.glob("*_raw.fif"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "people.csv").write_text(n170.people_of(f.name for f in raw.glob("*_raw.fif")))
    told = n170.SOURCE.model_dump(mode="json", exclude_none=True)
    assert parse_source(told, "x").epochs.events == {1: "house", 2: "face"}
    pack, _ = built(folder, {k: v for k, v in told.items() if k != "source"})
    assert pack.content_hash == RECIPES.load("n170").content_hash


@pytest.mark.data
def test_real_set_edf_and_fif_files_hold_what_mne_reads(tmp_path):
    mirror = places.mirror() / "mne_file_samples"
    for file in mirror.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    epochs = {
        "start": -0.2,
        "stop": 0.6,
        "window": [0.1, 0.5],
        "labels": ["square"],
        "rate": 64.0,
        "overlap": True,
    }
    told = tables(
        responses={"files": "eeglab_data.set", "subjects": ["s"]},
        epochs={"events": {}} | epochs,
        regions=REGIONS[:1],
        split={"kind": "contiguous", "folds": 2},
    )
    pack, _ = built(tmp_path, told)
    plan = EpochPlan(-0.2, 0.6, labels=("square",), rate=64.0, overlap=True)
    found = read_epochs(tmp_path / "eeglab_data.set", plan)
    np.testing.assert_array_equal(sensor_times(pack, "s")[0], found.values.astype(np.float32))
    assert pack.stimuli.texts == ("square",) * 80

    told["responses"] |= {"files": "resting_16ch_60s.edf"}
    told["epochs"] = {"start": 0.0, "stop": 1.0, "window": [0.0, 1.0], "baseline": "none"}
    assert "no event" in refused("no-events", tmp_path, told)
    write_csv(tmp_path / "rest_events.tsv", onset=np.arange(0, 58, 2), duration=[1.0] * 29, stimulus=["rest"] * 29)
    told["responses"] |= {"events": "rest_events.tsv"}
    pack, _ = built(tmp_path, told)
    cube, sensors = sensor_times(pack, "s")
    assert cube.shape == (29, 16, 257) and pack.stimuli.texts[0] == "rest"

    told["responses"] |= {"files": "erpcore_p3_sub-0*_ave.fif"}
    del told["responses"]["events"]
    told["epochs"] = {"start": -0.1, "stop": 0.6, "window": [0.3, 0.6]}
    told["regions"] = [{"name": "Pz", "sensors": ["Pz"]}]
    pack, _ = built(tmp_path, told)
    erp = [read_epochs(tmp_path / f"erpcore_p3_sub-0{k}_ave.fif", EpochPlan(-0.1, 0.6)) for k in range(15, 20)]
    np.testing.assert_array_equal(sensor_times(pack, "s")[0], joined(erp).values.astype(np.float32))
    assert pack.stimuli.groups[0] == "sub-015"
    assert ABOUT["name"] == pack.name


@pytest.mark.parametrize(
    ("epochs", "code", "words"),
    [
        ({"low": 30.0, "high": 10.0}, "filter-band", "above 30 and below 10 Hz"),
        ({"baseline": [-5.0, -4.0]}, "time-axis", "no stretch of the trial, -0.1 to 0.3 s"),
        ({"baseline": [0.1, 0.0]}, "time-axis", "[0.1, 0.0]"),
        ({"montage": "standard_1030"}, "no-positions", "no montage 'standard_1030'"),
        ({"labels": ["car"]}, "no-events", "none of the events ['face', 'house'] is one of ['car']"),
    ],
)
def test_epochs_that_make_no_sense_are_refused(runs, epochs, code, words):
    assert words in refused(code, runs, tables(epochs=epochs))


def test_late_events_are_called_milliseconds_only_where_none_is_in_time(runs):
    told = tables(responses={"events": "events-*.tsv", "stimulus": "trial_type"}, epochs={"events": None})
    del told["epochs"]["events"]
    for onsets, hint in (([2.0, 300.0], False), ([2000.0, 3000.0], True)):
        for run in (1, 2):
            write_csv(runs / f"events-{run}.tsv", onset=onsets, duration=[0.0, 0.0], trial_type=["face", "house"])
        assert ("milliseconds" in refused("events-outside", runs, told)) is hint
