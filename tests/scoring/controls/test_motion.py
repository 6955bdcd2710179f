"""Motion of the head: a band of each person's own, from the columns of a table to what is left of a score."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from gyral.cli.main import cli
from gyral.controls.bands import IMAGE_BANDS, TEXT_BANDS
from gyral.controls.heard import SOUND_BANDS
from gyral.controls.over_time import RATE
from gyral.datasets.pack import check_pack, content_hash, read_pack
from gyral.datasets.responses import STIMULUS_BANDS
from gyral.errors import BadDataset, UnknownName
from gyral.hashing import hash_bytes
from gyral.record import Record
from gyral.result import load_record
from source_folder import ABOUT, built, describe

ROWS, UNITS, REPEATS = 160, 12, 2
PEOPLE = ("sub-01", "sub-02")
MOTION = ("trans_x", "trans_y", "rot_z")

TABLES = {
    "about": ABOUT | {"name": "moved", "ordered": False},
    "stimuli": {"modality": "text", "table": "stimuli.csv", "id": "id", "text": "text"},
    "responses": {
        "reader": "array",
        "kind": "simulated",
        "unit": "z",
        "subjects": list(PEOPLE),
        "files": "{subject}.npy",
        "trials": "{subject}.csv",
        "nuisances": {"motion": list(MOTION)},
    },
    "regions": [{"name": "brain", "all": True}],
    "split": {"kind": "contiguous", "folds": 4},
    "benchmark": {
        "name": "moved-v1",
        "version": 0,
        "title": "Moved",
        "modality": "language",
        "dataset": "moved",
        "task": "encoding",
        "metric": "pearson",
        "readout": "ridge",
        "ceiling": "ncsnr",
        "main_region": "brain",
        "simulated": True,
    },
}


def run(*arguments: object) -> str:
    done = CliRunner().invoke(cli, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Heads move with what is read, each its own way; responses are motion of that head and noise, nothing else."""
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((ROWS, 3)).astype(np.float32)
    ids, texts = [f"s{i}" for i in range(ROWS)], [f"sentence {i}" for i in range(ROWS)]
    pd.DataFrame({"id": ids, "text": texts}).to_csv(tmp_path / "stimuli.csv", index=False)
    for person in PEOPLE:
        way, mixture = rng.standard_normal((3, 3)), rng.standard_normal((3, UNITS))
        rows, trials = [], []
        for _ in range(REPEATS):
            order = rng.permutation(ROWS)
            moved = (seen @ way)[order] + 0.5 * rng.standard_normal((ROWS, 3))
            rows.append(moved @ mixture + rng.standard_normal((ROWS, UNITS)))
            trials.append(pd.DataFrame(moved, columns=list(MOTION)).assign(stimulus=[ids[i] for i in order]))
        np.save(tmp_path / f"{person}.npy", np.concatenate(rows).astype(np.float32))
        pd.concat(trials).to_csv(tmp_path / f"{person}.csv", index=False)
    model = tmp_path / "model"
    model.mkdir()
    np.save(model / "seen.npy", seen)
    lines = [f"{i},{hash_bytes(t.encode())}" for i, t in zip(ids, texts, strict=True)]
    (model / "ids.csv").write_text("\n".join(["id,sha256", *lines]) + "\n")
    (model / "features.toml").write_text(
        'format = 1\n[card]\nname = "reader"\nmodality = "language"\n[[layer]]\nname = "seen"\nfile = "seen.npy"\n'
    )
    return tmp_path


def scored(folder: Path, name: str, *options: str, **responses: object) -> Record:
    """Build, install and score, as a user does."""
    told = {k: v for k, v in (TABLES["responses"] | responses).items() if v}
    describe(folder, **TABLES | {"responses": told})
    run("data", "build", folder, "--out", folder / name, "--quiet")
    run("data", "install", folder / name, "--force")
    out = folder / f"{name}-record"
    run("score", folder / "model", "-b", "moved-v1", "--out", out, "--quiet", *options)
    return load_record(out)


def test_what_heads_did_is_taken_from_what_a_model_seems_to_know(folder: Path) -> None:
    plain, moved = scored(folder, "plain", nuisances={}), scored(folder, "moved")
    before, after = plain.main("brain"), moved.main("brain")
    assert before is not None and after is not None
    assert after.value == before.value > 0.5, "a score is the same whatever stands beside it"
    assert "motion" not in plain.controls.nuisances and "motion" in moved.controls.nuisances
    assert before.unique_low is not None and before.unique_low > 0.3
    assert after.nuisance_r2 is not None and after.nuisance_r2 > 0.6
    assert after.unique_r2 == pytest.approx(0, abs=0.02)
    assert plain.benchmark.dataset_hash != moved.benchmark.dataset_hash


def test_beside_another_readout_motion_is_held_constant(folder: Path) -> None:
    record = scored(folder, "moved", "--readout", "pls")
    row = record.main("brain")
    assert row is not None and row.value > 0.5
    assert row.partial is not None and abs(row.partial) < 0.1
    assert "motion" in record.controls.nuisances


def test_pack_keeps_the_mean_over_repeats_of_each_person(folder: Path) -> None:
    digest, _ = built(folder, TABLES)
    pack = read_pack(folder / "pack")
    assert check_pack(folder / "pack") == []
    assert pack.content_hash == digest == content_hash(pack)
    table = pd.read_csv(folder / "sub-02.csv")
    for i in (0, 71):
        expected = table[table["stimulus"] == f"s{i}"][list(MOTION)].mean()
        np.testing.assert_allclose(pack.responses.nuisances["motion"]["sub-02"][i], expected, rtol=1e-5)


def test_a_table_of_units_does_not_take_motion_for_a_unit(folder: Path) -> None:
    for person in PEOPLE:
        units = pd.DataFrame(np.load(folder / f"{person}.npy"), columns=[f"u{k}" for k in range(UNITS)])
        pd.read_csv(folder / f"{person}.csv").join(units).to_csv(folder / f"{person}-all.csv", index=False)
    table = {k: v for k, v in TABLES["responses"].items() if k != "trials"}
    built(folder, TABLES | {"responses": table | {"reader": "table", "files": "{subject}-all.csv"}})
    pack = read_pack(folder / "pack")
    assert pack.responses.n_units == 2 * UNITS
    assert pack.responses.nuisances["motion"]["sub-01"].shape == (ROWS, 3)


@pytest.mark.parametrize(
    ("columns", "cell", "error", "said"),
    [
        (["trans_z"], None, UnknownName, "trans_z"),
        (["trans_x", "trans_x"], None, BadDataset, "named twice"),
        ([], None, BadDataset, "no column is named"),
        (["trans_y"], "n/a", BadDataset, "row 3"),
        (["trans_y"], "inf", BadDataset, "row 3: no finite number"),
    ],
)
def test_columns_that_say_no_motion(
    folder: Path, columns: list[str], cell: str | None, error: type[Exception], said: str
) -> None:
    if cell is not None:
        table = pd.read_csv(folder / "sub-01.csv", dtype=str)
        table.loc[2, "trans_y"] = cell
        table.to_csv(folder / "sub-01.csv", index=False)
    with pytest.raises(error) as caught:
        built(folder, TABLES | {"responses": TABLES["responses"] | {"nuisances": {"motion": columns}}})
    assert said in str(caught.value)
    assert not (folder / "pack").exists()
    done = CliRunner().invoke(cli, ["data", "check", str(folder)])
    assert said in str(done.exception), "before responses are read"


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ({"length": ["trans_x"]}, "called as another, 'length'"),
        ({"motion": ["trans_x"], "Motion": ["trans_y"]}, "called as another, 'motion'"),
    ],
)
def test_names_that_other_bands_have(folder: Path, bands: dict[str, list[str]], said: str) -> None:
    with pytest.raises(BadDataset, match=said):
        built(folder, TABLES | {"responses": TABLES["responses"] | {"nuisances": bands}})


def test_all_bands_of_stimuli_are_known_where_names_are_given() -> None:
    assert {*IMAGE_BANDS, *TEXT_BANDS, *SOUND_BANDS, "position", "static-vectors", RATE} == STIMULUS_BANDS
