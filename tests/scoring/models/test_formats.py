"""What is not accepted: each format by its name, with the reason and a way out that stands on the page."""

import pickle
import re
import zipfile
from pathlib import Path

import pytest

import uploads
from gyral.errors import BadUpload
from gyral.models.export import WAYS
from gyral.models.formats import REFUSED, Refused, refused_by_magic, refused_by_name
from gyral.models.upload import check_folder, find_upload

PAGE = Path(__file__).resolve().parents[3] / "docs" / "exporting.md"
NAMES = [(refused, f"weights{suffix}") for refused in REFUSED for suffix in refused.suffixes]


@pytest.mark.parametrize(("refused", "name"), NAMES, ids=[name for _, name in NAMES])
def test_format_is_refused_by_name_with_reason_and_way_out(refused: Refused, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"any bytes")
    (tmp_path / name.upper()).write_bytes(b"any bytes")
    for file in (name, name.upper()):
        with pytest.raises(BadUpload) as caught:
            find_upload(tmp_path / file)
        error = caught.value
        assert (error.code, error.where) == (refused.code, file)
        assert refused.name in error.what and refused.why in error.what
        assert WAYS[refused.way] in str(error.mend) and f"docs/exporting.md#{refused.way}" in str(error.mend)


def test_suffixes_stand_once() -> None:
    suffixes = [suffix for refused in REFUSED for suffix in refused.suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors", "config.json", "tokenizer.json", "ids.csv",
                                  "a.npy", "gyral.toml", "features.toml", "README.md", "vocab.txt"])  # fmt: skip
def test_what_is_read_is_not_refused(name: str) -> None:
    assert refused_by_name(name) is None


def test_good_uploads_betray_no_refused_format() -> None:
    for file in sorted(uploads.GOOD.rglob("*")):
        if file.is_file() and file.suffix != ".safetensors":
            assert refused_by_magic(file.read_bytes()[:64]) is None, file


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (pickle.dumps({"a": 1}), "a pickle"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 or Keras file"),
        (b"\x7fELF\x02\x01", "a program"),
        (b"\xcf\xfa\xed\xfe\x07", "a program"),
        (b"GGUF\x03", "a llama.cpp model"),
        (b"\x1c\x00\x00\x00TFL3", "a TensorFlow Lite model"),
        (b"MATLAB 5.0 MAT-file, written", "a MATLAB file"),
        (b"7z\xbc\xaf\x27\x1c", "a packed archive"),
    ],
)  # fmt: skip
def test_first_bytes_betray_a_format_under_another_name(data: bytes, name: str, tmp_path: Path) -> None:
    folder = uploads.good("conv", tmp_path)
    (folder / "model.onnx").write_bytes(data)
    fault = check_folder(folder).faults[0]
    assert name in fault.what and "whatever its name says" in fault.what and fault.mend


def test_torch_archive_under_another_name_is_refused(tmp_path: Path) -> None:
    folder = uploads.good("bert", tmp_path)
    with zipfile.ZipFile(folder / "notes.md", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(1))
    (fault,) = check_folder(folder).faults
    assert (fault.code, fault.where) == ("pickle", "notes.md")


def test_every_way_out_has_its_section() -> None:
    headings = re.findall(r"^## (.+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(WAYS) <= anchors
    assert {refused.way for refused in REFUSED} <= set(WAYS)
