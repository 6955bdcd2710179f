"""The advice how to export is one line, the README's, and makes a file that is taken."""

import re
from pathlib import Path

import pytest
import torch

import uploads
from gyral.models.export import EXPORT
from gyral.models.upload import check_folder
from made_models import SIZE, small_resnet

README = Path(__file__).resolve().parents[3] / "README.md"


def test_readme_shows_the_same_line() -> None:
    (shown,) = re.findall(r"torch\.onnx\.export\(.*?\n\)", README.read_text("utf-8"), re.DOTALL)

    def plain(line: str) -> str:
        line = re.sub(r",(?=\))", "", re.sub(r"\s", "", line))  # the formatter's trailing commas
        return line.replace('"', "'").replace("mynet.onnx", "model.onnx")

    assert plain(shown) == plain(EXPORT)


@pytest.mark.filterwarnings("ignore")
def test_the_line_makes_a_file_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = uploads.good("conv", tmp_path)
    monkeypatch.chdir(folder)
    x = torch.zeros(2, 3, SIZE, SIZE)
    exec(EXPORT, {"torch": torch, "net": small_resnet(), "x": x})
    assert check_folder(folder).faults == ()


def test_every_message_gives_it(tmp_path: Path) -> None:
    for number, spoil in enumerate([uploads.with_fixed_batch, uploads.with_external_data]):
        folder = uploads.edit_onnx(uploads.good("conv", tmp_path / str(number)), spoil)
        assert EXPORT in str(check_folder(folder).faults[0])
    folder = uploads.good("conv", tmp_path / "code")
    (folder / "load.py").write_text("import os")
    assert EXPORT in str(check_folder(folder).faults[0])
