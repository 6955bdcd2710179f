"""Take what an exporter noted about its user out of an ONNX file: paths, source lines, call stacks.

torch writes the stack of every node's Python call into the file, and other exporters write doc strings. None of it
is needed to run the graph, and it names folders and code of whoever exported it. The names of modules stay: they name
the layers.

The file is walked field by field as protobuf lays it out (https://protobuf.dev/programming-guides/encoding), in Python
and without a schema library: this also runs where a stranger's bytes must not meet a native parser. Tensors are not
copied. What is left is the same whatever was taken out, so that both versions of a file have one hash.
"""

import hashlib
import mmap
from collections.abc import Iterator
from pathlib import Path

from gyral.errors import BadUpload

SCOPES = "pkg.torch.onnx.name_scopes"

MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE, VALUE, FUNCTION, TRAINING = (
    "ModelProto", "GraphProto", "NodeProto", "AttributeProto", "TensorProto", "SparseTensorProto", "ValueInfoProto",
    "FunctionProto", "TrainingInfoProto",
)  # fmt: skip

# message -> (doc_string, metadata_props, {field: message it holds}), by field number; 0: it has none.
FIELDS: dict[str, tuple[int, int, dict[int, str]]] = {
    MODEL: (6, 14, {7: GRAPH, 20: TRAINING, 25: FUNCTION}),
    GRAPH: (10, 16, {1: NODE, 5: TENSOR, 11: VALUE, 12: VALUE, 13: VALUE, 15: SPARSE}),
    NODE: (6, 9, {5: ATTRIBUTE}),
    ATTRIBUTE: (13, 0, {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE, 23: SPARSE}),
    TENSOR: (12, 16, {}),
    SPARSE: (0, 0, {1: TENSOR, 2: TENSOR}),
    VALUE: (3, 4, {}),
    FUNCTION: (8, 14, {7: NODE, 11: ATTRIBUTE, 12: VALUE}),
    TRAINING: (0, 0, {1: GRAPH, 2: GRAPH}),
}
_DEPTH = 64
_MOST_FIELDS = 4_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def strip_file(path: Path) -> int:
    """Rewrite an ``.onnx`` file without what its exporter noted; returns how many notes were taken out.

    Raises
    ------
    BadUpload
        See `strip`; the file is then as it was.
    """
    if not path.stat().st_size:
        return 0  # an empty file cannot be mapped, and is refused for being empty
    beside = path.with_name(f".{path.name}.stripped")
    with path.open("rb") as stream:
        # Not closed by hand: the pieces below look into it, and the last of them to go closes it.
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    parts, count = strip(memoryview(mapped), path.name)
    if count:
        try:
            with beside.open("xb") as sink:
                for part in parts:
                    sink.write(part)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    return count


def stripped_hash(data: bytes, where: str = "model.onnx") -> str:
    """Hex sha256 of what `strip` leaves."""
    digest = hashlib.sha256()
    for part in strip(memoryview(data), where)[0]:
        digest.update(part)
    return digest.hexdigest()


def strip(data: memoryview, where: str = "model.onnx") -> tuple[list[memoryview], int]:
    """The file in pieces, and how many notes were taken out.

    Raises
    ------
    BadUpload
        The bytes are no protobuf message, or one of too many parts or levels (``onnx-unreadable``).
    """
    walk = _Walk()
    try:
        parts = walk.message(data, MODEL, 0)
    except ValueError as error:
        raise BadUpload(
            f"not an ONNX model, or a truncated one ({error}).",
            where=where,
            mend="Export it again.",
            code="onnx-unreadable",
        ) from None
    return parts, walk.dropped


class _Walk:
    """One pass over a file, counting fields and what was dropped."""

    def __init__(self) -> None:
        self.fields = self.dropped = 0

    def message(self, data: memoryview, kind: str, depth: int) -> list[memoryview]:
        """The message in pieces: long stretches of it where nothing was taken out."""
        if depth > _DEPTH:
            raise ValueError(f"more than {_DEPTH} levels")
        doc, notes, nested = FIELDS[kind]
        parts: list[memoryview] = []
        kept_from = 0  # start of a stretch that stays as it is
        for number, wire, start, content, end in self._fields_of(data):
            inner: list[memoryview] = []
            if wire == _BYTES and number in nested:
                before = self.dropped
                inner = self.message(data[content:end], nested[number], depth + 1)
                if self.dropped == before:
                    continue
                size = sum(map(len, inner))
                inner = [memoryview(_varint(number << 3 | _BYTES) + _varint(size)), *inner]
            elif wire == _BYTES and (number == doc or (number == notes and not _is_scopes(data[content:end]))):
                self.dropped += 1
            else:
                continue
            parts += [data[kept_from:start], *inner]
            kept_from = end
        parts.append(data[kept_from:])
        return [part for part in parts if len(part)]

    def _fields_of(self, data: memoryview) -> Iterator[tuple[int, int, int, int, int]]:
        """Number, wire type, start, start of the content and end of every field."""
        at, size = 0, len(data)
        while at < size:
            self.fields += 1
            if self.fields > _MOST_FIELDS:
                raise ValueError(f"more than {_MOST_FIELDS:,} parts")
            start = at
            key, at = _read_varint(data, at)
            number, wire = key >> 3, key & 7
            content = at
            if wire == _VARINT:
                _, at = _read_varint(data, at)
            elif wire == _BYTES:
                length, content = _read_varint(data, at)
                at = content + length
            elif wire in (_FIXED64, _FIXED32):
                at += 8 if wire == _FIXED64 else 4
            else:
                raise ValueError(f"wire type {wire}")
            if at > size or not number:
                raise ValueError("a field reaches behind the end")
            yield number, wire, start, content, at


def _is_scopes(entry: memoryview) -> bool:
    """Whether a key-value pair is the one that names a node's modules."""
    for number, wire, _, content, end in _Walk()._fields_of(entry):
        if number == 1 and wire == _BYTES:
            return bytes(entry[content:end]) == SCOPES.encode()
    return False


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
