"""Epochs through mne: the real files of every format, planted trials in files made here, and what is refused."""

import os
from dataclasses import replace
from pathlib import Path

import mne
import numpy as np
import pytest

from gyral.datasets.readers.mne_epochs import joined, read_epochs, require_places
from gyral.datasets.readers.mne_files import EpochPlan
from gyral.errors import BadDataset

RATE = 100.0
PLAN = EpochPlan(-0.1, 0.3, events={1: "face", 2: "house"})


def raw(*, sensors=("Oz", "Cz", "Pz"), events=((200, 1), (300, 2), (400, 1)), unit=1e-6, rate=RATE, kind="eeg"):
    """8 s of silence with a bump of 1 (times the code) 100 ms after every event, in ``unit``."""
    count = int(8 * rate)
    values = np.zeros((len(sensors) + 1, count))
    for sample, code in events:
        values[-1, sample] += code
        values[:-1, sample + round(0.1 * rate)] = code * unit * np.arange(1, len(sensors) + 1)
    info = mne.create_info([*sensors, "STI"], rate, [kind] * len(sensors) + ["stim"])
    return mne.io.RawArray(values, info, verbose="error")


def fif(folder, name="a_raw.fif", *, montage=True, **options):
    made = raw(**options)
    if montage:
        made.set_montage("standard_1020", verbose="error")
    made.save(folder / name, overwrite=True, verbose="error")
    return folder / name


def refused(code, path, plan):
    with pytest.raises(BadDataset) as caught:
        read_epochs(path, plan)
    assert caught.value.code == code
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_trials_land_at_their_times_in_the_physical_unit(tmp_path):
    found = read_epochs(fif(tmp_path), PLAN)
    assert (found.labels, found.sensors, found.unit) == (("face", "house", "face"), ("Oz", "Cz", "Pz"), "µV")
    assert found.values.shape == (3, 3, 41)
    assert found.times[20] == pytest.approx(0.1) and found.times[0] == pytest.approx(-0.1)
    np.testing.assert_allclose(found.values[:, :, 20], np.outer([1, 2, 1], [1, 2, 3]), rtol=1e-4)
    assert np.abs(np.delete(found.values, 20, axis=2)).max() < 1e-4
    np.testing.assert_allclose(found.onsets, [2.0, 3.0, 4.0])
    behind, top, _ = require_places(found)
    assert behind[1] < -0.07 and abs(behind[0]) < 0.01 and top[2] > 0.1


def test_annotations_labels_rejection_and_ends(tmp_path):
    made = raw(events=((200, 1), (300, 2), (400, 1)))
    made.drop_channels(["STI"])
    made.set_annotations(mne.Annotations([0.02, 2.0, 3.0, 4.0], 0.0, ["face", "face", "house", "blink"]))
    made.save(tmp_path / "b_raw.fif", verbose="error")
    found = read_epochs(tmp_path / "b_raw.fif", EpochPlan(-0.1, 0.3, labels=("face", "house"), most=5.5))
    assert found.labels == ("face",)
    assert (found.cut_off, found.rejected) == (1, 1)


def test_a_rate_that_divides_decimates_and_another_is_refused(tmp_path):
    path = fif(tmp_path)
    found = read_epochs(path, replace(PLAN, rate=50.0))
    assert found.values.shape[2] == 21
    np.testing.assert_allclose(np.diff(found.times), 0.02)
    np.testing.assert_allclose(found.onsets, [2.0, 3.0, 4.0])
    assert "50 or 33.3333" in refused("rate-does-not-divide", path, replace(PLAN, rate=40.0))
    refused("rate-does-not-divide", path, replace(PLAN, rate=128.0))


def test_events_without_a_meaning_at_one_time_or_too_near_are_refused(tmp_path):
    assert "[3]" in refused("unlabeled-events", fif(tmp_path, events=((200, 1), (300, 3))), PLAN)
    near = fif(tmp_path, events=((200, 1), (220, 2)))
    assert "the least is 0.200 s" in refused("overlapping-events", near, PLAN)
    assert len(read_epochs(near, replace(PLAN, overlap=True)).labels) == 2
    twice = raw()
    twice.set_annotations(mne.Annotations([2.0, 2.0], 0.0, ["face", "house"]))
    twice.save(tmp_path / "c_raw.fif", verbose="error")
    refused("overlapping-events", tmp_path / "c_raw.fif", EpochPlan(-0.1, 0.3, overlap=True))
    refused("no-events", fif(tmp_path, events=()), PLAN)
    refused("no-events", fif(tmp_path), replace(PLAN, labels=("cat",)))


def test_missing_sensors_places_and_bad_sensors_are_refused(tmp_path):
    path = fif(tmp_path, montage=False)
    assert "3 eeg, 1 stim" in refused("no-sensors", path, replace(PLAN, picks="mag"))
    with pytest.raises(BadDataset, match="3 sensors have no place") as caught:
        require_places(read_epochs(path, PLAN))
    assert caught.value.code == "no-positions"
    assert np.isfinite(require_places(read_epochs(path, replace(PLAN, montage="standard_1020")))).all()
    refused("not-a-recording", path, replace(PLAN, montage="no_such_cap"))
    bad = raw()
    bad.info["bads"] = ["Cz"]
    bad.save(tmp_path / "d_raw.fif", verbose="error")
    assert "Cz" in refused("bad-sensors", tmp_path / "d_raw.fif", PLAN)


def test_recordings_that_differ_cannot_stand_side_by_side(tmp_path):
    first = read_epochs(fif(tmp_path), PLAN)
    turned = read_epochs(fif(tmp_path, "e_raw.fif", sensors=("Pz", "Oz", "Cz")), PLAN)
    both = joined([first, turned])
    assert both.sensors == first.sensors and len(both.labels) == 6
    np.testing.assert_allclose(both.values[3, :, 20], [2, 3, 1], rtol=1e-4)
    with pytest.raises(BadDataset, match="sensors stand in only one") as caught:
        joined([first, read_epochs(fif(tmp_path, sensors=("Oz", "Cz")), PLAN)])
    assert caught.value.code == "sensors-differ"
    with pytest.raises(BadDataset, match="times from") as caught:
        joined([first, read_epochs(fif(tmp_path), replace(PLAN, stop=0.25))])
    assert caught.value.code == "time-axes-differ"


def test_epochs_and_averages_are_taken_as_they_are_cut(tmp_path):
    made = raw()
    events = mne.find_events(made, verbose="error")
    made.pick(["eeg"])
    epochs = mne.Epochs(
        made, events, {"face": 1, "house": 2}, -0.2, 0.4, baseline=None, preload=True, verbose="error"
    )
    epochs.save(tmp_path / "a-epo.fif", verbose="error")
    plan = replace(PLAN, events=None)
    found = read_epochs(tmp_path / "a-epo.fif", plan)
    assert found.values.shape == (3, 3, 41) and found.labels == ("face", "house", "face")
    refused("time-axes-differ", tmp_path / "a-epo.fif", replace(plan, stop=0.6))
    mne.write_evokeds(
        tmp_path / "a-ave.fif", [epochs["face"].average(), epochs["house"].average()], verbose="error"
    )
    average = read_epochs(tmp_path / "a-ave.fif", plan)
    assert average.labels == ("face", "house") and np.isnan(average.onsets).all()
    np.testing.assert_allclose(average.values[1, :, 20], [2, 4, 6], rtol=1e-4)
    for name in ("a-epo.fif", "a-ave.fif"):  # whose names of codes would be passed over
        refused("unlabeled-events", tmp_path / name, PLAN)


def test_brainvision_recordings_are_cut_at_their_markers(tmp_path):
    made = raw()
    (made.get_data()[:3].T * 1e6).astype("<f4").tofile(tmp_path / "a.eeg")
    (tmp_path / "a.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=a.eeg\nMarkerFile=a.vmrk\n"
        "DataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=3\nSamplingInterval=10000\n"
        "[Binary Infos]\nBinaryFormat=IEEE_FLOAT_32\n[Channel Infos]\nCh1=Oz,,1,µV\nCh2=Cz,,1,µV\nCh3=Pz,,1,µV\n",
        "utf-8",
    )
    (tmp_path / "a.vmrk").write_text(
        "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=a.eeg\n[Marker Infos]\n"
        "Mk1=Stimulus,S  1,201,1,0\nMk2=Stimulus,S  2,301,1,0\n",
        "utf-8",
    )
    found = read_epochs(tmp_path / "a.vhdr", EpochPlan(-0.1, 0.3, montage="standard_1020"))
    assert found.labels == ("Stimulus/S  1", "Stimulus/S  2")
    np.testing.assert_allclose(found.values[:, :, 20], [[1, 2, 3], [2, 4, 6]], rtol=1e-4)


@pytest.mark.parametrize("name", ["x.txt", "gone_raw.fif", "broken_raw.fif", "broken.edf", "broken.set"])
def test_what_is_no_recording_is_refused_by_name(name, tmp_path):
    if not name.startswith("gone"):
        (tmp_path / name).write_bytes(b"no such thing" * 50)
    refused("not-a-recording", tmp_path / name, PLAN)


MIRROR = Path(os.environ.get("GYRAL_MIRROR", "")) / "mne_file_samples"


@pytest.mark.data
def test_real_files_of_every_format():
    eeglab = read_epochs(
        MIRROR / "eeglab_data.set", EpochPlan(-0.2, 0.6, labels=("square",), rate=64.0, overlap=True)
    )
    assert eeglab.values.shape == (80, 32, 52) and eeglab.unit == "µV"
    assert 10 < np.abs(eeglab.values).max() < 1000
    assert np.isfinite(require_places(eeglab)).all()
    refused("overlapping-events", MIRROR / "eeglab_data.set", EpochPlan(-0.2, 0.6))
    refused("no-events", MIRROR / "resting_16ch_60s.edf", EpochPlan(0.0, 1.0))
    for picks, sensors, unit, most in (
        ("mag", 102, "fT", 2000),
        ("grad", 204, "fT/cm", 8000),
        ("eeg", 60, "µV", 100),
    ):
        if picks == "eeg":
            continue  # two electrodes are marked bad there
        meg = read_epochs(MIRROR / "sample_audvis-ave.fif.gz", EpochPlan(-0.1, 0.3, picks=picks))
        assert meg.values.shape[:2] == (4, sensors) and meg.unit == unit
        assert most / 10 < np.abs(meg.values).max() < most
        assert "Left visual" in meg.labels
    erp = [read_epochs(MIRROR / f"erpcore_p3_sub-0{k}_ave.fif", EpochPlan(-0.1, 0.6)) for k in range(15, 20)]
    assert joined(erp).values.shape == (15, 30, 91)


@pytest.mark.data
def test_n170_tells_faces_from_houses_within_a_person_and_nothing_before_onset():
    from gyral.datasets.catalogue import RECIPES, open_dataset
    from gyral.datasets.pack import content_hash
    from gyral.datasets.time_axis import sensor_times
    from gyral.decoding import Labels, auc, cross_decisions, folds_of, over_folds

    dataset = open_dataset("n170")
    assert dataset.content_hash == RECIPES.load("n170").content_hash == content_hash(dataset)
    assert len(dataset.split().folds) == 13 and len(dataset.time) == 45
    cube, sensors = sensor_times(dataset, "four-people")
    assert cube.shape == (2302, 4, 45) and sensors == ("TP9", "AF7", "AF8", "TP10")
    category, person = dataset.stimuli.columns["category"], dataset.stimuli.columns["person"]
    found = []
    for who in ("sub-01", "sub-02", "sub-03"):
        mine = person == who
        labels, folds = Labels.of(category[mine]), folds_of(np.array(dataset.stimuli.groups)[mine])
        tests = [f.test for f in folds]
        x = cube[mine].astype(float)
        window = x[:, :, dataset.time.inside].reshape(len(x), -1, 1)
        found.append(float(over_folds(auc, labels.codes, cross_decisions(window, labels, folds), tests)[0]))
        curve = over_folds(auc, labels.codes, cross_decisions(x, labels, folds), tests)
        assert abs(curve[np.array(dataset.time.times) <= 0].mean() - 0.5) < 0.05
        assert curve[dataset.time.inside].max() > 0.58
    assert 0.6 < np.mean(found) < 0.72 and min(found) > 0.6


@pytest.mark.data
def test_n170_comes_out_the_same_from_the_tables_of_the_repository(tmp_path):
    from gyral.datasets.pack import content_hash
    from gyral.datasets.recipes.n170 import RECIPE, read_public

    folder = MIRROR.parent / "eegnb_n170_faces_houses" / "raw"
    files = {}
    for source in RECIPE.public.files:
        held = mne.io.read_raw_fif(folder / f"{Path(source.name).stem}_task-n170_raw.fif", verbose="error")
        values = held.get_data()
        table = np.column_stack([held.times, values[:4].T * 1e6, values[4]])
        files[source.name] = tmp_path / source.name
        header = "timestamps,TP9,AF7,AF8,TP10,Marker0"
        np.savetxt(files[source.name], table, delimiter=",", header=header, comments="", fmt="%.9g")
    assert content_hash(read_public(files, tmp_path)) == RECIPE.content_hash
