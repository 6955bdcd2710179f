"""`gyral data init`, `build`, `check` and `install` on folders of one's own files."""

import tomllib

import pytest

from gyral.benchmarks.installed import all_benchmarks
from gyral.cli.main import main
from gyral.datasets.pack import read_pack
from gyral.datasets.source import unfinished
from source_folder import beta_folder, describe, image_stimuli, write_csv

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


@pytest.fixture
def gyral(capsys):
    """Run the command line: exit status, standard output, standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return left.value.code, out, err

    return run


def test_init_says_what_is_there_and_marks_what_is_missing(gyral, tmp_path):
    beta_folder(tmp_path)
    (tmp_path / "stimuli.csv").unlink()
    (tmp_path / "x.nwb").write_bytes(b"0")
    (tmp_path / "old.pkl").write_bytes(b"0")
    status, out, _ = gyral("data", "init", tmp_path)
    assert status == 0
    assert "4 volumes (NIfTI)" in out
    assert "12 images" in out
    assert "NWB: recognised, not read" in out
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
    assert "5 fields are still to be filled in: about.title" in err


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


def test_build_checks_the_benchmark_before_any_work(gyral, tmp_path):
    tables = beta_folder(tmp_path / "own")
    describe(tmp_path / "own", **tables, benchmark=BENCHMARK | {"main_region": "V5"})
    status, _, err = gyral("data", "build", tmp_path / "own")
    assert status == 1
    assert "main_region must be one of ['V1', 'cortex']" in err
    assert not (tmp_path / "own" / "pack").exists()
    assert gyral("data", "build", tmp_path / "own", "--memory", "much")[0] != 0


def test_install_after_build_offers_a_board(gyral, home, tmp_path):
    import numpy as np

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
    assert gyral("data", "check", "own", "--files")[1] == "own: 45 files are as they were written\n"
    assert read_pack(home / "packs" / "own").responses.repeats["m"].shape == (40, 2, 3)
