"""Published fMRI in tables from `init` to a pack, on look-alikes made here; and what does not fit is refused by name."""

import json
import shutil
import tomllib

import h5py
import numpy as np
import pandas as pd
import pytest
import tomli_w
from scipy.io import loadmat, savemat

from gyral.cli.main import main
from gyral.scores.repeats import ncsnr
from ieeg_folder import ieeg
from nwb_folder import nwb_session
from published_fmri import narratives, pandas_fixed, pereira, things_fmri
from published_walk import built, finished, refused, undrafted
from source_folder import image_stimuli, write_nifti


@pytest.mark.parametrize("openneuro", [False, True])
def test_things_fmri(tmp_path, begun, openneuro):
    made = things_fmri(tmp_path, openneuro=openneuro)
    fields, out = begun(tmp_path)
    assert "2 THINGS-fMRI" in out and "not read" not in out
    assert fields["responses"]["key"] == "ResponseData/block0_values"
    pack, _ = built(tmp_path, finished(fields))
    assert pack.responses.subjects == ("sub-01", "sub-02")
    assert len(pack.stimuli) == 29
    assert pack.split().name == "grouped-5"
    at = pack.stimuli.ids.index("thing3_02s.jpg")
    assert pack.stimuli.groups[at] == "thing3"
    # 32 of 40 voxels are in some region; of those, every tenth is only in an area of Glasser's
    units = pack.units[pack.units["subject"] == "sub-02"]
    kept = [v for v in range(32) if v % 10 != 9]
    assert units["voxel_id"].tolist() == kept
    ffa = pack.units.iloc[pack.region("FFA").units]
    assert sorted(set(ffa["voxel_id"] % 10)) == [3, 4]
    assert pack.region("LO1 (prf)").path == ("visual", "retinotopic", "LO1 (prf)")
    assert not [r for r in pack.regions if "glasser" in r.name]
    repeats = np.asarray(pack.responses.repeats["sub-02"])
    assert repeats.shape == (29, 4, len(kept))
    (place,) = tmp_path.glob("*/**/sub-02*timulus*etadata.csv")
    told = pd.read_csv(place)
    betas = made["sub-02"][:, kept]
    scored = betas.copy()
    for session in range(1, 5):
        own = (told["session"] == session).to_numpy()
        scored[own] = (betas[own] - betas[own].mean(axis=0)) / betas[own].std(axis=0)
    (row,) = np.flatnonzero(told["stimulus"] == "thing3_02s.jpg")
    np.testing.assert_allclose(repeats[at, 0], scored[row], atol=1e-5)
    assert np.isnan(repeats[at, 1:]).all()
    other = pack.stimuli.ids.index("other4_14s.jpg")
    np.testing.assert_allclose(
        repeats[other], scored[(told["stimulus"] == "other4_14s.jpg").to_numpy()], atol=1e-5
    )


def test_things_fmri_noise_ceiling_is_the_published_one(tmp_path, begun):
    """Ceilings of the test images against ``nc_testset`` (the authors' code, NSD's formula) of a look-alike."""
    things_fmri(tmp_path, ("sub-01",), concepts=2, sessions=12, tests=60)
    fields = finished(begun(tmp_path)[0])
    fields["responses"]["where"] = {"trial_type": "test"}
    fields["stimuli"]["unseen"] = "drop"
    fields["split"] = {"kind": "contiguous", "folds": 2}
    pack, _ = built(tmp_path, fields)
    repeats = np.asarray(pack.responses.repeats["sub-01"], np.float64)
    assert repeats.shape[:2] == (60, 12)
    ours = ncsnr(repeats).noise_ceiling
    published = pack.units["nc_testset"].to_numpy() / 100
    assert published.min() < 0.3 and published.max() > 0.95
    high = published > 0.3
    np.testing.assert_allclose(ours[high], published[high], atol=0.08)


def test_things_fmri_that_does_not_fit_is_refused(tmp_path, begun):
    things_fmri(tmp_path, ("sub-01",))
    home = tmp_path / "betas_csv"
    betas = home / "sub-01_ResponseData.h5"
    fields = finished(begun(tmp_path)[0])
    whole = betas.read_bytes()
    with h5py.File(betas) as file:
        values = file["ResponseData/block0_values"][()]
    for code, change, words in (
        ("missing-key", {"key": "ResponseData/block7_values"}, "block0_values"),
        ("trial-count", {"transposed": False}, "44 trials in the table, 40 rows"),
        ("unknown-name", {"zscore_by": "sesion"}, "Did you mean 'session'?"),
    ):
        changed = {**fields, "responses": fields["responses"] | change}
        assert words in refused(code, tmp_path, changed)
    changed = {**fields, "regions": [{"name": "V1", "flags": ["V11"]}]}
    assert "Did you mean 'V1'?" in refused("unknown-name", tmp_path, changed)
    changed = {**fields, "regions": [{"name": "V1", "flags": ["voxel_x"]}]}
    assert "holds 2; a flag is 0 or 1" in refused("table", tmp_path, changed)
    betas.write_bytes(whole[: len(whole) // 2])
    refused("not-hdf5", tmp_path, fields)
    undrafted("not-hdf5", tmp_path)
    pandas_fixed(betas, values[:-1])
    assert "40 rows, but subject 'sub-01' has 39 units" in refused("unit-count", tmp_path, fields)
    assert "40 voxels x 44 trials are expected" in undrafted("layout", tmp_path)
    pandas_fixed(betas, values, names=[1, 0, *range(2, 44)])
    assert "numbers of trials, ascending" in undrafted("layout", tmp_path)
    pandas_fixed(betas, values)
    with h5py.File(betas, "a") as file:
        file["ResponseData/block1_values"][0] = 7
    assert "its voxel_id are not those" in undrafted("layout", tmp_path)
    betas.write_bytes(whole)
    trials = home / "sub-01_StimulusMetadata.csv"
    text = trials.read_text()
    trials.write_text(text.replace("session", "sess"))
    assert "no column 'session'" in undrafted("layout", tmp_path)
    trials.unlink()
    assert "sub-01_StimulusMetadata.csv beside it" in undrafted("layout", tmp_path)


def test_things_fmri_without_its_images_marks_them(tmp_path, begun):
    things_fmri(tmp_path, ("sub-01",), images=False)
    fields = finished(begun(tmp_path)[0])
    assert "there is no file 'TODO'" in refused("stimulus-missing", tmp_path, fields)


def test_pereira(tmp_path, begun):
    people = {"M02": (384, 243), "M03": (243,), "M04": (384, 243), "M08": (384,)}
    pereira(tmp_path, people)
    fields, out = begun(tmp_path)
    assert "6 Pereira 2018" in out and "not read" not in out and "dissimilarity" not in out
    # both experiments of two people are 1,254 sentences, the longer one of three 1,152
    assert fields["responses"]["subjects"] == ["M02", "M04"]
    assert "Left out: M03, M08" in (tmp_path / "dataset.toml").read_text()
    fields["responses"]["zscore"] = "none"
    pack, _ = built(tmp_path, finished(fields))
    assert len(pack.stimuli) == 627
    assert (pack.stimuli.ids[7], pack.stimuli.texts[7]) == ("384-008", "Sentence 7 of 384.")
    assert (pack.stimuli.groups[8], pack.stimuli.columns["passage"][8]) == ("384-topic1", "384-passage-03")
    assert pack.stimuli.ids[384] == "243-001"
    assert pack.split().name == "grouped-5"
    assert {r.name for r in pack.regions} == {"languageLH", "DMN", "languageLH IFG", "languageLH AntTemp"}
    assert pack.region("languageLH IFG").path == ("networks", "languageLH", "languageLH IFG")
    units = pack.units[pack.units["subject"] == "M04"]
    assert units["i"].tolist() == [2, 3, 4, 6, 7, 8]
    assert (len(pack.region("languageLH")), len(pack.region("DMN"))) == (12, 2)
    values = np.asarray(pack.responses.values["M04"])
    np.testing.assert_allclose(values[[0, 9, 384, 390], 3], [0.06, 9.06, -0.06, -6.06], rtol=1e-5)


def test_pereira_of_one_experiment_and_older_names(tmp_path, begun):
    pereira(tmp_path, {"M02": (243,), "P01": (243, 384)}, key="examples", atlases=False)
    fields, _ = begun(tmp_path)
    assert fields["responses"]["key"] == "examples"
    assert fields["responses"]["subjects"] == ["P01"]
    assert fields["regions"] == [{"name": "all voxels", "all": True}]
    assert len(built(tmp_path, finished(fields))[0].units) == 60


def test_pereira_that_does_not_fit_is_refused(tmp_path, begun):
    pereira(tmp_path, {"M02": (243,), "M03": (243,)})
    fields = finished(begun(tmp_path)[0])
    file = tmp_path / "M03" / "data_243sentences.mat"
    whole, held = file.read_bytes(), loadmat(file)
    held = {k: v for k, v in held.items() if not k.startswith("__")}

    def saved(**changes):
        savemat(file, {k: v for k, v in (held | changes).items() if v is not None})

    changed = {**fields, "responses": fields["responses"] | {"key": "example"}}
    assert "no variable 'example'" in refused("missing-key", tmp_path, changed)
    changed = {**fields, "responses": fields["responses"] | {"key": "keySentences"}}
    assert "cell; numbers with 2 axes" in refused("array", tmp_path, changed)
    saved(examples_passagesentences=held["examples_passagesentences"][:, :-1])
    assert "60 rows, but subject 'M03' has 59 units" in refused("unit-count", tmp_path, fields)
    saved(examples_passagesentences=held["examples_passagesentences"][:-1])
    assert "243 trials in the table, 242 rows" in refused("trial-count", tmp_path, fields)
    assert "a row for each of its 243 sentences" in undrafted("layout", tmp_path)
    saved(keySentences=held["keySentences"][::-1])
    assert "are not those that M02 read" in undrafted("layout", tmp_path)
    saved(labelsPassageCategory=held["labelsPassageCategory"][:-1])
    assert "do not fit each other" in undrafted("layout", tmp_path)
    saved(keySentences=None)
    assert "no variable 'keySentences'" in undrafted("layout", tmp_path)
    saved(meta=None)
    assert "no struct 'meta'" in undrafted("layout", tmp_path)
    file.write_bytes(whole[: len(whole) // 3])
    refused("not-matlab", tmp_path, fields)
    undrafted("layout", tmp_path)
    file.write_bytes(
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(512)
    )
    assert "version 7.3, which is HDF5" in refused("not-matlab", tmp_path, fields)
    file.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    refused("not-matlab", tmp_path, fields)
    undrafted("not-matlab", tmp_path)
    file.unlink()
    refused("file-missing", tmp_path, fields)


EVERYBODY = ("pieman", "milkyway")


@pytest.mark.parametrize(("pipeline", "alignment"), [("afni-nosmooth", "json"), ("fmriprep", "csv")])
def test_narratives(tmp_path, begun, pipeline, alignment):
    heard = {"sub-001": EVERYBODY, "sub-002": (*EVERYBODY, "tunnel"), "sub-003": ("pieman",)}
    narratives(tmp_path, heard, pipeline=pipeline, alignment=alignment)
    fields, out = begun(tmp_path)
    assert "Narratives" in out
    assert fields["responses"]["subjects"] == ["sub-001", "sub-002"]
    assert fields["timeline"] == {"period": 1.5}
    assert "1 people did not" in (tmp_path / "dataset.toml").read_text()
    assert pipeline in (tmp_path / "dataset.toml").read_text()
    fields["responses"]["zscore"] = "none"
    pack, _ = built(tmp_path, finished(fields))
    assert pack.samples == 110
    # stories in the order of their names: milkywayoriginal, pieman
    assert (pack.timeline.stories[0], pack.timeline.stories[-1]) == ("milkywayoriginal", "pieman")
    assert pack.split().name == "leave-one-group-out"
    units = pack.units[pack.units["subject"] == "sub-002"]
    assert len(units) == 10 and {"x", "y", "z"} <= set(units)
    values = np.asarray(pack.responses.values["sub-002"])
    np.testing.assert_allclose(values[[0, 49, 50, 109], 0], [100.04, 149.04, 0.04, 59.04], rtol=1e-5)
    onset = dict(zip(pack.stimuli.ids, pack.stimuli.columns["onset"], strict=True))
    # the audio of the one begins with its music, at 0; of the other at 21 s
    assert (onset["pieman-00001"], onset["milkywayoriginal-00003"]) == (0.0, 22.0)
    # words without a time stand between their neighbours
    assert onset["pieman-00007"] == pytest.approx(3.0)
    assert pack.about.ordered
    # words after the last volume are left out
    assert max(v for k, v in onset.items() if k.startswith("milky")) < 75.0


def test_narratives_with_the_authors_mask_has_the_same_units_in_all_people(tmp_path, begun):
    narratives(tmp_path, {f"sub-00{k}": EVERYBODY for k in (1, 2, 3)})
    shared = np.zeros((4, 3, 2))
    shared[2:] = 1
    home = tmp_path / "derivatives/afni-nosmooth/tpl-MNI152NLin2009cAsym"
    name = "tpl-MNI152NLin2009cAsym_res-milkyway_desc-brain_mask.nii.gz"
    write_nifti(home / name, shared)
    fields, _ = begun(tmp_path)
    assert fields["responses"]["mask"] == f"derivatives/afni-nosmooth/tpl-MNI152NLin2009cAsym/{name}"
    pack, _ = built(tmp_path, finished(fields))
    assert {v.shape for v in pack.responses.values.values()} == {(110, 12)}


def test_narratives_that_does_not_fit_is_refused(tmp_path, begun):
    heard = {f"sub-00{k}": EVERYBODY for k in (1, 2, 3)}
    narratives(tmp_path, heard)
    listed = {"pieman": {"sub-003": ["sub-003_task-pieman_run-1"]}}
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "scan_exclude.json").write_text(json.dumps(listed))
    fields = finished(begun(tmp_path)[0])
    assert fields["responses"]["subjects"] == ["sub-001", "sub-002"]
    assert "1 runs excluded by the authors" in (tmp_path / "dataset.toml").read_text()
    (tmp_path / "code" / "scan_exclude.json").write_text("[1]")
    assert "not the authors' list" in undrafted("layout", tmp_path)
    (tmp_path / "code" / "scan_exclude.json").unlink()
    series = tmp_path / "derivatives/afni-nosmooth/sub-002/func"
    (pieman,) = series.glob("*pieman*bold.nii.gz")
    whole = pieman.read_bytes()
    write_nifti(pieman, np.zeros((4, 3, 2, 55)), tr=1.5)
    # another number of volumes: drafted without that person, refused where the description has it
    assert "110 trials in the table, 105 rows" in refused("trial-count", tmp_path, fields)
    assert begun(tmp_path)[0]["responses"]["subjects"] == ["sub-001", "sub-003"]
    pieman.write_bytes(whole[: len(whole) // 2])
    refused("image-truncated", tmp_path, fields)
    pieman.write_bytes(whole)
    align = tmp_path / "stimuli/gentle/pieman/align.json"
    for text, words in (
        ("{", "JSONDecodeError"),
        ('{"words": [{}]}', "KeyError"),
        ('{"words": [{"word": "a"}]}', "no word has a time"),
    ):
        align.write_text(text)
        assert words in undrafted("layout", tmp_path)
    align.unlink()
    assert "no alignment by gentle" in undrafted("layout", tmp_path)
    (tmp_path / "sub-001/func/sub-001_task-milkyway_events.tsv").unlink()
    assert "when the audio began" in undrafted("layout", tmp_path)
    shutil.rmtree(tmp_path / "derivatives")
    assert "no series of volumes" in undrafted("layout", tmp_path)


def sentences(folder):
    pereira(folder, {"M02": (243,)})
    return {}


def stories(folder):
    narratives(folder, {"sub-001": EVERYBODY, "sub-002": EVERYBODY})
    return {}


def spikes(folder):
    stimuli = image_stimuli(folder, 12)
    for session in (1, 2):
        nwb_session(folder / f"sub-a/sub-a_ses-{session}.nwb", list(range(12)), session=session)
    return {
        "stimuli": stimuli,
        "responses": {"count": [0.05, 0.25], "stimulus": "image"},
        "regions": [{"column": "location"}],
        "split": {"kind": "grouped", "folds": 3},
    }


def electrodes(folder):
    ieeg(folder, ("sub-01",), runs=3)
    return {
        "responses": {"kind": "ECoG", "unit": "µV"},
        "epochs": {"stop": 0.3, "window": [0.0, 0.3]},
        "regions": [{"column": "anatomy"}],
    }


@pytest.mark.parametrize("make", [sentences, stories, spikes, electrodes])
def test_new_doors_go_through_the_command_line_to_an_installed_pack(tmp_path, capsys, make):
    folder = tmp_path / "study"
    changes = make(folder)

    def gyral(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["data", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert left.value.code == 0, (arguments, out, err)
        assert "Traceback" not in out + err
        return out

    gyral("init", folder)
    fields = finished(tomllib.loads((folder / "dataset.toml").read_text()))
    for table, values in changes.items():
        fields[table] = fields.get(table, {}) | values if isinstance(values, dict) else values
    (folder / "dataset.toml").write_bytes(tomli_w.dumps(fields).encode())
    assert "fit each other" in gyral("check", folder)
    gyral("build", folder)
    assert "Canaries" in gyral("check", folder / "pack")
    assert f"installed {fields['about']['name']}" in gyral("install", folder / "pack")
