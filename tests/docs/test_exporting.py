"""The snippets of docs/exporting.md that are marked as tested make uploads that are accepted."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import uploads
from gyral.models.card import ModelCard
from gyral.models.upload import check_folder
from made_models import SIZE, WORDS, small_resnet, transformers_folder, word_tokenizer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "exporting.md"
pytestmark = pytest.mark.filterwarnings("ignore")


def _snippets(section: str) -> list[str]:
    text = PAGE.read_text("utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [code.strip() for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]


def _card(folder: Path, **fields: Any) -> None:
    ModelCard.checked({"name": "mine", **fields}).write(folder / "gyral.toml")


def test_snippets_are_marked_tested_or_not() -> None:
    sections = PAGE.read_text("utf-8").split("\n## ")[1:]
    for section in sections:
        has_python = "```python" in section
        assert has_python == ("*Tested.*" in section or "*tested*" in section), section.splitlines()[0]
        assert not ("```text" in section and "*Not tested here.*" not in section), section.splitlines()[0]


def test_torch_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(_snippets("PyTorch")[0], {"torch": torch, "net": small_resnet()})
    _card(tmp_path, modality="vision", image={"size": SIZE, "crop": 1.0})
    report = check_folder(tmp_path)
    assert report.faults == () and "stages.1.1" in report.layers


class _Language(torch.nn.Module):
    """A small encoder that takes ids and mask by position, as the snippet gives them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.positions = torch.nn.Embedding(len(WORDS), 8), torch.nn.Embedding(512, 8)
        self.mix, self.norm = torch.nn.Linear(8, 8), torch.nn.LayerNorm(8)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        states = self.words(ids) + self.positions.weight[: ids.shape[1]]
        weights = mask[:, :, None].to(states.dtype)
        mean = (self.mix(states) * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)
        return self.norm(states + mean)  # type: ignore[no-any-return]


def test_torch_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(_snippets("PyTorch")[1], {"torch": torch, "language_net": _Language()})
    (tmp_path / "tokenizer.json").write_bytes(word_tokenizer())
    _card(tmp_path, modality="language")
    report = check_folder(tmp_path)
    assert report.faults == () and {"words", "mix", "norm"} <= set(report.layers)


def test_safetensors_from_a_pickle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file

    folder = uploads.good("bert", tmp_path)
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "weights.pt")
    (folder / "model.safetensors").unlink()
    shutil.move(tmp_path / "weights.pt", folder)
    monkeypatch.chdir(folder)
    exec(_snippets("safetensors")[0], {"torch": torch})
    (folder / "weights.pt").unlink()
    assert check_folder(folder).faults == ()


def test_transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import AutoModel, PreTrainedTokenizerFast

    made = transformers_folder("gpt2", tmp_path / "made")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(made / "tokenizer.json"))
    monkeypatch.chdir(tmp_path)
    exec(_snippets("transformers")[0], {"model": AutoModel.from_pretrained(made), "tokenizer": tokenizer})
    _card(tmp_path / "folder", modality="language")
    assert check_folder(tmp_path / "folder").faults == ()


def test_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gyral.cli.main import main

    def gyral(*words: str) -> None:
        with pytest.raises(SystemExit) as end:
            main([*words, "--quiet"])
        assert not end.value.code

    monkeypatch.chdir(tmp_path)
    gyral("stimuli", "sim-language", "--out", "stimuli")
    rows = len((tmp_path / "stimuli" / "stimuli.csv").read_text("utf-8").splitlines()) - 1
    (tmp_path / "features").mkdir()
    early = np.random.default_rng(0).normal(size=(rows, 4))
    exec(_snippets("Features")[0], {"shutil": shutil, "numpy": np, "early": early})
    gyral("init", "features")
    report = check_folder(tmp_path / "features")
    assert report.faults == () and report.layers == ("early",)


def test_every_tested_section_has_its_test() -> None:
    """A mark without a test would be a promise nobody keeps."""
    told = Path(__file__).read_text("utf-8")
    sections = PAGE.read_text("utf-8").split("\n## ")[1:]
    python = {
        section.splitlines()[0]: section.count("```python") for section in sections if "```python" in section
    }
    for name, count in python.items():
        assert told.count(f'_snippets("{name}")') == count, name


def test_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = uploads.good("conv", tmp_path)
    model = onnx.load(folder / "model.onnx")
    onnx.save_model(
        model, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    monkeypatch.chdir(folder)
    codes = {fault.code for fault in check_folder(folder).faults}
    assert codes == {"pickle"} or "onnx-external-data" in codes
    exec(_snippets("One file")[0], {"onnx": onnx})
    (folder / "weights.bin").unlink()
    (folder / "one.onnx").replace(folder / "model.onnx")
    assert check_folder(folder).faults == ()
