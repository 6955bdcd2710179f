"""`gyral data init`, `build`, `check` and `install` on folders of one's own files."""

import tomllib

import numpy as np
import pytest

from gyral.benchmarks.installed import all_benchmarks
from gyral.datasets.pack import read_pack
from gyral.datasets.source import unfinished
from source_folder import SHAPE, beta_folder, describe, image_stimuli, write_csv, write_nifti

BENCHMARK = {
    "name": "own-board",
    "version": 0,
    "title": "Own",
    "modality": "vision",
    "dataset": "own",
    "task": "encoding",
    "metric": "pearson",
    "readout": "ridge",
    "ceiling": "ncsnr",
    "main_region": "V1",
}


def test_an_array_of_another_format_is_told_which_are_read(gyral, tmp_path):
    stimuli = image_stimuli(tmp_path, 4)
    (tmp_path / "r.txt").write_text("1 2 3")
    told = {"reader": "array", "kind": "fMRI", "unit": "z", "subjects": ["s"], "files": "r.txt"}
    describe(tmp_path, stimuli=stimuli, responses=told, regions=[{"name": "all", "all": True}])
    status, _, err = gyral("data", "check", tmp_path)
    assert status == 1
    assert (
        "r.txt: not a plain .npy array" in err and "Arrays are read from .npy, .mat and HDF5 (.h5, .hdf5)" in err
    )
    assert ".npy, .mat or HDF5" in gyral("list", "readers")[1]


def test_hashes_of_what_is_no_pack_yet_are_not_asked_for(gyral, tmp_path):
    describe(tmp_path, stimuli=image_stimuli(tmp_path, 4))
    status, _, err = gyral("data", "check", tmp_path, "--files")
    assert status == 2 and "--files has no effect here" in err


def test_init_writes_nothing_where_nothing_is_recognised_and_says_what_it_looks_for(gyral, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    status, out, err = gyral("data", "init", tmp_path)
    assert status == 1 and not out
    assert "nothing in it is recognised, and nothing was written. Looked for: responses in NIfTI" in err
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def test_init_says_what_is_there_and_marks_what_is_missing(gyral, tmp_path):
    beta_folder(tmp_path)
    (tmp_path / "stimuli.csv").unlink()
    (tmp_path / "old.pkl").write_bytes(b"0")
    status, out, _ = gyral("data", "init", tmp_path)
    assert status == 0
    assert "4 volumes (NIfTI)" in out
    assert "12 images" in out
    assert "pickles: recognised, not read (never read: a pickle runs code" in out
    assert "2 subjects: sub-01, sub-02" in out
    fields = tomllib.loads((tmp_path / "dataset.toml").read_text())
    told = fields["responses"]
    assert told["reader"] == "images"
    assert told["files"] == "{subject}/{subject}_ses-*_betas.nii.gz"
    assert told["trials"] == "{subject}/{subject}_trials.csv"
    assert unfinished(fields) == [
        "about.title",
        "about.description",
        "about.licence",
        "about.citation",
        "responses.unit",
    ]
    assert f"fill in the {len(unfinished(fields))} fields" in out
    assert "item00,pictures/item00.png" in (tmp_path / "stimuli.csv").read_text()
    assert gyral("data", "init", tmp_path)[0] == 1
    assert gyral("data", "init", tmp_path, "--force")[0] == 0
    status, _, err = gyral("data", "build", tmp_path)
    assert status == 1
    assert '5 fields are still to be filled in: about.title (such as "Natural scenes at 7 T"), ' in err
    assert 'responses.unit (such as "z")' in err and "dataset.toml" in err


def test_init_of_nothing_is_one_line(gyral, tmp_path):
    assert gyral("data", "init", tmp_path / "nowhere")[0] == 1
    status, _, err = gyral("data", "init", tmp_path)
    assert (status, err.count("\n")) == (1, 1)


def test_from_files_to_a_board(gyral, home, tmp_path):
    tables = beta_folder(tmp_path / "own")
    describe(tmp_path / "own", **tables, benchmark=BENCHMARK)
    status, out, _ = gyral("data", "check", tmp_path / "own")
    assert status == 0
    assert "sub-01: 24 rows x 8 units, at most 2 repeats" in out
    status, out, _ = gyral("data", "build", tmp_path / "own", "--jobs", "1", "--memory", "64M")
    assert status == 0
    assert "own: 12 stimuli, 16 units, 2 regions" in out
    pack = tmp_path / "own" / "pack"
    status, out, _ = gyral("data", "check", pack)
    assert "sub-01: 12 rows x 8 units, 2 repeats" in out
    assert "about.url is empty" in out
    assert "Canaries" in out
    assert "Ceilings" in out
    assert status == 0
    assert gyral("data", "check", pack, "--files")[1] == f"{pack}: 19 files are as they were written\n"


RSA = {"task": "rsa", "metric": "rsa-spearman", "readout": "none", "ceiling": "rdm-bounds"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"main_region": "V5"}, "main_region must be one of ['V1', 'cortex']"),
        ({"metric": "perason"}, "metric must be one of ['identification-2way'"),
        ({"metric": "rsa-cosine"}, "metric must be one of ['identification-2way'"),
        ({"task": "encodin"}, "task must be 'encoding', 'rsa' or 'triplets', not 'encodin'"),
        ({"readout": "rigde"}, "readout must be one of ["),
        ({"modality": "smell"}, "modality must be 'vision', 'language' or 'audio', not 'smell'"),
        ({"modality": "language"}, "whose models take stimuli of modality 'text'; these are 'image'"),
        ({"dataset": "mine"}, "dataset must be 'own', the pack's name"),
        ({"reagion": "V1"}, "unknown field of [benchmark] 'reagion'"),
        ({"metrics": "pearson"}, "Did you mean 'metric'?"),
        ({"metric": None, "title": None}, "fields are missing: 'title', 'metric'"),
        ({"title": 5}, "title must be a text, not 5"),
        ({"version": "0"}, "version must be a whole number, not '0'"),
        ({"version": True}, "version must be a whole number, not True"),
        ({"version": -1}, "version must be a whole number from 0"),
        ({"grid": "7"}, "grid must be a whole number, not '7'"),
        ({"grid": 3}, "grid = 3; 7 is the least"),
        ({"channels": 0}, "channels must be a whole number from 1"),
        ({"context": "group"}, "only texts are shown in context"),
        ({"simulated": "no"}, "simulated must be true or false, not 'no'"),
        ({"name": "own/board"}, "name must be letters, digits"),
        ({"name": "tuckute2024"}, "'tuckute2024' is the name of a bundled benchmark"),
        ({"ceiling": "ncsnrr"}, "ceiling must be one of ["),
        ({"ceiling": "rdm-bounds"}, "ceiling must be one of ["),
        ({"ceiling": "loso"}, "ceiling is 'loso', and there are 2 subjects; at least 3 are needed"),
        ({"ceiling": "extrapolation"}, "there are 2 subjects; at least 4 are needed. These data allow 'ncsnr', 'split-half'"),
        ({"ceiling": "published"}, "there is no [[published]] table"),
        ({"rdm": "cosine"}, "rdm goes with task 'rsa'"),
        (RSA, "rdm must say how they are made of responses"),
        (RSA | {"rdm": "cosin"}, "rdm goes with task 'rsa' and must be one of ['correlation', 'cosine'"),
        (RSA | {"rdm": "cosin"}, "(did you mean 'cosine'?)"),
        ({"metric": "persson"}, "(did you mean 'pearson'?)"),
        ({"task": "triplets", "metric": "triplet-cosine", "readout": "none", "ceiling": "none"}, "no odd-one-out choices"),
    ],
)  # fmt: skip
def test_a_wrong_benchmark_is_refused_before_anything_is_read_or_written(gyral, tmp_path, change, words):
    folder = tmp_path / "own"
    benchmark = {k: v for k, v in (BENCHMARK | change).items() if v is not None}
    describe(folder, **beta_folder(folder), benchmark=benchmark)
    before = sorted(folder.rglob("*"))
    for command in ("check", "build"):
        status, _, err = gyral("data", command, folder)
        assert status == 1
        assert words in err and f"{folder / 'dataset.toml'} [benchmark]" in err
        assert not list(folder.rglob("*.npy")) and not (folder / "pack").exists()
    assert [
        p for p in sorted(folder.rglob("*")) if ".pack.building" not in str(p) and ".lock" not in p.name
    ] == before


def once(tables, folder, subjects=("sub-01",)):
    """Subjects who saw every picture in one session only."""
    for subject in subjects:
        (folder / subject / f"{subject}_ses-2_betas.nii.gz").unlink()
        path = folder / subject / f"{subject}_trials.csv"
        path.write_text("\n".join(path.read_text().splitlines()[:13]) + "\n")


def three(tables, folder):
    tables |= beta_folder(folder, subjects=("sub-01", "sub-02", "sub-03"))
    mask = np.zeros(SHAPE)
    mask[1:3, 1:, 0] = 1
    write_nifti(folder / "sub-03/sub-03_mask.nii.gz", mask)


@pytest.mark.parametrize(
    ("change", "spoil", "words"),
    [
        ({"ceiling": "ncsnr"}, once, "ceiling is 'ncsnr', and no stimulus was shown twice to subject 'sub-01'. These data allow 'none'."),
        ({"ceiling": "split-half"}, once, "no stimulus was shown twice"),
        ({"ceiling": "consistency"}, once, "subject 'sub-01' did not see every stimulus twice"),
        (RSA | {"rdm": "crossnobis"}, once, "which needs repeats, and ['sub-01'] have none"),
        ({"ceiling": "loso"}, three, "subjects differ in their units (sub-01: 8, sub-02: 8, sub-03: 4)"),
    ],
)  # fmt: skip
def test_a_benchmark_that_the_data_cannot_answer_is_refused(gyral, tmp_path, change, spoil, words):
    folder = tmp_path / "own"
    tables = beta_folder(folder)
    spoil(tables, folder)
    describe(folder, **tables, benchmark=BENCHMARK | change)
    for command in ("check", "build"):
        status, _, err = gyral("data", command, folder)
        assert status == 1 and words in err
        assert not (folder / "pack").exists()


@pytest.mark.parametrize(
    ("split", "group", "words"),
    [
        ({"kind": "grouped", "folds": 7}, "scene", "[split]: 6 groups cannot be held out in 7 folds. Use at most 6 folds"),
        ({"kind": "grouped", "folds": 3}, None, "[split]: split 'grouped' needs a group for every stimulus"),
        ({"kind": "grouped", "folds": 3, "gap": 1}, "scene", "a gap of 1 rows goes with a contiguous split"),
        ({"kind": "contiguous", "folds": 4, "gap": 9}, None, "leaves fewer than two of 12 to train on"),
        ({"kind": "contiguous", "folds": 1}, None, "split.folds: "),
        ({"kind": "shuffled", "folds": 3}, None, "split.kind: Input should be 'contiguous', 'grouped' or 'leave-one-group-out'"),
        ({"kind": "grouped", "fold": 3}, "scene", "Did you mean 'folds'?"),
    ],
)  # fmt: skip
def test_a_split_that_is_none_is_refused_from_tables_alone(gyral, tmp_path, split, group, words):
    folder = tmp_path / "own"
    tables = beta_folder(folder)
    tables["stimuli"] = {k: v for k, v in (tables["stimuli"] | {"group": group}).items() if v is not None}
    describe(folder, **tables | {"split": split}, benchmark=BENCHMARK)
    for command in ("check", "build"):
        status, _, err = gyral("data", command, folder)
        assert status == 1
        assert words in err and str(folder / "dataset.toml") in err
        assert not (folder / "pack").exists()


def test_regions_that_only_an_atlas_names_are_looked_at_too(gyral, tmp_path):
    folder = tmp_path / "own"
    tables = beta_folder(folder)
    labels = np.zeros(SHAPE)
    labels[1, 1:], labels[2, 1:] = 1, 2
    write_nifti(folder / "areas.nii.gz", labels)
    write_csv(folder / "areas.csv", index=[1, 2], name=["V1", "V2"])
    tables["regions"] = [{"atlas": "areas.nii.gz", "labels": "areas.csv", "at_least": 8}]
    describe(folder, **tables, benchmark=BENCHMARK | {"main_region": "V3"})
    status, _, err = gyral("data", "check", folder)
    assert status == 1 and "main_region must be one of ['V1', 'V2']" in err
    # what is left out only when all subjects were read
    write_nifti(folder / "sub-01/sub-01_mask.nii.gz", np.where(labels == 1, 1, labels == 2))
    labels[1, 1, 0] = 2
    write_nifti(folder / "areas.nii.gz", labels)
    describe(folder, **tables, benchmark=BENCHMARK)
    assert gyral("data", "check", folder)[0] == 0
    status, _, err = gyral("data", "build", folder)
    assert status == 1 and "main_region must be one of ['V2']" in err
    assert not (folder / "pack").exists()


def test_one_picture_under_two_names_on_both_sides_of_the_split_gets_no_board(gyral, home, tmp_path):
    folder = tmp_path / "own"
    describe(folder, **beta_folder(folder), benchmark=BENCHMARK)
    (folder / "pictures/item09.png").write_bytes((folder / "pictures/item03.png").read_bytes())
    assert gyral("data", "build", folder)[0] == 0
    status, out, _ = gyral("data", "check", folder / "pack")
    assert status == 1 and "1 pair of equal stimuli stand on both sides of a fold" in out
    status, _, err = gyral("data", "install", folder / "pack")
    assert status == 1 and "equal stimuli" in err
    assert not (home / "packs" / "own").exists()


@pytest.mark.parametrize("command", ["check", "preview", "install"])
def test_a_pack_of_a_newer_version_says_so(gyral, home, tmp_path, command):
    folder = tmp_path / "own"
    describe(folder, **beta_folder(folder))
    assert gyral("data", "build", folder)[0] == 0
    path = folder / "pack" / "dataset.toml"
    path.write_text(path.read_text().replace("pack = 1", "pack = 2"))
    status, _, err = gyral("data", command, folder / "pack")
    assert status == 1 and err == (
        f"gyral: {path}: pack version 2 is not known; this Gyral reads version 1. "
        "The pack was written by a newer Gyral: upgrade, then open it again.\n"
    )
    assert not (home / "packs").exists()


def test_memory_is_a_size(gyral, tmp_path):
    folder = tmp_path / "own"
    describe(folder, **beta_folder(folder))
    assert gyral("data", "build", folder, "--memory", "much")[0] != 0


def test_install_after_build_offers_a_board(gyral, home, tmp_path):
    draw = np.random.default_rng(3)
    folder = tmp_path / "own"
    stimuli = image_stimuli(folder, 40) | {"group": "id"}
    noise = draw.normal(size=(40, 3))
    rows = {f"n{k}": np.r_[noise[:, k], noise[:, k] + draw.normal(size=40) / 2] for k in range(3)}
    write_csv(folder / "r.csv", stimulus=[f"item{i:02d}" for i in range(40)] * 2, **rows)
    describe(
        folder,
        stimuli=stimuli,
        responses={"reader": "table", "kind": "spikes", "unit": "Hz", "subjects": ["m"], "files": "r.csv"},
        regions=[{"name": "V1", "all": True}],
        benchmark=BENCHMARK,
    )
    assert gyral("data", "build", folder, "--out", tmp_path / "pack", "--quiet") == (0, "", "")
    assert gyral("data", "check", tmp_path / "pack")[0] == 0
    status, out, _ = gyral("data", "install", tmp_path / "pack")
    assert status == 0
    assert "sync_benchmarks" in out
    assert "own-board@0" in [b.id for b in all_benchmarks()]
    assert "Those on it: own-board@0." in gyral("score", "gabor", "-b", "own")[2]
    assert gyral("data", "check", "own", "--files")[1] == "own: 45 files are as they were written\n"
    assert read_pack(home / "packs" / "own").responses.repeats["m"].shape == (40, 2, 3)
