"""``gyral check``: faults with file and mend, exit codes, JSON; for uploads, zips and packs."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import uploads
from gyral.datasets.catalogue import find_pack, open_dataset
from gyral.datasets.pack import write_pack
from planted_leaks import BENCHMARK
from planted_subjects import dataset_of, planted_subjects


def check(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gyral.cli.main", "check", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("zipped", [False, True])
def test_good_upload_exits_with_0_and_names_its_layers(tmp_path: Path, zipped: bool) -> None:
    path = uploads.zip_folder(uploads.GOOD / "conv", tmp_path / "conv.zip") if zipped else uploads.GOOD / "conv"
    done = check(path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "3 layers: stem, body, head" in done.stdout
    assert "shown: shorter side resized to 32 pixels, centre square of 32 x 32 (crop 1), mean [" in done.stdout
    assert "nothing is wrong with it" in done.stdout


def test_faults_exit_with_1_and_say_file_and_mend(tmp_path: Path) -> None:
    folder = uploads.good("bert", tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (folder / "tokenizer.json").unlink()
    done = check(folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert "fault [pickle] pytorch_model.bin:" in done.stdout
    assert "save_file" in done.stdout
    assert "2 faults to mend" in done.stdout


def test_json_holds_every_finding(tmp_path: Path) -> None:
    folder = uploads.edit_onnx(uploads.good("conv", tmp_path), uploads.with_fixed_batch)
    done = check(folder, "--json")
    assert done.returncode == 1
    fields = json.loads(done.stdout)
    assert (fields["path"], fields["kind"], fields["ok"]) == (str(folder), "onnx", False)
    (fault,) = fields["faults"]
    assert fault["code"] == "onnx-fixed-batch"
    assert fault["where"] == "model.onnx"
    assert "dynamic batch" in fault["mend"]


def test_bad_archive_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    archive = uploads.zip_of(tmp_path / "bad.zip", [("../up", b"x")])
    done = check(archive)
    assert done.returncode == 1
    assert "archive-path" in done.stdout
    assert not (tmp_path.parent / "up").exists()


def test_path_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = check(tmp_path / "nothing")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "no such file or folder" in done.stderr


def test_features_of_other_stimuli_are_a_fault_of_their_benchmark() -> None:
    done = check(uploads.GOOD / "features", "--benchmark", "sim-language", "--json")
    assert done.returncode == 1
    (fault,) = json.loads(done.stdout)["faults"]
    assert fault["code"] in ("features-missing", "features-hash")


def test_pack_is_checked_as_a_pack(tmp_path: Path) -> None:
    import shutil

    open_dataset("sim-language")
    pack = find_pack("sim-language")
    assert pack is not None
    copy = Path(shutil.copytree(pack, tmp_path / "pack"))
    assert json.loads(check(copy, "--json").stdout) == {
        "path": str(copy), "kind": "dataset", "ok": True, "faults": [], "notes": [], "layers": [],
    }  # fmt: skip
    file = next((copy / "responses").glob("*.npy"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    done = check(copy)
    assert done.returncode == 1
    assert file.name in done.stdout


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"ceiling": "best"}, "must be one of"), ({"ceiling": "loso"}, "subjects"), ({"metric": "rr"}, "metric")],
)
def test_a_benchmark_that_a_pack_cannot_answer_is_a_fault(
    asked: dict[str, str], words: str, tmp_path: Path
) -> None:
    dataset = dataset_of(planted_subjects(subjects=2))
    declared = BENCHMARK | {"dataset": dataset.name} | asked
    write_pack(replace(dataset, extra={"benchmark": declared}), tmp_path / "pack")
    done = check(tmp_path / "pack", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and not found["ok"] and len(found["faults"]) == 1
    assert words in json.dumps(found["faults"])
