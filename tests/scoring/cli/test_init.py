"""``gyral init``: a commented card from what a file says of itself, accepted as it stands."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import uploads
from gyral.cli.init import init
from gyral.errors import BadUpload
from gyral.models.card import ModelCard, known_keys
from gyral.models.upload import check_folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(init, [str(a) for a in arguments], catch_exceptions=True)


def refused(*arguments: str | Path) -> BadUpload:
    error = run(*arguments).exception
    assert isinstance(error, BadUpload)
    return error


def without_card(name: str, tmp_path: Path) -> Path:
    folder = uploads.good(name, tmp_path)
    (folder / ("features.toml" if name == "features" else "gyral.toml")).unlink()
    return folder


EXPECTED: dict[str, dict[str, Any]] = {
    "conv": {"modality": "vision", "parameters": 1230, "image": {"size": 32, "layout": "NCHW"}},
    "bert": {"modality": "language", "family": "bert", "parameters": 6256, "text": {"max_tokens": 64}},
    "vit": {"modality": "vision", "family": "vit", "image": {"size": 32}},
}


@pytest.mark.parametrize("name", EXPECTED)
def test_card_holds_what_the_model_says_and_is_accepted(name: str, tmp_path: Path) -> None:
    folder = without_card(name, tmp_path)
    done = run(folder)
    assert done.exit_code == 0 and "gyral check" in done.output
    fields = ModelCard.read(folder / "gyral.toml").model_dump(mode="json")
    assert fields["name"] == name
    for key, value in EXPECTED[name].items():
        assert {**fields[key], **value} == fields[key] if isinstance(value, dict) else fields[key] == value
    assert check_folder(folder).faults == ()


@pytest.mark.parametrize("name", ["conv", "bert"])
def test_every_key_of_the_modality_is_there_and_explained(name: str, tmp_path: Path) -> None:
    folder = without_card(name, tmp_path)
    run(folder)
    text = (folder / "gyral.toml").read_text("utf-8")
    table = "image." if name == "conv" else "text."
    for key in known_keys():
        if key != "url" and ("." not in key or key.startswith(table)):
            (line,) = [
                row
                for row in text.splitlines()
                if row.removeprefix("# ").startswith(f"{key.removeprefix(table)} = ")
            ]
            assert key in ("description", "training_datasets") or line.count("#") >= 1
    # What stands there as a comment is right when the sign is taken away.
    opened = "\n".join(row.removeprefix("# ") if " = " in row else row for row in text.splitlines())
    fields = tomllib.loads(opened)
    ModelCard.checked(fields | {"title": "T"})


def test_layers_are_listed_and_can_be_chosen(tmp_path: Path) -> None:
    folder = without_card("conv", tmp_path)
    run(folder)
    card = folder / "gyral.toml"
    text = card.read_text("utf-8")
    assert "#   body.conv" in text
    card.write_text(text.replace("# layers = []", 'layers = ["body.*"]'), "utf-8")
    assert check_folder(folder).layers == ("body.conv",)


def test_features_get_a_manifest_of_their_arrays(tmp_path: Path) -> None:
    folder = without_card("features", tmp_path)
    rows = (folder / "ids.csv").read_text("utf-8").splitlines()[1:]
    table = ["id,sha256,file,text,group", *(f"{row},,a sentence,story" for row in rows)]
    (folder / "ids.csv").write_text("\n".join(table), "utf-8")
    assert run(folder).exit_code == 0
    fields = tomllib.loads((folder / "features.toml").read_text("utf-8"))
    assert fields["card"]["modality"] == "language"
    assert [layer["file"] for layer in fields["layer"]] == ["000-early-f40883.npy", "001-late-089001.npy"]
    report = check_folder(folder)
    assert report.ok and report.layers == ("000-early-f40883", "001-late-089001")


def test_card_is_overwritten_only_by_force(tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    before = (folder / "gyral.toml").read_bytes()
    assert refused(folder).code == "card-exists" and (folder / "gyral.toml").read_bytes() == before
    assert run(folder, "--force", "--quiet").output == ""
    assert (folder / "gyral.toml").read_bytes() != before


def test_a_single_file_needs_a_folder_of_its_own(tmp_path: Path) -> None:
    shutil.copy(uploads.GOOD / "conv" / "model.onnx", tmp_path / "My Net.onnx")
    assert run(tmp_path / "My Net.onnx").exit_code == 0
    assert ModelCard.read(tmp_path / "gyral.toml").name == "my-net"
    assert check_folder(tmp_path / "My Net.onnx").ok
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    error = refused(tmp_path / "My Net.onnx", "--force")
    assert error.code == "not-alone" and "'holiday.jpg'" in error.what


def test_preprocessing_beside_the_weights_is_taken(tmp_path: Path) -> None:
    folder = without_card("vit", tmp_path)
    shown = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "do_center_crop": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(shown))
    run(folder)
    image = ModelCard.read(folder / "gyral.toml").image
    assert (image.mean, image.std, image.crop) == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), 1.0)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("net.pt", b"x", "pickle"),
        ("net.bin", b"\x80\x04\x95x", "pickle"),
        ("model.onnx", b"no graph", "onnx-unreadable"),
        ("config.json", b"{", "config-json"),
        ("config.json", b'{"model_type": "berd"}', "family-unknown"),
        ("notes.txt", b"hello", "unknown-format"),
        ("early.npy", b"x", "features-missing-file"),
    ],
)
def test_what_cannot_be_described_is_said(name: str, data: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    error = refused(tmp_path)
    assert error.code == code and error.mend
    assert not (tmp_path / "gyral.toml").exists()


def test_names_of_layers_cannot_leave_their_comment(tmp_path: Path) -> None:
    def rename(model: Any) -> None:
        model.graph.node[0].name = "/a\nmodality = 'language'\n/Conv"

    folder = uploads.edit_onnx(without_card("conv", tmp_path), rename)
    run(folder)
    assert ModelCard.read(folder / "gyral.toml").modality == "vision"


def test_array_names_are_quoted(tmp_path: Path) -> None:
    folder = without_card("features", tmp_path)
    np.save(folder / 'a"b.npy', np.ones((8, 2), np.float32))
    run(folder)
    assert "features-manifest" in {
        fault.code for fault in check_folder(folder).faults
    }  # a name that is not allowed


def test_command_ends_with_one_line_and_status_one(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gyral.cli.main", "init", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr and "no such file" in done.stderr
