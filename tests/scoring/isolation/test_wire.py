"""The wire: what a guest may send, and that nothing else gets through."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uploads
from gyral.errors import BadUpload, EngineError, OutOfResources, UnknownName, UserError
from gyral.isolation import wire


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (4, 2, 3, 5)])
def test_take_array_returns_what_was_written_and_deletes_it(
    tmp_path: Path, dtype: type, shape: tuple[int, ...]
) -> None:
    sent = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    wire.write_array(tmp_path / "a.npy", sent)
    taken = wire.take_array(tmp_path / "a.npy", 4, 1 << 20, layer="a")
    assert taken.dtype == np.float32
    np.testing.assert_array_equal(taken, sent.astype(np.float32))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.ones((4, 3)), "wrong-dtype"),
        (np.ones((4, 3), ">f4"), "wrong-dtype"),
        (np.ones((4, 3), np.complex64), "wrong-dtype"),
        (np.array(["text"] * 4), "wrong-dtype"),
        (np.ones((3, 3), np.float32), "wrong-shape"),
        (np.ones(4, np.float32), "wrong-shape"),
        (np.ones((4, 0), np.float32), "wrong-shape"),
        (np.ones((4, 1, 1, 1, 1), np.float32), "wrong-shape"),
        (np.asfortranarray(np.ones((4, 3), np.float32)), "wire-broken"),
    ],
)
def test_take_array_refuses(tmp_path: Path, array: np.ndarray, code: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(BadUpload) as caught:
        wire.take_array(tmp_path / "a.npy", 4, 1 << 20, layer="a")
    assert caught.value.code == code


def test_take_array_looks_at_the_size_before_it_reads(tmp_path: Path) -> None:
    wire.write_array(tmp_path / "a.npy", np.ones((4, 300), np.float32))
    with pytest.raises(OutOfResources) as caught:
        wire.take_array(tmp_path / "a.npy", 4, 1000, layer="a")
    assert caught.value.code == "output-limit"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    change=st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, 160), st.binary(min_size=1, max_size=8)),
    )
)
def test_take_array_never_fails_otherwise_than_in_words(tmp_path: Path, change: bytes | tuple[int, bytes]) -> None:
    data = uploads.npy_bytes(np.ones((4, 3), np.float32))
    if isinstance(change, tuple):
        at, piece = change
        data = data[:at] + piece + data[at + len(piece) :]
    else:
        data = change
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    try:
        taken = wire.take_array(path, 4, 1 << 20, layer="a")
    except UserError:
        return
    assert taken.shape[0] == 4
    assert taken.dtype == np.float32


@settings(max_examples=200, deadline=None)
@given(line=st.one_of(st.binary(max_size=80), st.recursive(st.integers() | st.text(), st.lists, max_leaves=5).map(
    lambda v: json.dumps(v).encode())))  # fmt: skip
def test_decode_never_fails_otherwise_than_in_words(line: bytes) -> None:
    try:
        message = wire.decode(line)
    except BadUpload as error:
        assert error.code == "wire-broken"
    else:
        assert isinstance(message["say"], str)


def test_decode_survives_deep_nesting() -> None:
    with pytest.raises(BadUpload):
        wire.decode(b"[" * 200_000)


def test_error_crosses_the_wire_with_all_its_fields() -> None:
    sent = BadUpload("the graph is odd.", where="model.onnx", mend="Export it again.", code="onnx-odd")
    got = wire.unpack_error(json.loads(wire.encode(wire.pack_error(sent))))
    assert type(got) is BadUpload
    assert got.as_dict() == sent.as_dict()


def test_unknown_name_crosses_the_wire_as_words() -> None:
    got = wire.unpack_error(wire.pack_error(UnknownName("layer", "haed", ["head"])))
    assert isinstance(got, UserError)
    assert "Did you mean 'head'" in str(got)
    assert got.code == "unknown-name"


def test_unforeseen_error_becomes_the_models_fault_and_ours_stays_ours() -> None:
    got = wire.unpack_error(wire.pack_error(ZeroDivisionError("division by zero")))
    assert isinstance(got, BadUpload)
    assert got.code == "model-failed"
    assert "ZeroDivisionError" in got.what
    assert isinstance(wire.unpack_error(wire.pack_error(EngineError("oops"))), EngineError)


def test_error_text_is_cleaned() -> None:
    what = "\x1b[31m/home/me/model/weights: bad\u202e" + "x" * 5000
    got = wire.unpack_error({"kind": "UserError", "what": what, "code": "Rm -rf", "where": 7}, ["/home/me/model"])
    assert isinstance(got, UserError)
    assert got.what.startswith(" [31mweights: bad ")
    assert len(got.what) < 2100
    assert got.code == "user-error"
    assert got.where is None


def test_stimuli_cross_without_what_a_model_need_not_know(tmp_path: Path) -> None:
    stimuli = uploads.sentences()
    stimuli.columns["norm"] = np.arange(8)
    fields = json.loads(json.dumps(wire.pack_stimuli(stimuli, None)))
    assert "norm" not in json.dumps(fields)
    got = wire.unpack_stimuli(fields, tmp_path)
    assert got.content_hash == stimuli.content_hash
    assert got.texts == stimuli.texts
