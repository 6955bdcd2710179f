"""Pickled dictionaries: arrays come back, and nothing that a file asks for is run."""

import io
import os
import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from gyral.datasets.readers.pickled import array_in, load_dictionary, texts_in
from gyral.errors import BadDataset

WHOLE = {
    "data": np.random.default_rng(0).normal(size=(5, 4, 3)),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "big": np.arange(3, dtype=">i4"),
    "small": np.arange(3, dtype=np.int8),
    "flags": np.array([True, False]),
    "names": np.array(["Oz", "PO3"]),
    "objects": np.array(["a", None, 3], object),
    "list": ["Oz", ["Pz", 1.5]],
    "number": np.float64(2.5),
    "nothing": np.zeros((0, 3)),
    1: ("V1v", True, None, 10**30),
}


def same(found: object, expected: object) -> bool:
    return bool(np.array_equal(np.asarray(found, object), np.asarray(expected, object)))


def save(path: Path, value: object) -> Path:
    np.save(path, value, allow_pickle=True)  # type: ignore[arg-type]
    return path


def refused(path: Path, code: str) -> str:
    with pytest.raises(BadDataset) as caught:
        load_dictionary(path)
    assert caught.value.code == code
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_dictionaries_of_numpy_come_back(tmp_path: Path) -> None:
    found = load_dictionary(save(tmp_path / "a.npy", WHOLE))
    assert list(found) == list(WHOLE)
    for key, value in WHOLE.items():
        expected = value if key != "list" else ["Oz", ["Pz", 1.5]]
        if key in (1, "list"):
            assert found[key] == expected
        else:
            assert same(found[key], value), key
            if isinstance(value, np.ndarray):
                assert found[key].dtype == value.dtype
    assert array_in(found, "data", tmp_path, 3).shape == (5, 4, 3)
    assert texts_in(found, "names", tmp_path) == ["Oz", "PO3"]
    for protocol in (3, 4):  # some copies of THINGS-EEG2 are bare pickles under the same name
        (tmp_path / "b.npy").write_bytes(pickle.dumps(WHOLE, protocol=protocol))
        assert same(load_dictionary(tmp_path / "b.npy")["data"], WHOLE["data"])


class Touches:
    """Runs a program when it is opened."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.witness}",)


class Plain:
    """An instance of a class, without harm."""


@pytest.mark.parametrize("form", ["npy", "pickle"])
@pytest.mark.parametrize("where", ["value", "key of an array", "nested"])
def test_a_malicious_file_is_refused_and_runs_nothing(tmp_path: Path, form: str, where: str) -> None:
    witness = tmp_path / "witness"
    evil: object = Touches(witness)
    held = {
        "value": {"x": evil},
        "key of an array": {"x": np.array([evil], object)},
        "nested": {"x": [(1, {2: evil})]},
    }
    path = tmp_path / "evil.npy"
    if form == "npy":
        save(path, held[where])
    else:
        path.write_bytes(pickle.dumps(held[where]))
    assert "posix.system" in refused(path, "pickle-refused") or "nt.system" in refused(path, "pickle-refused")
    assert not witness.exists()
    with path.open("rb") as stream:  # the attack is real: numpy itself runs it
        if form == "pickle":
            pickle.load(stream)
        else:
            np.load(path, allow_pickle=True)
    assert witness.exists()


def opcodes(*codes: bytes) -> bytes:
    return b"\x80\x04" + b"".join(codes)


@pytest.mark.parametrize(
    "content",
    [
        opcodes(b"cbuiltins\neval\n", b"(S'1'\n", b"tR."),
        opcodes(b"cnumpy\nload\n", b"(S'x'\n", b"tR."),
        opcodes(b"cnumpy.core.multiarray\nfromfile\n", b"(S'/etc/passwd'\n", b"tR."),
        opcodes(b"cnumpy\nndarray\n", b"(J\xff\xff\xff\x7f", b"tR."),
        opcodes(b"cnumpy\ndtype\n", b"(cnumpy\nndarray\n", b"tR."),
        opcodes(b"(S'1'\n", b"ibuiltins\neval\n."),
        opcodes(b"cnumpy\nndarray\n", b")\x81."),
        opcodes(b"Pid\n."),
        opcodes(b"\x82\x01."),
        opcodes(b"cnumpy\ndtype\n", b"}S'text'\nK\x01sb."),
        opcodes(b"}}b."),
        opcodes(b"K\x01", b"(K\x02tR."),
    ],
)
def test_what_is_no_array_is_refused_opcode_by_opcode(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    refused(tmp_path / "x.npy", "pickle-refused")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x04",
        b"nonsense" * 10,
        opcodes(b"\x8e" + (10**15).to_bytes(8, "little") + b"."),
        opcodes(b"\x95" + (10**15).to_bytes(8, "little") + b"."),
        opcodes(b"]\x94h\x00a."),
        opcodes(b"K\x01."),
        opcodes(b"cnumpy\ndtype\n", b"S'V8'\n", b"\x85R."),
        pickle.dumps([1, 2]),
        pickle.dumps({"a": np.zeros(3, dtype=[("x", "f8")])}, 4),
        pickle.dumps({"a": np.zeros(3)}, 4)[:-30],
    ],
)
def test_damaged_and_made_up_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(BadDataset) as caught:
        load_dictionary(tmp_path / "x.npy")
    assert caught.value.code in ("not-a-dictionary", "pickle-refused")


def test_changed_bytes_end_in_a_dictionary_or_a_refusal(tmp_path: Path) -> None:
    whole, draw, path = save(tmp_path / "a.npy", WHOLE).read_bytes(), np.random.default_rng(0), tmp_path / "x.npy"
    outcomes = set()
    for _ in range(600):
        changed = bytearray(whole)
        for at in draw.integers(0, len(whole), draw.integers(1, 6)):
            changed[at] = draw.integers(256)
        path.write_bytes(changed)
        try:
            load_dictionary(path)
            outcomes.add("read")
        except BadDataset as error:
            outcomes.add(error.code)
    assert outcomes == {"read", "pickle-refused", "not-a-dictionary"}


def test_a_shared_list_is_made_once_and_not_again_for_each_reference(tmp_path: Path) -> None:
    nested: list[object] = []
    for _ in range(60):  # 2 ** 60 lists, if each reference were followed anew
        nested = [nested, nested]
    (tmp_path / "x.npy").write_bytes(pickle.dumps({"a": nested}))
    assert len(load_dictionary(tmp_path / "x.npy")["a"]) == 2


def test_plain_arrays_and_missing_keys_are_named(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    assert "a plain array of shape (3,)" in refused(tmp_path / "x.npy", "not-a-dictionary")
    refused(tmp_path / "gone.npy", "file-missing")
    found = load_dictionary(save(tmp_path / "a.npy", {"times": [1.0]}))
    with pytest.raises(BadDataset, match="no key 'data'.*Keys: 'times'") as caught:
        array_in(found, "data", tmp_path / "a.npy", 1)
    assert caught.value.code == "missing-key"
    with pytest.raises(BadDataset, match="4 axes are expected"):
        array_in(found, "times", tmp_path / "a.npy", 4)
    instance = save(tmp_path / "b.npy", {"x": Plain()})
    assert "Plain" in refused(instance, "pickle-refused") or "opcode" in refused(instance, "pickle-refused")


def test_every_opcode_that_numpy_writes_is_among_the_allowed() -> None:
    from gyral.datasets.readers.pickled import _ALLOWED

    stream = io.BytesIO()
    np.save(stream, WHOLE)  # type: ignore[arg-type]
    stream.seek(0)
    np.lib.format.read_magic(stream)
    np.lib.format.read_array_header_1_0(stream)
    used = {op.code.encode("latin1") for op, _, _ in pickletools.genops(stream.read())}
    assert used <= {*_ALLOWED, pickle.REDUCE, pickle.BUILD}
