"""THINGS-EEG2, THINGS-MEG and folders of recordings from `init` to a pack, on look-alikes made here."""

import numpy as np
import pandas as pd

from gyral.datasets.time_axis import sensor_times
from published_folder import things_eeg2, things_meg
from published_walk import built, finished, refused, undrafted
from source_folder import write_csv


def test_things_eeg2(tmp_path, begun):
    things_eeg2(tmp_path)
    fields, out = begun(tmp_path)
    assert "2 THINGS-EEG2" in out and "not read" not in out
    assert fields["responses"]["files"] == "preprocessed_data/{subject}/preprocessed_eeg_training.npy"
    pack, _ = built(tmp_path, finished(fields))
    assert pack.responses.subjects == ("sub-01", "sub-02")
    assert np.asarray(pack.responses.repeats["sub-01"]).shape == (50, 4, 1700)
    cube, sensors = sensor_times(pack, "sub-02")
    assert cube.shape == (50, 17, 100) and sensors[4] == "Oz"
    np.testing.assert_allclose(cube[7, :, 50], 7 + 0.15 + np.arange(17) / 100, rtol=1e-5)
    assert np.abs(cube[:, :, :20]).max() == 0
    assert (pack.time.times[0], pack.time.times[-1], pack.time.window) == (-0.2, 0.79, (0.0, 0.79))
    assert (pack.stimuli.ids[7], pack.stimuli.groups[7]) == ("thing0_08s", "00010_thing0")
    assert pack.split().name == "grouped-5"
    assert {"Oz", "O1", "O2"} == set(pack.units.iloc[pack.region("occipital").units]["sensor"])
    assert np.isfinite(pack.units[["x", "y", "z"]].to_numpy()).all()


def test_things_eeg2_of_both_partitions_has_mixed_repeats(tmp_path, begun):
    things_eeg2(tmp_path, subjects=("sub-01",))
    fields = finished(begun(tmp_path)[0], epochs={"start": 0.0, "stop": 0.05, "window": [0.0, 0.05]})
    training = fields["responses"]["files"]
    fields["responses"]["files"] = [training, training.replace("training", "test")]
    with (tmp_path / "stimuli.csv").open("a") as table, (tmp_path / "conditions.csv").open("a") as rows:
        for k in range(5):
            table.write(f"other{k}_13s,image_set/test_images/{k + 1:05d}_other{k}/other{k}_13s.jpg,other{k}\n")
            rows.write(f"other{k}_13s\n")
    pack, _ = built(tmp_path, fields)
    repeats = np.asarray(pack.responses.repeats["sub-01"])
    assert repeats.shape == (55, 80, 17 * 6)
    assert np.isfinite(repeats[..., 0]).sum(axis=1).tolist() == [4] * 50 + [80] * 5
    np.testing.assert_allclose(repeats[52, :, 6], 2 + np.arange(80) / 10 + 0.01, rtol=1e-5)


def test_things_eeg2_that_does_not_fit_is_refused(tmp_path, begun):
    things_eeg2(tmp_path)
    fields = finished(begun(tmp_path)[0])
    file = tmp_path / "preprocessed_data/sub-02/preprocessed_eeg_training.npy"
    whole = np.load(file, allow_pickle=True).item()

    def saved(**changes):
        np.save(file, {k: v for k, v in (whole | changes).items() if v is not None})

    saved(times=None)
    assert "no key 'times'" in refused("missing-key", tmp_path, fields)
    saved(times=whole["times"][:-1])
    assert "17 channels x 99 times are expected" in refused("array", tmp_path, fields)
    saved(preprocessed_eeg_data=whole["preprocessed_eeg_data"][0])
    assert "4 axes are expected" in refused("array", tmp_path, fields)
    saved(preprocessed_eeg_data=whole["preprocessed_eeg_data"][:-1])
    assert "50 image conditions in the table, 49 in the files" in refused("trial-count", tmp_path, fields)
    saved(times=whole["times"] / 2)
    assert "times reach from -0.1 to 0.395" in refused("time-axes-differ", tmp_path, fields)
    saved(ch_names=["X1", *whole["ch_names"][1:]])
    # the second subject has another sensor: units of subjects may differ
    built(tmp_path, fields)
    fields["responses"]["files"] = [
        "preprocessed_data/sub-01/preprocessed_eeg_training.npy",
        fields["responses"]["files"],
    ]
    fields["responses"]["subjects"] = ["sub-02"]
    assert "2 channels stand in only one" in refused("sensors-differ", tmp_path, fields)
    saved()
    assert "100 in the files" in refused("trial-count", tmp_path, fields)
    fields["epochs"]["rate"] = 50.0
    assert "the file has 100" in refused("rate-does-not-divide", tmp_path, fields)
    for field in ({"high": 30.0}, {"labels": ["face"]}, {"most": 9.0}):
        other = fields | {"epochs": fields["epochs"] | {"rate": 100.0} | field}
        assert f"does not look at epochs.{next(iter(field))}" in refused("source", tmp_path, other)
    (tmp_path / "image_set" / "image_metadata.npy").unlink()
    undrafted("layout", tmp_path)


def test_things_meg(tmp_path, begun):
    things_meg(tmp_path)
    pieces = sorted(p.name for p in (tmp_path / "derivatives/preprocessed").glob("preprocessed_P1*"))
    assert pieces[0] == "preprocessed_P1-epo-1.fif" and len(pieces) > 1
    fields, out = begun(tmp_path)
    assert "2 THINGS-MEG" in out
    assert "catch, exp, test" in (tmp_path / "dataset.toml").read_text()
    assert fields["responses"]["where"] == {"trial_type": "test"}
    assert [r["name"] for r in fields["regions"]][:3] == ["all sensors", "occipital", "temporal"]
    fields["epochs"]["stop"] = fields["epochs"]["window"][1] = 0.2
    fields["split"]["folds"] = 3
    pack, _ = built(tmp_path, finished(fields))
    assert pack.responses.physical_unit == "z"
    cube, sensors = sensor_times(pack, "P2")
    assert cube.shape == (6, 271, 61) and len(sensors) == 271
    np.testing.assert_allclose(cube[:, 100, 30], np.arange(6) + 0.1, rtol=1e-5)
    repeats = np.asarray(pack.responses.repeats["P1"])
    assert repeats.shape == (6, 3, 271 * 61)
    assert np.abs(cube[:, :, 0]).max() == 0
    assert pack.stimuli.groups[2] == "thing2"
    occipital = pack.units.iloc[pack.region("occipital").units]["sensor"]
    assert occipital.str[2].unique().tolist() == ["O"]
    fields["responses"]["where"] = {"trial_type": "none"}
    assert "has trial_type 'none'" in refused("trial-count", tmp_path, fields)
    fields["responses"]["where"] = {"kind": "test"}
    assert "'kind'" in refused("unknown-name", tmp_path, fields)


def test_a_folder_of_recordings_is_drafted_for_mne(tmp_path, begun):
    from sensor_folder import made_raw, save_fif

    for subject in ("sub-01", "sub-02"):
        save_fif(tmp_path / subject / f"{subject}_run-1_raw.fif", made_raw())
        write_csv(
            tmp_path / subject / f"{subject}_run-1_events.tsv",
            onset=[2, 3, 4],
            duration=[1] * 3,
            trial_type=list("aba"),
        )
    fields, out = begun(tmp_path)
    assert "2 M/EEG recordings" in out and "not read" not in out
    assert fields["responses"]["files"] == "{subject}/{subject}_run-1_raw.fif"
    fields["responses"] |= {"kind": "EEG", "unit": "µV", "subjects": ["sub-01"]}
    fields["split"] = {"kind": "contiguous", "folds": 3}
    pack, _ = built(tmp_path, finished(fields))
    assert pack.stimuli.texts == ("a", "b", "a")
    assert isinstance(pack.units, pd.DataFrame) and len(pack.time) == 71
