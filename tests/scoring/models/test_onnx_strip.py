"""What an exporter noted about its user leaves the file; the graph, its names and its numbers stay."""

import io
import os
import warnings
from pathlib import Path

import onnx
import pytest
import torch

from gyral.errors import BadUpload
from gyral.models.onnx_graph import OnnxModel
from gyral.models.onnx_layers import scopes_of
from gyral.models.onnx_strip import FIELDS, strip, strip_file, stripped_hash
from made_models import SIZE, deep_plain_net, features, small_resnet, vision_card
from uploads import pictures


@pytest.fixture(scope="module")
def noted() -> bytes:
    """A graph as torch exports it, with doc strings at every level besides."""
    target = io.BytesIO()
    shapes = ({0: torch.export.Dim("batch")},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            small_resnet(), (torch.zeros(2, 3, SIZE, SIZE),), dynamo=True, verbose=False, dynamic_shapes=shapes
        )
        assert program is not None
        target.write(program.model_proto.SerializeToString())
    model = onnx.ModelProto.FromString(target.getvalue())
    graph = model.graph
    holders = (model, graph, graph.node[0], graph.node[0].attribute[0], graph.initializer[0], graph.input[0])
    for holder in holders:
        holder.doc_string = "written in /home/somebody/secret/train.py"
    model.metadata_props.add(key="author", value="/home/somebody")
    graph.initializer[0].metadata_props.add(key="from", value="/home/somebody/w.pt")
    return bytes(model.SerializeToString())


def test_the_table_of_fields_is_the_format_s() -> None:
    for name, (doc, notes, nested) in FIELDS.items():
        known = getattr(onnx, name).DESCRIPTOR.fields_by_name
        numbers = {number: field for field in known.values() for number in [field.number]}
        assert doc == (known["doc_string"].number if "doc_string" in known else 0)
        assert notes == (known["metadata_props"].number if "metadata_props" in known else 0)
        messages = {n: f.message_type.name for n, f in numbers.items() if f.message_type is not None}
        assert nested == {n: message for n, message in messages.items() if message in FIELDS}


def test_paths_and_source_lines_go_and_module_names_stay(noted: bytes) -> None:
    before = onnx.ModelProto.FromString(noted)
    assert b"/home/somebody" in noted and b"tests/support/made_models.py" in noted
    parts, count = strip(memoryview(noted))
    data = b"".join(parts)
    after = onnx.ModelProto.FromString(data)
    assert count > len(before.graph.node)
    assert b"/home/somebody" not in data and b".py" not in data and b"self." not in data
    onnx.checker.check_model(after, full_check=True)
    assert [scopes_of(node) for node in after.graph.node] == [scopes_of(node) for node in before.graph.node]
    assert any(scopes_of(node) for node in after.graph.node)
    assert [t.SerializeToString() for t in after.graph.initializer][1:] == [
        t.SerializeToString() for t in before.graph.initializer
    ][1:]


def test_features_and_hash_are_the_same_with_and_without(noted: bytes, tmp_path: Path) -> None:
    data = b"".join(strip(memoryview(noted))[0])
    whole, bare = OnnxModel(noted, vision_card()), OnnxModel(data, vision_card())
    assert whole.hash == bare.hash and whole.layers() == bare.layers()
    stimuli = pictures(tmp_path)
    for name, values in features(whole, stimuli).items():
        assert (values == features(bare, stimuli)[name]).all()


def test_a_second_time_finds_nothing(noted: bytes) -> None:
    data = b"".join(strip(memoryview(noted))[0])
    again, count = strip(memoryview(data))
    assert count == 0 and b"".join(again) == data
    assert stripped_hash(noted) == stripped_hash(data)


def test_files_are_rewritten_whole_or_left_alone(noted: bytes, tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(noted)
    assert strip_file(file) > 0 and b"/home/somebody" not in file.read_bytes()
    clean = deep_plain_net(2)
    file.write_bytes(clean)
    assert strip_file(file) == 0 and file.read_bytes() == clean
    file.write_bytes(noted[:-100])
    with pytest.raises(BadUpload) as caught:
        strip_file(file)
    assert caught.value.code == "onnx-unreadable" and file.read_bytes() == noted[:-100]
    file.write_bytes(b"")
    assert strip_file(file) == 0
    assert os.listdir(tmp_path) == ["model.onnx"]


@pytest.mark.parametrize(
    "data", [b"\x3a", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x0b\x0c", b"\xff" * 20, b"\x00\x00"]
)
def test_bytes_that_are_no_message_are_refused(data: bytes) -> None:
    with pytest.raises(BadUpload, match="not an ONNX model"):
        strip(memoryview(data))


def test_levels_are_bounded() -> None:
    data = b""
    for _ in range(100):  # a graph in an attribute of a node of a graph ...
        for field in (6, 5, 1):
            length = len(data)
            size = bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
            data = bytes([field << 3 | 2]) + size + data
    head = len(data)
    whole = bytes([7 << 3 | 2, head & 0x7F | 0x80, head >> 7 & 0x7F | 0x80, head >> 14]) + data
    with pytest.raises(BadUpload, match="64 levels"):
        strip(memoryview(whole))
