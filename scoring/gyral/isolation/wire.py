"""The wire between host and guest: JSON lines and ``.npy`` files, both distrusted by the host.

::

    host -> guest   stdin    {"do": "open"} | {"do": "count"} | {"do": "features"} | {"do": "next"} | {"do": "check"} | {"do": "end"}
    guest -> host   stdout   {"say": "confined"}, before anything of the model is read
                             {"say": "ready"}, where it waits for a model
                             {"say": "model", "card": {...}, "layers": [...]}
                             {"say": "count", "multiply_adds": 4087136256}, or null
                             {"say": "batch", "start": 0, "rows": 32}
                             {"say": "done"} | {"say": "report", "report": {...}}
                             {"say": "error", "error": {"kind", "code", "what", "where", "mend"}}

    JOB/job.json       which model, device, twin, limits
    JOB/open.json      the model of a guest that waited, in JOB/model/
    JOB/request.json   layers, reduction, memory, stimuli (ids, hashes, texts or file names; never a response)
    JOB/stimuli/       files of images or sounds, named by row
    JOB/scratch/       the only place the guest writes: START-LAYER.npy

The host makes every file name itself; a guest only says that a batch is ready.
"""

import ast
import json
import math
import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadFeatures, BadUpload, EngineError, OutOfResources, Unavailable, UserError

PROTOCOL = 4
ALLOWED_DTYPES = (np.dtype("<f4"), np.dtype("<f2"))

_MAX_HEADER = 4096
_MAX_TEXT = 2000
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+){0,9}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_KINDS: dict[str, type[UserError]] = {
    kind.__name__: kind for kind in (BadFeatures, BadUpload, OutOfResources, Unavailable, UserError)
}

Floats = NDArray[np.float32]


def array_name(start: int, layer: int) -> str:
    """File name of one layer of the batch that starts at row ``start``."""
    return f"{start:09d}-{layer:05d}.npy"


# Stimuli ------------------------------------------------------------------------------------------------------


def pack_stimuli(stimuli: StimulusSet, names: Sequence[str] | None) -> dict[str, Any]:
    """The stimuli as JSON-able fields; ``names`` are the files under ``JOB/stimuli``.

    Only what a model needs: further columns (norms, categories) stay with the host.
    """
    return {
        "modality": stimuli.modality,
        "ids": stimuli.ids,
        "hashes": stimuli.hashes,
        "texts": stimuli.texts,
        "files": names,
        "groups": stimuli.groups,
        "contexts": stimuli.contexts,
    }


def unpack_stimuli(fields: Mapping[str, Any], folder: Path) -> StimulusSet:
    """The StimulusSet a guest shows its model."""
    files, texts, groups, contexts = (fields[name] for name in ("files", "texts", "groups", "contexts"))
    return StimulusSet(
        modality=fields["modality"],
        ids=tuple(fields["ids"]),
        hashes=tuple(fields["hashes"]),
        files=None if files is None else tuple(folder / name for name in files),
        texts=None if texts is None else tuple(texts),
        groups=None if groups is None else tuple(groups),
        contexts=None if contexts is None else tuple(contexts),
    )


# Errors -------------------------------------------------------------------------------------------------------


def pack_error(error: Exception) -> dict[str, Any]:
    """An exception as JSON-able fields; our own faults and unforeseen ones keep their type's name."""
    if not isinstance(error, UserError):
        kind = "EngineError" if isinstance(error, EngineError) else "crash"
        return {"kind": kind, "what": f"{type(error).__name__}: {error}"}
    kinds = [c.__name__ for c in type(error).__mro__ if c.__name__ in _KINDS]
    return {"kind": kinds[0], **error.as_dict()}


def unpack_error(fields: Any, hidden: Sequence[str] = ()) -> UserError | EngineError:
    """The exception a guest reported, with the texts cleaned and the ``hidden`` path prefixes taken out."""
    if not isinstance(fields, dict):
        return broken("its error is not an object")
    what = clean(fields.get("what"), hidden) or "the guest gave no reason."
    if fields.get("kind") == "EngineError":
        return EngineError(what)
    if fields.get("kind") not in _KINDS:
        return BadUpload(
            f"the model failed while it ran: {what}",
            mend="Run `gyral check` and `gyral score` on it at home; the log holds more.",
            code="model-failed",
        )
    code = fields.get("code")
    return _KINDS[fields["kind"]](
        what,
        where=clean(fields.get("where"), hidden),
        mend=clean(fields.get("mend"), hidden),
        code=code if isinstance(code, str) and _CODE.fullmatch(code) else None,
    )


def clean(text: Any, hidden: Sequence[str] = ()) -> str | None:
    """Text from a guest without control characters, our paths or more than 2,000 characters."""
    if not isinstance(text, str):
        return None
    shown: str = text
    for path in hidden:
        shown = shown.replace(path.rstrip("/") + "/", "").replace(path, "model")
    shown = _CONTROL.sub(" ", shown)
    return shown if len(shown) <= _MAX_TEXT else shown[:_MAX_TEXT] + " ..."


def broken(why: str) -> BadUpload:
    """The error for a guest that does not keep to the protocol."""
    return BadUpload(
        f"the model's process broke the protocol: {why}.",
        mend="A model only has to return arrays; run `gyral check` on it at home.",
        code="wire-broken",
    )


# Messages -----------------------------------------------------------------------------------------------------


def encode(message: Mapping[str, Any]) -> bytes:
    """One JSON line."""
    return json.dumps(message, ensure_ascii=True, allow_nan=False).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """One message; anything but a JSON object that says something breaks the protocol."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise broken(f"{line[:80]!r} is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("say"), str):
        raise broken(f"{line[:80]!r} is not a message")
    return message


def whole_number(message: Mapping[str, Any], key: str) -> int:
    """A count out of a message."""
    value = message.get(key)
    if type(value) is not int or value < 0:  # bool is an int, and no count
        raise broken(f"{key!r} is {value!r}, not a count")
    return value


def layer_names(value: Any) -> tuple[str, ...]:
    """The layers a guest names: unique, printable, at most 20,000."""
    if not isinstance(value, list) or not value or len(value) > 20_000:
        raise broken("its list of layers is empty, too long or no list")
    for name in value:
        if not isinstance(name, str) or not 0 < len(name) <= 256 or not name.isprintable():
            raise broken(f"{name!r:.80} is no name of a layer")
    if len(set(value)) != len(value):
        raise broken("a layer is named twice")
    return tuple(value)


# Arrays -------------------------------------------------------------------------------------------------------


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one layer of a batch, C order, never an object."""
    with path.open("xb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)


def take_array(path: Path, rows: int, most: int, *, layer: str) -> Floats:
    """Read, validate and delete one layer of a batch: float32, ``rows x ...``, at most ``most`` bytes.

    The bytes are copied before they are looked at, so that a guest that rewrites its file changes nothing;
    no link is followed, and the header is parsed by a grammar of its own (no object, no pickle, no Fortran order).

    Raises
    ------
    BadUpload
        Missing, not a regular file, no ``.npy``, another dtype than float32/float16, a shape that does not fit.
    OutOfResources
        More than ``most`` bytes.
    """
    data = _take_bytes(path, most)
    dtype, shape, offset = _read_header(data, layer)
    if len(shape) not in (2, 3, 4) or shape[0] != rows or min(shape) < 1:
        raise BadUpload(
            f"the shape is {shape} where {rows} rows were announced.",
            where=layer,
            mend="Layers are samples x features, samples x positions x channels or samples x channels x height x width.",
            code="wrong-shape",
        )
    if len(data) - offset != math.prod(shape) * dtype.itemsize:
        raise broken(f"an array of shape {shape} has {len(data) - offset} bytes")
    flat = np.frombuffer(data, dtype=dtype, offset=offset)
    return np.asarray(flat.reshape(shape), dtype=np.float32)


def _take_bytes(path: Path, most: int) -> bytearray:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        raise broken("an announced array is not there or is a link") from None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise broken("an announced array is not a plain file")
        if facts.st_size > most:
            raise OutOfResources(
                f"a batch takes more than {most} bytes.",
                mend="Read fewer layers, or smaller ones (card: `layers`).",
                code="output-limit",
            )
        data = bytearray(facts.st_size)
        filled = 0
        while filled < len(data) and (got := os.readv(descriptor, [memoryview(data)[filled:]])):
            filled += got
    finally:
        os.close(descriptor)
    path.unlink(missing_ok=True)
    if filled != len(data):
        raise broken("an announced array shrank while it was read")
    return data


def _read_header(data: bytearray, layer: str) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """dtype, shape and offset of an ``.npy`` in memory (format versions 1 to 3)."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12 or data[6] not in (1, 2, 3):
        raise broken("an array is not in the .npy format")
    start = 10 if data[6] == 1 else 12
    length = int.from_bytes(data[8:start], "little")
    if length > _MAX_HEADER or start + length > len(data):
        raise broken("an array's header is too long")
    try:
        header = ast.literal_eval(data[start : start + length].decode("latin-1").strip())
        descr, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise broken("an array's header cannot be read") from None
    if not isinstance(descr, str) or descr not in {d.str for d in ALLOWED_DTYPES}:
        raise BadUpload(
            f"the dtype is {descr!r:.40}; float32 and float16 are allowed.",
            where=layer,
            mend="Cast the layer to float32, or read another.",
            code="wrong-dtype",
        )
    sizes = isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 1 << 40 for n in shape)
    if fortran is not False or not sizes:
        raise broken("an array's header has no plain shape")
    return np.dtype(descr), shape, start + length
