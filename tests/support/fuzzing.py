"""Cases for the targets of `fuzz_targets`, and the child process that meets them."""

import io
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fuzz_targets import GOOD, HOST, TARGETS

PROGRAM = Path(__file__).with_name("fuzz_targets.py")
PATIENCE = 120.0  # seconds for one case on a loaded machine


@dataclass
class Outcome:
    """What became of the cases of one target."""

    target: str
    cases: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    deaths: list[str] = field(default_factory=list)

    @property
    def is_host(self) -> bool:
        """Whether the site's own process does this."""
        return self.target in HOST


class Child:
    """A process that meets one case after another; a new one is started where it died."""

    def __init__(self, target: str, folder: Path) -> None:
        self.target, self.folder = target, folder
        self._process: subprocess.Popen[bytes] | None = None

    def meet(self, data: bytes) -> dict[str, str]:
        """The answer; ``{"end": "died", ...}`` where none came."""
        process = self._started()
        assert process.stdin and process.stdout
        try:
            process.stdin.write(struct.pack("<I", len(data)) + data)
            process.stdin.flush()
        except BrokenPipeError:
            return self._died("before it read the case")
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            return self._died(f"no answer in {PATIENCE:g} s")
        line = process.stdout.readline()
        return dict(json.loads(line)) if line else self._died("in the middle of the case")

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _died(self, how: str) -> dict[str, str]:
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        status = self._process.returncode
        self._process = None
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        return {"end": "died", "text": f"{name}, {how}"}

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            command = [sys.executable, str(PROGRAM), self.target, str(self.folder / "case")]
            # OpenBLAS and tokenizers would take threads, and address space, by the number of cores.
            extra = {
                "OMP_NUM_THREADS": "1",
                "OPENBLAS_NUM_THREADS": "1",
                "TOKENIZERS_PARALLELISM": "false",
                "RAYON_NUM_THREADS": "1",
            }
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **extra}
            )  # fmt: skip
        return self._process


def run(target: str, cases: int, folder: Path) -> Outcome:
    """So many cases against one target; raises AssertionError at the first that ends in anything but a verdict.

    A guest that dies is counted and not raised: containing it is what the guest is for.
    """
    found, child = Outcome(target), Child(target, folder)

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=True,
        phases=(Phase.generate,),  # no shrinking: the traceback says enough, and each try costs a process
        suppress_health_check=list(HealthCheck),
    )
    @given(cases_of(target))
    def one(data: bytes) -> None:
        answer = child.meet(data)
        found.cases += 1
        found.ends[answer["end"]] += 1
        found.codes[answer.get("code", "")] += 1
        if answer["end"] == "died":
            found.deaths.append(answer["text"])
            assert not found.is_host, f"{target}: the host died: {answer['text']}"
        assert answer["end"] != "broken", f"{target}: {answer['text']}"

    try:
        one()
    finally:
        child.end()
    return found


def cases_of(target: str) -> st.SearchStrategy[bytes]:
    """Good files with damage, files of the right grammar with any content, and any bytes."""
    damaged = st.one_of(*[st.builds(_spoiled, st.just(seed), _EDITS) for seed in _seeds(target)])
    return st.one_of(damaged, damaged, _GRAMMAR.get(target, damaged), st.binary(max_size=300))


_INTERESTING = st.sampled_from([
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"\x7f" + b"\xff" * 7, b"\x00\x00\x00\x80",
    b"/", b"..", b"\\", b"\n", b'"', b"[" * 2000, b"{" * 2000, b"-1", b"1e999", b"nan", b"\xed\xa0\x80",
])  # fmt: skip
_EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),  # where, as a share of the length
        st.sampled_from(["set", "insert", "cut", "truncate", "double", "swap"]),
        st.one_of(_INTERESTING, st.binary(min_size=1, max_size=8)),
        st.integers(1, 64),
    ),
    min_size=1,
    max_size=6,
)


def _spoiled(seed: bytes, edits: list[tuple[float, str, bytes, int]]) -> bytes:
    data = bytearray(seed)
    for share, kind, new, length in edits:
        at = int(share * len(data))
        if kind == "set":
            data[at : at + len(new)] = new
        elif kind == "insert":
            data[at:at] = new
        elif kind == "cut":
            del data[at : at + length]
        elif kind == "truncate":
            del data[at:]
        elif kind == "double":
            data[at:at] = data[at : at + length]
        else:
            data[at : at + length] = data[at : at + length][::-1]
    return bytes(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_TENSOR = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BF16", "I64", "U8", "F8", ""]) | _JSON,
        "shape": st.lists(st.integers(-2, 1 << 62), max_size=5) | _JSON,
        "data_offsets": st.lists(st.integers(-2, 1 << 62), max_size=3) | _JSON,
    }
)


def _safetensors(header: Any, claimed: int | None, rest: bytes) -> bytes:
    raw = json.dumps(header).encode()
    return (len(raw) if claimed is None else claimed).to_bytes(8, "little") + raw + rest


_HEADERS = st.builds(
    _safetensors,
    st.dictionaries(st.text(max_size=6), _TENSOR | _JSON, max_size=4) | _JSON,
    st.none() | st.integers(0, (1 << 64) - 1),
    st.binary(max_size=64),
)
_NAMES = st.text(max_size=12) | st.sampled_from(
    [
        "../up",
        "/etc/x",
        "a/b",
        "a",
        "a/",
        "A",
        "C:\\x",
        "a\x00b",
        ".",
        "..",
        "a/../../b",
        "gyral.toml",
        "x" * 300,
        "./a",
    ]
)


def _zip(members: list[tuple[str, bytes, int, bool]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data, mode, packed in members:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.create_system = name, mode << 16, 3
            method = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
            archive.writestr(info, data, compress_type=method)
    return stream.getvalue()


def _tar(members: list[tuple[str, bytes, int, bool]], form: int, packed: bool) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if packed else "w", format=form) as archive:
        for name, data, kind, _ in members:
            info = tarfile.TarInfo(name.replace("\x00", ""))
            info.type = bytes([48 + kind % 8])
            info.linkname = "/etc/passwd"
            info.size = len(data) if info.isreg() else 0
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return stream.getvalue()


_MEMBERS = st.lists(
    st.tuples(_NAMES, st.binary(max_size=40) | st.just(bytes(3 << 20)), st.sampled_from([0, 0o100644, 0o120777, 0o040755, 0o60000]), st.booleans()),
    max_size=5,
)  # fmt: skip
_TAR_MEMBERS = st.lists(st.tuples(_NAMES, st.binary(max_size=40), st.integers(0, 7), st.booleans()), max_size=5)
_FORMS = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def _quiet_zip(members: list[tuple[str, bytes, int, bool]]) -> bytes:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _zip(members)
        except (UnicodeEncodeError, ValueError):
            return b"PK\x03\x04"


def _quiet_tar(members: list[tuple[str, bytes, int, bool]], form: int, packed: bool) -> bytes:
    try:
        return _tar(members, form, packed)
    except (ValueError, UnicodeEncodeError):
        return b""


def _toml(fields: dict[str, Any]) -> bytes:
    import tomli_w

    try:
        return tomli_w.dumps(fields).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, AttributeError):
        return b"= 1"


_TOML_VALUE = st.recursive(
    st.booleans() | st.integers(-(1 << 62), 1 << 62) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
_KEYS = st.sampled_from(
    ["name", "modality", "layers", "parameters", "image", "text", "licence", "training_datasets", "format", "card", "layer", "stimuli", "sise"]
)  # fmt: skip
_FIELDS = st.dictionaries(_KEYS | st.text(max_size=6), _TOML_VALUE, max_size=6).map(
    lambda fields: _toml({"name": "a", "modality": "vision"} | fields)
)


def _npy(header: str, version: int, rest: bytes) -> bytes:
    raw = header.encode("utf-8", "replace")
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(raw) & 0xFFFF) + raw + rest


_ARRAYS = st.builds(
    _npy,
    st.builds(
        "{{'descr': {!r}, 'fortran_order': {}, 'shape': {!r}, }}\n".format,
        st.sampled_from(["<f4", "<f8", "<f2", "|O", "|V8", ">f4", "<U9", "<M8[s]", "<c8", "|b1"])
        | st.text(max_size=6),
        st.sampled_from(["True", "False", "0", "__import__('os')"]),
        st.lists(st.integers(-3, 1 << 62), max_size=5).map(tuple),
    )
    | st.text(max_size=80),
    st.sampled_from([1, 2, 3, 9]),
    st.binary(max_size=128),
)
_SAID = st.fixed_dictionaries(
    {"say": st.sampled_from(["model", "batch", "done", "report", "error", "confined"]) | _JSON},
    optional={
        "card": st.fixed_dictionaries({"name": st.text(max_size=6), "modality": st.just("vision")}) | _JSON,
        "layers": st.lists(st.text(max_size=4), max_size=4) | _JSON,
        "start": _JSON,
        "rows": _JSON,
        "report": _JSON,
        "error": st.fixed_dictionaries(
            {"kind": st.sampled_from(["BadUpload", "UserError", "EngineError", "crash"]) | _JSON, "what": st.text() | _JSON},
            optional={"code": st.text(max_size=9) | _JSON, "where": st.text() | _JSON, "mend": _JSON},
        )
        | _JSON,
    },
)  # fmt: skip
_GRAMMAR: dict[str, st.SearchStrategy[bytes]] = {
    "safetensors": _HEADERS,
    "stored": _HEADERS,
    "archive": st.builds(_quiet_zip, _MEMBERS) | st.builds(_quiet_tar, _TAR_MEMBERS, _FORMS, st.booleans()),
    "card": _FIELDS,
    "manifest": _FIELDS,
    "features_toml": _FIELDS,
    "npy": _ARRAYS,
    "array": _ARRAYS,
    "wire": st.lists(_SAID.map(lambda said: json.dumps(said).encode()), min_size=1, max_size=3).map(b"\n".join),
    "config": st.dictionaries(st.sampled_from(["model_type", "architecture", "auto_map", "model_args"]) | st.text(max_size=6), _JSON, max_size=5).map(
        lambda fields: json.dumps(fields).encode()
    ),
    "tokenizer": _JSON.map(lambda value: json.dumps(value).encode()),
}  # fmt: skip


_MESSAGES = (
    b'{"say": "model", "card": {"name": "made", "modality": "vision"}, "layers": ["early", "late"]}',
    b'{"say": "batch", "start": 0, "rows": 32}',
    b'{"say": "error", "error": {"kind": "BadUpload", "code": "a-b", "what": "/job/x failed", "where": "x", "mend": null}}',
)


def _array(*shape: int) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ones(shape, np.float32))
    return stream.getvalue()


@cache
def _seeds(target: str) -> tuple[bytes, ...]:
    """Good files to damage."""
    files = {
        "safetensors": ["bert/model.safetensors"], "stored": ["bert/model.safetensors"], "onnx_strip": ["conv/model.onnx"],
        "onnx_parse": ["conv/model.onnx"], "described": ["conv/model.onnx"], "card": ["conv/gyral.toml", "bert/gyral.toml"],
        "manifest": ["features/features.toml"], "features_toml": ["features/features.toml"], "ids": ["features/ids.csv"],
        "npy": ["features/000-early-f40883.npy"], "config": ["bert/config.json"], "tokenizer": ["bert/tokenizer.json"],
    }  # fmt: skip
    if target == "array":
        return (_array(2, 3), _array(2, 3, 4, 4))
    if target == "wire":
        return _MESSAGES
    if target != "archive":
        return tuple((GOOD / name).read_bytes() for name in files[target])
    members = [(f.name, f.read_bytes()[:2000], 0, True) for f in sorted((GOOD / "features").iterdir())]
    packed = [_tar(members, form, gz) for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT) for gz in (False, True)]
    return (_zip(members), *packed)


ALL = tuple(TARGETS)
