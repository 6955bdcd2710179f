"""A third party's package: built into a wheel, installed beside ours, found by its entry point, held to the suite, scored."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gyral.cli.main import main
from gyral.datasets.png import png
from gyral.readouts import READOUTS
from source_folder import ABOUT, describe, write_csv

SOURCE = Path(__file__).resolve().parents[1] / "plugin"
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
    "main_region": "all",
}
# Runs where the package is installed: the suite, then the command line, in one process (torch loads once).
SCRIPT = """
import contextlib, sys
from gyral.cli.main import main
from gyral.readouts import READOUTS
from gyral.testing import check_readout
assert "nearest" in READOUTS.names()
family = READOUTS.load("nearest")
check_readout(family())
check_readout(family(neighbours=3), least=0.2)
with contextlib.suppress(SystemExit):
    main(["list", "readouts"])
main(sys.argv[1:])
"""


def brightness_folder(folder: Path, count: int = 60) -> Path:
    """Pictures of four grey quarters, twice each; units answer to the brightness of the quarters, and to noise."""
    draw = np.random.default_rng(0)
    quarters = draw.uniform(0, 255, (count, 2, 2))
    (folder / "images").mkdir(parents=True)
    names = [f"scene{i:02d}" for i in range(count)]
    for name, quarter in zip(names, quarters, strict=True):
        pixels = np.kron(quarter, np.ones((32, 32)))[..., None] + draw.normal(0, 20, (64, 64, 3))
        (folder / "images" / f"{name}.png").write_bytes(png(np.clip(pixels, 0, 255).astype(np.uint8)))
    write_csv(folder / "stimuli.csv", id=names, file=[f"images/{n}.png" for n in names])
    write_csv(folder / "trials.csv", stimulus=names * 2)
    signal = (quarters.reshape(count, 4) / 75) @ draw.dirichlet(np.ones(4), 6).T
    np.save(folder / "responses.npy", np.concatenate([signal, signal]) + 0.3 * draw.normal(size=(2 * count, 6)))
    return describe(
        folder,
        about=ABOUT | {"ordered": False},
        stimuli={"modality": "image", "table": "stimuli.csv", "file": "file"},
        responses={
            "reader": "array",
            "kind": "fMRI",
            "unit": "z",
            "subjects": ["s1"],
            "files": "responses.npy",
            "trials": "trials.csv",
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
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_wheel_of_a_third_party_is_found_conforms_and_scores(installed: Path, tmp_path: Path) -> None:
    assert "nearest" not in READOUTS.names()
    own = brightness_folder(tmp_path / "own")
    for arguments in (["build", str(own), "--quiet"], ["install", str(own / "pack"), "--quiet"]):
        with pytest.raises(SystemExit) as left:
            main(["data", *arguments])
        assert left.value.code == 0
    out = tmp_path / "result"
    done = run(
        installed,
        "score",
        "pixels",
        "-b",
        "own-board",
        "--readout",
        "nearest:neighbours=4",
        "--no-controls",
        "--out",
        out,
        "-q",
    )
    assert done.returncode == 0, done.stderr
    assert any(line.split()[:1] == ["nearest"] for line in done.stdout.splitlines())
    record = json.loads((out / "record.json").read_text())
    chosen = [r for r in record["rows"] if (r["subject"], r["layer"]) == ("all", "chosen")]
    assert chosen and all(r["readout"] == "nearest:neighbours=4" for r in chosen)
    # brightness of quarters is all there is to know
    assert chosen[0]["value"] > 0.4


def test_without_the_wheel_its_name_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["score", "pixels", "-b", "sim-vision", "--readout", "nearest", "-q"])
    assert left.value.code == 1
    assert "unknown readout 'nearest'" in capsys.readouterr().err
