"""The header of a safetensors file, believed only after it was checked.

Format: 8 bytes little-endian header length, a JSON object ``{name: {"dtype", "shape", "data_offsets"}}``, then the
tensors without gap or overlap (https://github.com/huggingface/safetensors#format).
"""

import json
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from gyral.errors import BadUpload

_MAX_HEADER = 25 << 20
_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


@dataclass(frozen=True)
class TensorFact:
    """Name, dtype and shape of one stored tensor."""

    name: str
    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> tuple[TensorFact, ...]:
    """All tensors of the file, its layout checked byte for byte; no weight is read.

    Raises
    ------
    BadUpload
        ``safetensors-truncated``, ``safetensors-header`` (length, JSON, doubled names), ``safetensors-dtype``,
        ``safetensors-size`` (shape and bytes disagree), ``safetensors-layout`` (gap, overlap, out of the file).
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > size - 8:
            raise _fault(path, f"the file has {size} bytes and its header alone needs {length + 8}", "truncated")
        if not 2 <= length <= _MAX_HEADER:
            raise _fault(path, f"the header has {length} bytes, 2 to {_MAX_HEADER} are allowed", "header")
        raw = stream.read(length)
    try:
        fields = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _fault(path, f"the header is not JSON ({error})", "header") from None
    if not isinstance(fields, dict):
        raise _fault(path, "the header is no JSON object", "header")
    fields.pop("__metadata__", None)
    placed = sorted(_placed(path, name, entry) for name, entry in fields.items())
    end = 0
    for start, stop, fact in placed:
        if start != end:
            how = "overlaps the one before it" if start < end else "leaves a gap before it"
            raise _fault(path, f"the tensor {fact[0]!r} {how}", "layout")
        end = stop
    if end != size - 8 - length:
        kind = "truncated" if end > size - 8 - length else "layout"
        raise _fault(path, f"the tensors take {end} bytes, the file holds {size - 8 - length}", kind)
    return tuple(TensorFact(*fact) for _, _, fact in placed)


def _placed(path: Path, name: str, entry: Any) -> tuple[int, int, tuple[str, str, tuple[int, ...]]]:
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
        raise _fault(path, f"the tensor {name!r:.100} has no dtype, shape and data_offsets", "header")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BITS:
        raise _fault(path, f"the tensor {name!r:.100} has the dtype {dtype!r:.40}", "dtype")
    if not _counts(shape) or not _counts(offsets) or len(offsets) != 2:
        raise _fault(path, f"the tensor {name!r:.100} has a shape or offsets that are no counts", "header")
    wanted = prod(shape) * _BITS[dtype] // 8
    if offsets[1] - offsets[0] != wanted:
        text = f"the tensor {name!r:.100} of shape {shape} needs {wanted} bytes and has {offsets[1] - offsets[0]}"
        raise _fault(path, text, "size")
    return offsets[0], offsets[1], (name, dtype, tuple(shape))


def _counts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 16 and all(type(n) is int and 0 <= n < 1 << 48 for n in value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _fault(path: Path, what: str, kind: str) -> BadUpload:
    return BadUpload(
        f"{what}.",
        where=path.name,
        mend="Save it again with safetensors.torch.save_file and upload it whole.",
        code=f"safetensors-{kind}",
    )
