"""Published layouts from `init` to a pack, on look-alikes made here; and what does not fit is refused by name."""

import sys
import tomllib

import h5py
import numpy as np
import pandas as pd
import pytest
import tomli_w
import xarray

from gyral.cli.main import main
from gyral.datasets.layouts.lebel2023 import words
from gyral.datasets.pack import check_pack, read_pack
from gyral.datasets.source_build import build_pack
from gyral.datasets.source_draft import draft
from gyral.datasets.source_look import look
from gyral.datasets.split import contiguous
from gyral.datasets.time_axis import sensor_times
from gyral.errors import UserError
from gyral.scores.ceiling import from_repeats
from gyral.scores.repeats import ncsnr
from published_folder import algonauts, brainio, lebel, nsd, textgrid, things_eeg2, things_meg
from source_folder import write_csv


@pytest.fixture
def begun(capsys):
    """Run `gyral data init` on a folder; the fields of its draft, and what was said."""

    def run(folder, status=0):
        with pytest.raises(SystemExit) as left:
            main(["data", "init", str(folder), "--force"])
        out, err = capsys.readouterr()
        assert left.value.code == status, err
        assert "Traceback" not in err
        return (tomllib.loads((folder / "dataset.toml").read_text()), out) if status == 0 else err

    return run


def finished(fields, **changes):
    """What the owner of the data still has to say, said."""
    said = {"licence": "CC BY", "title": "T", "description": "D", "citation": "C"}
    fields["about"] = {k: said.get(k, "x") if v == "TODO" else v for k, v in fields["about"].items()}
    for table, values in changes.items():
        fields[table] = fields.get(table, {}) | values
    return fields


def built(folder, fields):
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    _, made = build_pack(folder, folder / "pack")
    assert check_pack(folder / "pack") == []
    return read_pack(folder / "pack"), made


def refused(code, folder, fields):
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    with pytest.raises(UserError) as caught:
        build_pack(folder, folder / "pack")
    assert caught.value.code == code, caught.value
    return str(caught.value)


def undrafted(code, folder):
    with pytest.raises(UserError) as caught:
        draft(folder, look(folder))
    assert caught.value.code == code, caught.value
    return str(caught.value)


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


VERTICES = {"subj01": (19_004, 20_544), "subj06": (18_978, 20_220)}


def test_algonauts_2023(tmp_path, begun):
    algonauts(tmp_path, VERTICES, {"subj01": [3, 14, 15, 92, 65], "subj06": [15, 3, 35, 65]})
    fields, out = begun(tmp_path)
    assert "2 Algonauts 2023" in out
    fields["split"] = {"kind": "contiguous", "folds": 3}
    pack, made = built(tmp_path, finished(fields))
    assert pack.stimuli.ids == ("nsd-00003", "nsd-00015", "nsd-00065")
    assert any("3 stimuli that not everybody saw were dropped" in note for note in made.notes)
    assert {s: v.shape[1] for s, v in pack.responses.values.items()} == {"subj01": 39_548, "subj06": 39_198}
    values = np.asarray(pack.responses.values["subj06"])
    np.testing.assert_allclose(values[:, [0, 18_977]], [[i, i + 0.18977] for i in (3, 15, 65)], rtol=1e-5)
    np.testing.assert_allclose(values[:, 18_978], [-3, -15, -65], rtol=1e-5)
    v1v = pack.units.iloc[pack.region("V1v").units]
    assert v1v.groupby(["subject", "hemisphere"]).size().tolist() == [100] * 4
    assert pack.region("FFA-2").path == ("floc-faces", "FFA-2")
    assert {r.name for r in pack.regions} == {"all vertices", "V1v", "V1d", "FFA-2"}
    alone = finished(begun(tmp_path)[0])
    alone["responses"]["subjects"] = ["subj01"]
    alone["split"] = {"kind": "contiguous", "folds": 5}
    assert len(built(tmp_path, alone)[0].stimuli) == 5


def test_algonauts_that_does_not_fit_is_refused(tmp_path, begun):
    algonauts(tmp_path, {"subj01": (200, 210)}, {"subj01": [3, 14, 15, 92, 65]})
    fields = finished(begun(tmp_path)[0])
    home = tmp_path / "subj01"
    masks = home / "roi_masks"
    np.save(masks / "lh.floc-faces_challenge_space.npy", np.zeros(199, int))
    assert "199 values; the responses have 200 left columns" in refused("image-shape", tmp_path, fields)
    np.save(masks / "lh.floc-faces_challenge_space.npy", np.full(200, 9))
    assert "labels [9] have no name" in refused("atlas-labels", tmp_path, fields)
    np.save(masks / "lh.floc-faces_challenge_space.npy", np.zeros(200, int))
    np.save(masks / "mapping_floc-faces.npy", {"one": "OFA"})
    assert "'one': a whole number" in refused("atlas-labels", tmp_path, fields)
    np.save(masks / "mapping_floc-faces.npy", {3: "FFA-2"})
    fmri = home / "training_split/training_fmri/rh_training_fmri.npy"
    np.save(fmri, np.load(fmri)[:-1])
    assert "different numbers of rows" in refused("trial-count", tmp_path, fields)
    fmri.unlink()
    assert "rh_training_fmri" in refused("file-missing", tmp_path, fields)
    (home / "training_split/training_images/train-0003_nsd-00015.png").unlink()
    assert "numbers are not 1 to 4" in undrafted("layout", tmp_path)


GRID = (5, 4, 3)


def nsd_sessions(seed, sessions=2, trials=9):
    """Betas in thirds of a per cent of 300ths, so that whole numbers hold them."""
    return [np.random.default_rng([seed, s]).integers(-900, 900, (trials, *GRID)) / 300 for s in range(sessions)]


@pytest.mark.parametrize("ending", ["hdf5", "nii.gz"])
def test_nsd(tmp_path, begun, ending):
    shown = {
        "subj01": [[0, 1, 2, 3, 4, 5, 6, 7, 0], [0, 1, 2, 3, 4, 5, 6, 7, 1]],
        "subj02": [[*range(7), 0, 0]] * 2,
    }
    betas = {s: nsd_sessions(k) for k, s in enumerate(shown)}
    nsd(tmp_path, betas, shown, grid=GRID, ending=ending)
    fields, out = begun(tmp_path)
    assert "4 NSD betas" in out
    assert len((tmp_path / "subj01_trials.csv").read_text().splitlines()) == 19
    fields["split"] = {"kind": "contiguous", "folds": 3}
    pack, _ = built(tmp_path, finished(fields))
    # image 7 was not shown to the second
    assert pack.stimuli.ids == tuple(f"nsd-{k:05d}" for k in range(7))
    assert pack.stimuli.degrees == 8.4
    assert pack.stimuli.columns["shared1000"].tolist() == [1, 0, 1, 0, 1, 0, 1]
    inside = np.array([v % 5 in (1, 2, 3) for v in range(60)])
    units = pack.units[pack.units["subject"] == "subj01"]
    np.testing.assert_allclose(units["ncsnr"], np.flatnonzero(inside) / 1000, rtol=1e-6)
    scored = [(b := s.reshape(9, -1)[:, inside]) - b.mean(0) for s in betas["subj01"]]
    scored = [b / b.std(0) for b in scored]
    repeats = np.asarray(pack.responses.repeats["subj01"])
    assert repeats.shape == (7, 3, 36)
    np.testing.assert_allclose(repeats[0], [scored[0][0], scored[0][8], scored[1][0]], atol=2e-4)
    np.testing.assert_allclose(repeats[1], [scored[0][1], scored[1][1], scored[1][8]], atol=2e-4)
    assert np.isnan(repeats[2, 2]).all()
    assert {r.name for r in pack.regions} == {"all voxels", "V1v", "V1d", "V2v"}
    assert len(pack.region("V1d")) == 24
    with h5py.File(tmp_path / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5") as file:
        third = file["imgBrick"][2]
    from PIL import Image

    with Image.open(pack.stimuli.files[2]) as image:
        np.testing.assert_array_equal(np.asarray(image), third)


def test_nsd_that_does_not_fit_is_refused(tmp_path, begun):
    shown = {"subj01": [[0, 1, 2, 3, 4, 5, 6, 7, 0]] * 2}
    nsd(tmp_path, {"subj01": nsd_sessions(0)}, shown, grid=GRID, pixels=8)
    fields = finished(begun(tmp_path)[0])
    home = tmp_path / "nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR"
    second = home / "betas_session02.hdf5"
    whole = second.read_bytes()
    fields["responses"]["key"] = "beta"
    assert "no variable 'beta'" in refused("missing-key", tmp_path, fields)
    fields["responses"]["key"] = "betas"
    with h5py.File(second, "w") as file:
        file["betas"] = np.zeros((9, *GRID), np.int16)  # not turned round
    assert "(3, 4, 5) voxels; nsdgeneral.nii.gz has (5, 4, 3)" in refused("image-shape", tmp_path, fields)
    second.write_bytes(whole[: len(whole) // 2])
    refused("not-hdf5", tmp_path, fields)
    second.write_bytes(b"nothing")
    assert "not an HDF5 file" in refused("not-hdf5", tmp_path, fields)
    second.unlink()
    assert "18 trials in the table, 9 rows" in refused("trial-count", tmp_path, fields)
    second.write_bytes(whole)
    brick = tmp_path / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
    with h5py.File(brick, "w") as file:
        file["imgBrick"] = np.zeros((3, 8, 8, 3), np.uint8)
    assert "row 4: 3 is no place from 0 to 2" in refused("stimulus-missing", tmp_path, fields)
    (home.parent / "other").mkdir()
    second.rename(home.parent / "other" / "betas_session02.hdf5")
    assert "2 kinds" in undrafted("layout", tmp_path)
    (tmp_path / "nsddata/ppdata/subj01/behav/responses.tsv").unlink()
    (home.parent / "other" / "betas_session02.hdf5").unlink()
    undrafted("layout", tmp_path)


def test_nsd_noise_ceiling_with_mixed_repeats_is_the_published_one(tmp_path, begun):
    """Ceilings of the pack's repeats against NSD's ncsnr (three presentations) in the formula for mixed ones."""
    draw = np.random.default_rng(0)
    counts = np.repeat([1, 2, 3], [80, 80, 140])
    order = draw.permutation(np.repeat(np.arange(300), counts))[: 3 * 220].reshape(3, 220).tolist()
    grid = (20, 5, 1)
    snr = np.repeat([0.3, 0.6, 1.0, 1.5], 25).reshape(grid)
    signal = draw.normal(size=(300, *grid)) * snr / np.sqrt(1 + snr**2)
    betas = [signal[s] + draw.normal(size=(220, *grid)) / np.sqrt(1 + snr**2) for s in order]
    nsd(tmp_path, {"subj01": betas}, {"subj01": order}, grid=grid, pixels=4, images=300)
    fields = finished(begun(tmp_path)[0])
    fields["responses"]["mask"] = "whole.nii.gz"
    fields["regions"] = [{"name": "all", "all": True}]
    fields["split"] = {"kind": "contiguous", "folds": 5}
    from source_folder import write_nifti

    write_nifti(tmp_path / "whole.nii.gz", np.ones(grid))
    pack, _ = built(tmp_path, fields)
    repeats = np.asarray(pack.responses.repeats["subj01"], np.float64)
    seen = np.isfinite(repeats[..., 0]).sum(axis=1)
    assert set(seen) == {1, 2, 3}
    noise = repeats[seen == 3].var(axis=1, ddof=1).mean(axis=0)
    published = np.sqrt(np.maximum(0, 1 - noise)) / np.sqrt(noise)
    a, b, c = (int((seen == n).sum()) for n in (1, 2, 3))
    ceiling = published**2 / (published**2 + (a + b / 2 + c / 3) / (a + b + c))
    ours = ncsnr(repeats).noise_ceiling
    truth = (snr**2 / (snr**2 + (1 / seen).mean())).ravel()
    assert np.abs(np.median(ours.reshape(4, 25) - ceiling.reshape(4, 25), axis=1)).max() < 0.02
    assert np.abs(np.median(ours.reshape(4, 25) - truth.reshape(4, 25), axis=1)).max() < 0.04
    # 1 / mean n instead of mean 1/n would be far off
    wrong = published**2 / (published**2 + 1 / seen.mean())
    assert np.median((wrong - ceiling).reshape(4, 25)[1]) > 0.03
    # Algonauts: the median of r2 / NC; the true signal has 1
    values = np.asarray(pack.responses.values["subj01"], np.float64)
    shown = [int(i[4:]) for i in pack.stimuli.ids]
    truly = signal.reshape(300, -1)[shown]
    r = np.array([np.corrcoef(values[:, v], truly[:, v])[0, 1] for v in range(100)])
    reliable = ceiling > 0.05
    assert np.median(r[reliable] ** 2 / ceiling[reliable]) == pytest.approx(1, abs=0.05)
    split = contiguous(len(values), 5)
    bound = from_repeats(repeats, split)
    folds = np.array(
        [[np.corrcoef(values[f.test, v], truly[f.test, v])[0, 1] for v in range(100)] for f in split.folds]
    )
    scored = bound.ceiled(folds, np.array([len(f.test) for f in split.folds]))
    assert np.nanmedian(scored) == pytest.approx(1, abs=0.06)


def test_lebel_stories(tmp_path, begun):
    lebel(tmp_path, {"UTS01": 7, "UTS02": 5}, {"alpha": 40, "beta": 30, "gamma": 35})
    fields, out = begun(tmp_path)
    assert "LeBel/Huth stories" in out
    assert fields["responses"]["key"] == "data"
    assert fields["timeline"] == {"period": 2.0, "start": 10.0}
    pack, _ = built(tmp_path, finished(fields))
    assert pack.samples == 105
    assert {s: v.shape for s, v in pack.responses.values.items()} == {"UTS01": (105, 7), "UTS02": (105, 5)}
    np.testing.assert_allclose(pack.responses.values["UTS02"][40], 100 + np.arange(5) / 1000, rtol=1e-6)
    assert pack.stimuli.texts[:3] == ("word0", "word1", "word2")
    assert "{br}" not in pack.stimuli.texts
    # 40 samples from 10 s on end at 90 s; of every ten words one is a breath
    assert pack.stimuli.groups.count("alpha") == 162
    assert pack.timeline.start == 10.0 and pack.timeline.delays == (1, 2, 3, 4)
    assert pack.timeline.stories[39:41] == ("alpha", "beta")
    assert pack.split().name.startswith("leave-one-group-out")


def test_lebel_that_does_not_fit_is_refused(tmp_path, begun):
    lebel(tmp_path, {"UTS01": 7, "UTS02": 5}, {"alpha": 40, "beta": 30})
    fields = finished(begun(tmp_path)[0])
    home = tmp_path / "derivative/preprocessed_data"
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["data"] = np.zeros((29, 5))
    assert "70 trials in the table, 69 rows" in refused("trial-count", tmp_path, fields)
    assert "29 samples; UTS01 has 30" in undrafted("layout", tmp_path)
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["resp"] = np.zeros((30, 5))
    assert "no variable 'data'" in refused("missing-key", tmp_path, fields)
    assert "['data', 'resp']" in undrafted("layout", tmp_path)
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["data"] = np.zeros((30, 4))
    assert "[4, 5] units" in refused("array", tmp_path, fields)
    with h5py.File(home / "UTS02/beta.hf5", "w") as file:
        file["data"], file["more"] = np.zeros((30, 5)), np.zeros(3)
    assert "2 variables, and none is named" in undrafted("missing-key", tmp_path)
    (home / "UTS02/beta.hf5").unlink()
    assert begun(tmp_path)[0]["responses"]["files"] == ["derivative/preprocessed_data/{subject}/alpha.hf5"]
    grid = tmp_path / "derivative/TextGrids/alpha.TextGrid"
    grid.write_text("File type = 'something'")
    undrafted("textgrid", tmp_path)
    grid.unlink()
    assert "'alpha' first" in undrafted("layout", tmp_path)


def test_words_of_a_textgrid_leave_breaths_out_and_name_missing_tiers(tmp_path):
    textgrid(
        tmp_path / "a.TextGrid", [(0.0, 0.5, "Once"), (0.5, 0.9, "{LG}"), (0.9, 1.2, "sp"), (1.2, 2.0, "UPON")]
    )
    assert words(tmp_path / "a.TextGrid") == [("once", 0.0, 0.5), ("upon", 1.2, 2.0)]
    (tmp_path / "b.TextGrid").write_text((tmp_path / "a.TextGrid").read_text().replace('"word"', '"tone"'))
    with pytest.raises(UserError, match="one called 'word' is expected"):
        words(tmp_path / "b.TextGrid")


def test_brainio_assembly(tmp_path, begun):
    made = brainio(tmp_path / "assy_dicarlo_Made2026.nc")
    fields, out = begun(tmp_path)
    assert "1 BrainIO netCDF" in out
    assert (fields["about"]["name"], fields["about"]["title"]) == ("dicarlo.made2026", "dicarlo.Made2026")
    assert fields["responses"]["subjects"] == ["Chabo", "Tito"]
    assert fields["stimuli"] == {
        "modality": "image",
        "table": "stimulus_made.csv",
        "id": "image_id",
        "file": "filename",
        "folder": "images",
    }
    fields["split"] = {"kind": "contiguous", "folds": 2}
    pack, _ = built(tmp_path, finished(fields, responses={"kind": "spikes", "unit": "a.u."}))
    repeats = np.asarray(pack.responses.repeats["Tito"])
    np.testing.assert_array_equal(repeats, made.values[3:, :, 0].reshape(3, 3, 4).transpose(2, 1, 0))
    assert pack.units["unit"].tolist() == [f"site_{k}" for k in range(6)]
    assert {r.name: len(r) for r in pack.regions} == {"all": 6, "V4": 2, "IT": 4}
    assert pack.units["x"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


def test_brainio_assembly_of_sentences(tmp_path, begun):
    """As Pereira 2018: presentations x neuroids without time bins, several experiments, NaN where one was not measured."""
    draw = np.random.default_rng(2)
    values = draw.normal(size=(6, 5)).astype(np.float32)
    values[3:, 1] = np.nan
    made = xarray.DataArray(
        values,
        dims=("presentation", "neuroid"),
        coords={
            "stimulus_id": ("presentation", [f"384sentences.{k}" for k in range(6)]),
            "experiment": ("presentation", ["384sentences"] * 6),
            "neuroid_id": ("neuroid", np.arange(5)),
            "subject": ("neuroid", ["018", "018", "018", "215", "215"]),
            "atlas": ("neuroid", ["language", "language", "visual", "language", "language"]),
        },
    )
    made.to_dataset(name="data").to_netcdf(tmp_path / "assy_Pereira2018.nc", engine="h5netcdf")
    sentences = [f"Sentence number {k} of a story." for k in range(6)]
    write_csv(
        tmp_path / "stimulus_Pereira2018.csv",
        stimulus_id=made["stimulus_id"],
        sentence=sentences,
        story=list("aabbcc"),
    )
    fields = finished(begun(tmp_path)[0], responses={"kind": "fMRI", "unit": "z"})
    assert fields["stimuli"]["group"] == "story"
    assert "1 of 3 units are NaN or infinite in row 4" in refused("not-finite", tmp_path, fields)
    fields["responses"]["not_a_number"] = "drop"
    pack, made_of = built(tmp_path, fields)
    assert any("subject 018: 1 units with NaN were left out" in note for note in made_of.notes)
    assert {s: v.shape for s, v in pack.responses.values.items()} == {"018": (6, 2), "215": (6, 2)}
    np.testing.assert_array_equal(pack.responses.values["018"], values[:, [0, 2]])
    assert pack.stimuli.texts == tuple(sentences)
    assert len(pack.region("language")) == 3
    assert pack.split().name.startswith("leave-one-group-out")


def test_brainio_of_another_version_or_shape_is_refused(tmp_path, begun):
    path = tmp_path / "assy_x.nc"
    brainio(path, bins=2)
    fields = finished(begun(tmp_path)[0], responses={"kind": "spikes", "unit": "a.u."})
    fields["split"] = {"kind": "contiguous", "folds": 2}
    assert fields["responses"].pop("time_bin") == "TODO"
    assert "responses.time_bin names one of [70, 170], [170, 270]" in refused("time-bins", tmp_path, fields)
    fields["responses"]["time_bin"] = [170.0, 270.0]
    built(tmp_path, fields)
    fields["responses"]["time_bin"] = [0.0, 1.0]
    refused("time-bins", tmp_path, fields)
    brainio(path)
    fields["responses"] |= {"time_bin": [70.0, 170.0], "subject_name": "monkey"}
    assert "Known: " in refused("unknown-name", tmp_path, fields)
    fields["responses"] |= {"subject_name": "animal", "subjects": ["Chabo", "Magneto"]}
    assert "'Magneto'" in refused("unknown-name", tmp_path, fields)
    del fields["responses"]["subject_name"]
    assert "no coordinate says whose" in refused("source", tmp_path, fields)
    brainio(path, engine="scipy")
    assert path.read_bytes()[:4] in (b"CDF\x01", b"CDF\x02")
    assert "netCDF-3 (64-bit offset, CDF-2)" in refused("netcdf-version", tmp_path, fields)
    assert "BrainIO assemblies are netCDF-4" in begun(tmp_path, status=1)
    path.write_bytes(b"CDF\x05" + b"\0" * 50)
    assert "netCDF-3 (64-bit data, CDF-5)" in refused("netcdf-version", tmp_path, fields)
    path.write_bytes(b"nonsense")
    refused("not-netcdf", tmp_path, fields)
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros((3, 3))
    assert str(path) in refused("assembly", tmp_path, fields)


@pytest.mark.parametrize(
    ("package", "extra", "made"),
    [
        (
            "h5py",
            "hdf5",
            lambda folder: nsd(
                folder, {"subj01": nsd_sessions(0)}, {"subj01": [[0] * 9] * 2}, grid=GRID, pixels=4
            ),
        ),
        ("praatio", "textgrid", lambda folder: lebel(folder, {"UTS01": 7, "UTS02": 5}, {"alpha": 40})),
        ("h5netcdf", "netcdf", lambda folder: brainio(folder / "assy_x.nc")),
    ],
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(tmp_path, monkeypatch, package, extra, made):
    made(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"gyral\[{extra}\]") as caught:
        made = draft(tmp_path, look(tmp_path))
        for name, text in made.others.items():
            (tmp_path / name).write_text(text)
        (tmp_path / "dataset.toml").write_text(made.text.replace('"TODO"', '"x"'))
        build_pack(tmp_path, tmp_path / "pack")
    assert caught.value.code == "extra-missing"


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
