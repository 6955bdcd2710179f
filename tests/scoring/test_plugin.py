"""A third party's package: built into a wheel, installed beside ours, found by its entry points, held to the suites, scored."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gyral.cli.main import main
from gyral.datasets.png import png
from gyral.datasets.readers import READERS
from gyral.metrics import METRICS
from gyral.models.others import OTHERS
from gyral.readouts import READOUTS
from source_folder import ABOUT, describe, write_csv

SOURCE = Path(__file__).resolve().parents[1] / "plugin"
PACKAGE = "gyral-nearest 1.0"
BENCHMARK = {
    "name": "own-board",
    "version": 0,
    "title": "Own",
    "modality": "vision",
    "dataset": "own",
    "task": "encoding",
    "metric": "concordance",
    "readout": "nearest",
    "ceiling": "none",
    "main_region": "all",
}
# Runs where the package is installed: the suites, then the command line, in one process (torch loads once).
SCRIPT = """
import contextlib, json, sys
from pathlib import Path
from gyral.cli.main import main
from gyral.readouts import READOUTS
from gyral.testing import check_readout, check_registered
folder, *commands = map(json.loads, sys.argv[1:])
check_registered("reader", "counts", Path(folder))
for kind, name in (("readout", "nearest"), ("metric", "concordance"), ("model", "tiles")):
    check_registered(kind, name)
check_readout(READOUTS.load("nearest")(neighbours=3), least=0.2)
for command in commands:
    with contextlib.suppress(SystemExit):
        main(command)
"""


def counts_folder(folder: Path, count: int = 60) -> Path:
    """Pictures of four grey quarters, twice each; counts answer to the brightness of the quarters, and to noise."""
    draw = np.random.default_rng(0)
    quarters = draw.uniform(0, 255, (count, 2, 2))
    (folder / "images").mkdir(parents=True)
    names = [f"scene{i:02d}" for i in range(count)]
    for name, quarter in zip(names, quarters, strict=True):
        pixels = np.kron(quarter, np.ones((32, 32)))[..., None] + draw.normal(0, 20, (64, 64, 3))
        (folder / "images" / f"{name}.png").write_bytes(png(np.clip(pixels, 0, 255).astype(np.uint8)))
    write_csv(folder / "stimuli.csv", id=names, file=[f"images/{n}.png" for n in names])
    signal = (quarters.reshape(count, 4) / 75) @ draw.dirichlet(np.ones(4), 6).T
    trials = np.concatenate([signal, signal]) + 0.3 * draw.normal(size=(2 * count, 6))
    trials[:, 5] = 0  # never fires
    lines = [f"{n}: " + " ".join(f"{v:.4f}" for v in row) for n, row in zip(names * 2, trials, strict=True)]
    (folder / "s1.txt").write_text("\n".join(lines))
    return describe(
        folder,
        about=ABOUT | {"ordered": False},
        stimuli={"modality": "image", "table": "stimuli.csv", "file": "file"},
        responses={
            "reader": "counts",
            "kind": "spikes",
            "unit": "spikes",
            "subjects": ["s1"],
            "files": "{subject}.txt",
            "options": {"least": 0.1},
        },
        regions=[{"name": "all", "all": True}],
        split={"kind": "contiguous", "folds": 3},
        benchmark=BENCHMARK,
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip installed the wheel into."""
    work = tmp_path_factory.mktemp("plugin")
    shutil.copytree(SOURCE, work / "source")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    offline = ["--no-index", "--no-deps"]
    subprocess.run(
        [*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", work / "dist", work / "source"],
        check=True,
    )
    (wheel,) = (work / "dist").glob("gyral_nearest-1.0-py3-none-any.whl")
    subprocess.run([*pip, "install", *offline, "--target", work / "site", wheel], check=True)
    assert (work / "site" / "gyral_nearest" / "__init__.py").is_file()
    return work / "site"


def run(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site)}
    command = [sys.executable, "-c", SCRIPT, *map(json.dumps, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_wheel_of_a_third_party_is_found_conforms_and_scores(installed: Path, tmp_path: Path) -> None:
    for table, name in ((READOUTS, "nearest"), (METRICS, "concordance"), (OTHERS, "tiles"), (READERS, "counts")):
        assert name not in table.names()
    own = counts_folder(tmp_path / "own")
    score = ["score", "tiles", "-b", "own-board", "--no-controls", "-q", "--readout", "nearest:neighbours=4"]
    done = run(
        installed,
        str(own),
        ["list"],
        ["data", "build", str(own), "--quiet"],
        ["data", "install", str(own / "pack"), "--quiet"],
        [*score, "--procedure", "--out", str(tmp_path / "result")],
        [*score, "--metric", "pearson", "--out", str(tmp_path / "pearson")],
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    listed = [line.split()[0] for line in done.stdout.splitlines() if PACKAGE in line]
    assert listed == ["tiles", "nearest", "concordance", "counts"]
    assert f"the reader 'counts' of {PACKAGE}" in (own / "pack" / "PROVENANCE.md").read_text()
    record = json.loads((tmp_path / "result" / "record.json").read_text())
    assert record["provenance"]["plugins"] == {
        "metric concordance": PACKAGE,
        "readout nearest": PACKAGE,
        "model tiles": PACKAGE,
    }
    assert {r["metric"] for r in record["rows"]} == {"concordance"}
    chosen = [r for r in record["rows"] if (r["subject"], r["layer"]) == ("all", "chosen")]
    assert chosen and all(r["readout"] == "nearest:neighbours=4" for r in chosen)
    # brightness of quarters is all there is to know
    (row,) = chosen
    assert row["value"] > 0.4 and row["low"] < row["value"] < row["high"] and row["n_units"] == 5
    assert (row["ceiling"], row["null_kind"], row["chance"]) == (None, "permutation", 0.0)
    assert row["p"] < 0.01 and row["q"] == row["p"]
    assert row["procedure_low"] < row["value"] < row["procedure_high"]
    assert "there is no ceiling of concordance: those that are known bound Pearson r" in record["warnings"]
    units = pd.read_parquet(tmp_path / "result" / "units.parquet")
    assert np.median(units["score"]) == pytest.approx(row["value"])
    # Who predicts too small a scale agrees less with the responses than it correlates.
    other = json.loads((tmp_path / "pearson" / "record.json").read_text())
    assert other["provenance"]["plugins"].keys() == {"readout nearest", "model tiles"}
    assert 0 < row["value"] < next(r for r in other["rows"] if r["layer"] == "chosen")["value"]


def test_without_the_wheel_its_names_are_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    for option, name in (("--readout", "nearest"), ("--metric", "concordance")):
        with pytest.raises(SystemExit) as left:
            main(["score", "pixels", "-b", "sim-vision", option, name, "-q"])
        assert left.value.code == 1
        assert f"{name!r}" in capsys.readouterr().err
