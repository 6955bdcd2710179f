"""Algonauts 2023 and NSD from `init` to a pack, on look-alikes made here; NSD's noise ceiling."""

import h5py
import numpy as np
import pytest

from gyral.datasets.split import contiguous
from gyral.scores.ceiling import from_repeats
from gyral.scores.repeats import ncsnr
from published_folder import GRID, algonauts, nsd, nsd_sessions
from published_walk import built, finished, refused, undrafted

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
    assert "this is no HDF5 file" in refused("not-hdf5", tmp_path, fields)
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
