"""Uploads: what opens, and what is said of everything that does not."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

import uploads
from gyral.errors import BadUpload, UserError
from gyral.models.card import ModelCard
from gyral.models.model import Model, Reduction
from gyral.models.report import Report
from gyral.models.upload import card_of, check_folder, hash_of, kind_of, open_folder

Spoil = Callable[[Path], object]


def codes(report: Report) -> list[str]:
    return [fault.code for fault in report.faults]


@pytest.mark.parametrize(
    ("name", "kind", "layers"),
    [
        ("conv", "onnx", ("stem", "body", "head")),
        ("bert", "transformers", ("embeddings", "block.0", "block.1")),
        ("vit", "transformers", ("embeddings", "block.0", "block.1")),
        ("features", "features", ("early", "late")),
    ],
)
def test_good_upload_opens_and_has_no_fault(name: str, kind: str, layers: tuple[str, ...]) -> None:
    path = uploads.GOOD / name
    report = check_folder(path)
    assert (report.ok, report.kind, report.faults, report.notes) == (True, kind, (), ())
    assert report.layers == layers
    model = open_folder(path)
    assert isinstance(model, Model)
    assert model.layers() == layers


@pytest.mark.parametrize("twin", [None, "untrained", "permuted"])
@pytest.mark.parametrize("name", ["conv", "bert", "vit", "features"])
def test_hash_of_is_the_opened_models_hash(name: str, twin: str | None) -> None:
    if name == "features" and twin is not None:
        with pytest.raises(BadUpload) as caught:
            open_folder(uploads.GOOD / name, twin=twin)
        assert caught.value.code == "no-twin"
        return
    opened = open_folder(uploads.GOOD / name, twin=twin, seed=1)
    assert hash_of(uploads.GOOD / name, twin=twin, seed=1) == opened.hash


def test_hash_of_follows_weights_and_preprocessing_but_no_prose(tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    before = hash_of(folder)
    card = folder / "gyral.toml"
    card.write_text(card.read_text().replace("Tiny convolutional net", "Another title"))
    assert hash_of(folder) == before
    card.write_text(card.read_text().replace("crop = 1.0", "crop = 0.5"))
    assert hash_of(folder) != before


def test_bare_onnx_file_gets_a_default_card_and_a_card_beside_it_counts(tmp_path: Path) -> None:
    bare = tmp_path / "My Net.onnx"
    bare.write_bytes((uploads.GOOD / "conv" / "model.onnx").read_bytes())
    assert (card_of(bare).name, card_of(bare).modality, kind_of(bare)) == ("my-net", "vision", "onnx")
    # The default card shows 224 pixels, the graph wants 32: said, with the field to set.
    assert codes(check_folder(bare)) == ["onnx-input-size"]
    assert open_folder(uploads.GOOD / "conv" / "model.onnx").card.name == "tiny-conv"


def nan_in_onnx(model: Any) -> None:
    tensor = next(t for t in model.graph.initializer if len(t.dims) == 4)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[3] = np.nan
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


@pytest.mark.filterwarnings("error")
def test_weights_with_nan_are_a_fault_that_names_the_tensor(tmp_path: Path) -> None:
    conv = uploads.edit_onnx(uploads.good("conv", tmp_path), nan_in_onnx)
    (fault,) = check_folder(conv).faults
    assert (fault.code, fault.where) == ("weights-finite", "model.onnx")
    assert "weight" in fault.what and "hold NaN" in fault.what
    bert = uploads.good("bert", tmp_path)
    weights = load_file(bert / "model.safetensors")
    name = next(n for n in weights if n.endswith("encoder.layer.1.output.dense.weight"))
    weights[name] = np.full_like(weights[name], np.nan)
    save_file(weights, bert / "model.safetensors", metadata={"format": "pt"})
    (fault,) = check_folder(bert).faults
    assert (fault.code, fault.where) == ("weights-finite", "model.safetensors")
    assert repr(name) in fault.what and "'block.1'" in fault.what


@pytest.mark.parametrize("beside_a_card", [False, True])
def test_a_single_file_that_is_never_opened_is_named(beside_a_card: bool, tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path) if beside_a_card else tmp_path
    whole = folder / "whole.pt"
    whole.write_bytes(b"PK\x03\x04 as torch.save writes it")
    (fault,) = check_folder(whole).faults
    assert (fault.code, fault.where) == ("pickle", "whole.pt")
    with pytest.raises(BadUpload, match="save_file"):
        open_folder(whole)


def test_an_archive_is_to_be_unpacked_before_it_is_opened(tmp_path: Path) -> None:
    archive = uploads.zip_folder(uploads.GOOD / "conv", tmp_path / "x.zip")
    with pytest.raises(BadUpload, match="Unpack it first") as caught:
        open_folder(archive)
    assert caught.value.where == "x.zip"


@pytest.mark.parametrize("name", ["conv", "bert"])
def test_unknown_layer_of_the_card_says_file_and_key(name: str, tmp_path: Path) -> None:
    folder = uploads.good(name, tmp_path)
    card = folder / "gyral.toml"
    ModelCard.read(card).model_copy(update={"layers": ("conv9",)}).write(card)
    (fault,) = check_folder(folder).faults
    assert str(fault).startswith("gyral.toml: layers: unknown layer 'conv9'.")


def with_file(name: str, content: bytes) -> Spoil:
    return lambda folder: (folder / name).write_bytes(content)


def without(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def cut(name: str, keep: float) -> Spoil:
    def spoil(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: keep if isinstance(keep, int) else int(len(data) * keep)])

    return spoil


def onnx(change: Callable[[object], None]) -> Spoil:
    return lambda folder: uploads.edit_onnx(folder, change)


def config(**fields: object) -> Spoil:
    return lambda folder: uploads.edit_json(folder / "config.json", **fields)


def header(change: Callable[[dict[str, dict[str, list[int]]]], None]) -> Spoil:
    """Change the header of the weights, its length kept right."""

    def spoil(folder: Path) -> None:
        file = folder / "model.safetensors"
        data = file.read_bytes()
        length = int.from_bytes(data[:8], "little")
        fields = json.loads(data[8 : 8 + length])
        change(fields)
        raw = json.dumps(fields).encode()
        file.write_bytes(len(raw).to_bytes(8, "little") + raw + data[8 + length :])

    return spoil


def first(fields: dict[str, dict[str, list[int]]]) -> dict[str, list[int]]:
    return min((v for k, v in fields.items() if k != "__metadata__"), key=lambda v: v["data_offsets"])


def overlap(fields: dict[str, dict[str, list[int]]]) -> None:
    entries = sorted((v for k, v in fields.items() if k != "__metadata__"), key=lambda v: v["data_offsets"])
    entries[1]["data_offsets"] = [n - 4 for n in entries[1]["data_offsets"]]


PICKLE = b"\x80\x04\x95\x00\x00\x00\x00."

FAULTS: list[tuple[str, Spoil, str, str]] = [
    ("conv", without("gyral.toml"), "card-file", "gyral.toml"),
    ("conv", with_file("gyral.toml", b"name = "), "card-toml", "TOML"),
    ("conv", with_file("gyral.toml", b'name = "a"\nmodalty = "vision"'), "card-key", "'modality'"),
    ("conv", with_file("other.onnx", b"x"), "ok", ""),
    ("conv", lambda f: os.rename(f / "model.onnx", f / "net.onnx"), "ok", ""),
    ("conv", cut("model.onnx", 0.5), "onnx-unreadable", "truncated"),
    ("conv", with_file("model.onnx", b""), "empty-file", "empty"),
    ("conv", with_file("model.onnx", PICKLE), "pickle", "safetensors"),
    ("conv", onnx(uploads.with_external_data), "onnx-external-data", "one file"),
    ("conv", onnx(uploads.with_fixed_batch), "onnx-fixed-batch", "dynamic"),
    ("conv", onnx(uploads.with_unknown_operator), "onnx-operator", "'Rellu'"),
    ("conv", with_file("load.py", b"import os"), "code", "torch.onnx.export"),
    ("conv", with_file("helper", b"\x7fELF\x02"), "code", "program"),
    ("conv", lambda f: (f / "link").symlink_to("/etc/passwd"), "link", "link"),
    ("bert", without("config.json"), "config-missing", "config.json"),
    ("bert", without("tokenizer.json"), "tokenizer-missing", "tokenizer.json"),
    ("bert", without("model.safetensors"), "safetensors-missing", "save_pretrained"),
    ("bert", with_file("model-00002-of-2.safetensors", b"x" * 20), "safetensors-sharded", "max_shard_size"),
    ("bert", with_file("pytorch_model.bin", PICKLE), "pickle", "save_file"),
    ("bert", with_file("weights.PT", b"anything"), "pickle", "save_file"),
    ("bert", with_file("notes.txt", PICKLE), "pickle", "whatever its name"),
    ("bert", config(auto_map={"AutoModel": "evil.Model"}), "auto-map", "'auto_map'"),
    ("bert", with_file("tokenizer_config.json", b'{"a": {"auto_map": 1}}'), "auto-map", "'a.auto_map'"),
    ("bert", with_file("config.json", b"{"), "config-json", "JSON"),
    ("bert", with_file("config.json", b"[" * 100_000), "config-json", "JSON"),
    ("bert", config(model_type="berd"), "family-unknown", "'berd'"),
    ("bert", config(model_type={"a": 1}), "family-unknown", "is not on the list"),
    ("bert", config(hidden_size=18), "safetensors-unfit", ""),
    ("bert", cut("model.safetensors", 0.7), "safetensors-truncated", "bytes"),
    ("bert", cut("model.safetensors", 4), "safetensors-truncated", "bytes"),
    (
        "bert",
        with_file("model.safetensors", (1 << 62).to_bytes(8, "little") + b"{}"),
        "safetensors-truncated",
        "header",
    ),
    ("bert", with_file("model.safetensors", (4).to_bytes(8, "little") + b"[[[["), "safetensors-header", "JSON"),
    ("bert", header(lambda f: first(f).update(shape=[1 << 40, 1 << 40])), "safetensors-size", "bytes"),
    ("bert", header(lambda f: first(f).update(dtype="OBJ")), "safetensors-dtype", "'OBJ'"),
    ("bert", header(lambda f: first(f).update(dtype=[])), "safetensors-dtype", "[]"),  # type: ignore[dict-item]
    ("bert", header(lambda f: first(f).update(data_offsets=[-4, 0])), "safetensors-header", "counts"),
    ("bert", header(overlap), "safetensors-layout", "overlaps"),
    ("vit", with_file("gyral.toml", b'name = "a"\nmodality = "language"'), "family-modality", "vision"),
    ("features", without("ids.csv"), "features-missing-file", "ids.csv"),
]


@pytest.mark.parametrize(("name", "spoil", "code", "says"), FAULTS, ids=[f"{n}-{c}-{i}" for i, (n, _, c, _) in enumerate(FAULTS)])  # fmt: skip
def test_fault_is_named_with_its_place(name: str, spoil: Spoil, code: str, says: str, tmp_path: Path) -> None:
    folder = uploads.good(name, tmp_path)
    spoil(folder)
    report = check_folder(folder)
    if code == "ok":
        assert report.ok
        return
    assert code in codes(report)
    fault = next(fault for fault in report.faults if fault.code == code)
    assert says in str(fault)
    assert fault.where
    with pytest.raises(BadUpload) as caught:
        report.require()
    assert caught.value.code == report.faults[0].code


@pytest.mark.parametrize(
    ("content", "code"), [({}, "unknown-format"), ({"readme.md": b"hello"}, "unknown-format"), (None, "missing")]
)
def test_folder_without_a_model_is_told_the_forms(
    tmp_path: Path, content: dict[str, bytes] | None, code: str
) -> None:
    folder = tmp_path / "upload"
    if content is not None:
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
    assert codes(check_folder(folder)) == [code]
    with pytest.raises(BadUpload):
        open_folder(folder)


def test_every_fault_is_listed_at_once(tmp_path: Path) -> None:
    folder = uploads.good("bert", tmp_path)
    uploads.edit_json(folder / "config.json", auto_map={})
    (folder / "modeling.py").write_text("")
    (folder / "pytorch_model.bin").write_bytes(b"x")
    (folder / "tokenizer.json").unlink()
    (folder / "gyral.toml").unlink()
    found = codes(check_folder(folder))
    assert sorted(found) == ["auto-map", "card-file", "code", "pickle", "tokenizer-missing"]


def test_no_pickle_is_ever_opened(tmp_path: Path) -> None:
    witness = tmp_path / "opened"
    for name in ("bert", "conv", "features"):
        folder = uploads.good(name, tmp_path)
        for target in ("pytorch_model.bin", "000-early-f40883.npy", "tokenizer.json", "model.onnx"):
            uploads.write_pickle(folder / target, witness)
        assert not check_folder(folder).ok
        with pytest.raises(UserError):
            open_folder(folder)
    assert not witness.exists()


def test_files_that_are_not_read_are_noted(tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    (folder / "README.md").write_text("about")
    (folder / "curve.svg").write_text("<svg/>")
    report = check_folder(folder)
    assert report.ok
    assert [(note.code, note.where) for note in report.notes] == [("not-read", "curve.svg")]


def test_two_graphs_without_a_main_one_are_refused(tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    os.rename(folder / "model.onnx", folder / "a.onnx")
    (folder / "b.onnx").write_bytes((folder / "a.onnx").read_bytes())
    assert codes(check_folder(folder)) == ["onnx-which"]


def test_crowd_of_files_is_refused(tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    for number in range(600):
        (folder / f"{number}.txt").write_text("x")
    assert "too-many-files" in codes(check_folder(folder))


def test_features_of_the_conv_fixture_depend_on_the_image(tmp_path: Path) -> None:
    stimuli = uploads.pictures(tmp_path)
    (batch,) = open_folder(uploads.GOOD / "conv").batches(stimuli, ["stem", "head"], reduction=Reduction(7))
    assert batch.arrays["stem"].shape == (5, 8, 7, 7)
    assert batch.arrays["head"].shape == (5, 10)
    assert np.ptp(batch.arrays["head"], axis=0).min() > 0
