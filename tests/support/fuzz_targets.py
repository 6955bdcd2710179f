"""What is fuzzed: each target takes bytes, and may only accept them or refuse them by a `UserError`.

Run as a program (``python fuzz_targets.py NAME FOLDER``) it is the child of `fuzzing.Child`: it reads cases from stdin, answers each
with a line, and has little memory. HOST names the targets that run where the database is open; the others run in a guest.
"""

import json
import resource
import shutil
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

GOOD = Path(__file__).resolve().parents[2] / "fixtures" / "uploads"
ROOM = 1 << 30  # bytes of address space beyond what is there when the first case comes

Target = Callable[[bytes, Path], None]


def safetensors(data: bytes, folder: Path) -> None:
    from gyral.models.safetensors_header import read_header

    read_header(written(folder / "model.safetensors", data))


def stored(data: bytes, folder: Path) -> None:
    from gyral.models.transformers_check import stored_elements

    written(folder / "model.safetensors", data)
    stored_elements(folder)


def onnx_strip(data: bytes, folder: Path) -> None:
    from gyral.models.onnx_strip import strip_file

    file = written(folder / "model.onnx", data)
    strip_file(file)
    assert strip_file(file) == 0, "a second pass found more"


def onnx_parse(data: bytes, folder: Path) -> None:
    from gyral.models.onnx_check import parse
    from gyral.models.onnx_layers import LayerMap

    found = LayerMap(parse(data).graph)
    _ = found.all, found.default


def archive(data: bytes, folder: Path) -> None:
    from gyral.models.archive import ArchiveLimits, unpack_archive

    limits = ArchiveLimits(members=50, total=8 << 20)
    out = unpack_archive(written(folder / "a.bin", data), folder / "out" / "model", limits)
    inside = list((folder / "out").rglob("*"))
    assert all(path.resolve().is_relative_to((folder / "out").resolve()) for path in inside), "it led outside"
    assert not any(path.is_symlink() for path in inside), "a link was made"
    assert sum(path.stat().st_size for path in inside if path.is_file()) <= limits.total, "it was too large"
    assert out.exists()


def card(data: bytes, folder: Path) -> None:
    from gyral.models.card import ModelCard

    read = ModelCard.read(written(folder / "gyral.toml", data))
    read.write(folder / "again.toml")
    assert ModelCard.read(folder / "again.toml") == read


def manifest(data: bytes, folder: Path) -> None:
    from gyral_submissions.domain.payload import features_manifest

    features_manifest(written(folder / "features.toml", data))


def features_toml(data: bytes, folder: Path) -> None:
    _features(folder, "features.toml", data)


def ids(data: bytes, folder: Path) -> None:
    _features(folder, "ids.csv", data)


def npy(data: bytes, folder: Path) -> None:
    _features(folder, "000-early-f40883.npy", data)


def _features(folder: Path, name: str, data: bytes) -> None:
    from gyral.models.precomputed import PrecomputedFeatures

    shutil.copytree(GOOD / "features", folder / "features")
    written(folder / "features" / name, data)
    list(PrecomputedFeatures(folder / "features").find_gaps())


def config(data: bytes, folder: Path) -> None:
    from gyral.models.folder_checks import check_config, check_files
    from gyral.models.report import Report

    shutil.copytree(GOOD / "bert", folder / "bert")
    written(folder / "bert" / "config.json", data)
    faults, _ = check_files(folder / "bert", "transformers")
    Report("transformers", (*check_config(folder / "bert"), *faults)).require()


def tokenizer(data: bytes, folder: Path) -> None:
    from gyral.models.card import TextInput
    from gyral.models.tokenizer import TextTokenizer

    made = TextTokenizer(data, TextInput())
    made.encode(["the old dog slept near the fire", "a"], ["1", "2"], words=3)


def described(data: bytes, folder: Path) -> None:
    from gyral.models.card_template import render
    from gyral.models.inspection import inspect_upload

    render(inspect_upload(written(folder / "model.onnx", data)))


def wire(data: bytes, folder: Path) -> None:
    """What a guest says, as the process that holds it hears it."""
    from gyral.errors import EngineError, UserError
    from gyral.isolation import wire
    from gyral.isolation.answers import read_facts

    for line in data.split(b"\n"):
        message = wire.decode(line)
        if message["say"] == "error":
            error = wire.unpack_error(message.get("error"), ("/model/made", "/job"))
            assert isinstance(error, (UserError, EngineError)) and str(error).isprintable(), repr(str(error))
        elif message["say"] == "batch":
            wire.whole_number(message, "start"), wire.whole_number(message, "rows")
        else:
            read_facts(message)


def array(data: bytes, folder: Path) -> None:
    """A batch that a guest hands over, as the process that holds it takes it."""
    from gyral.datasets.stimulus import StimulusSet
    from gyral.isolation.wire import take_array
    from gyral.models.activation import require_finite

    taken = take_array(written(folder / "000000000-00000.npy", data), 2, 1 << 20, layer="early")
    require_finite("early", taken, StimulusSet.from_texts(["a", "b"]), 0)


TARGETS: dict[str, Target] = {
    function.__name__: function
    for function in (
        safetensors, stored, onnx_strip, onnx_parse, archive, card, manifest, features_toml, ids, npy, config, tokenizer, described, wire, array,
    )
}  # fmt: skip
HOST = ("onnx_strip", "archive", "card", "manifest", "wire", "array")


def written(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def attempt(target: Target, data: bytes, folder: Path) -> dict[str, str]:
    """One case: accepted, refused (with its code), or broken (with the traceback)."""
    from gyral.errors import UserError

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        target(data, folder)
    except UserError as error:
        return {"end": "refused", "code": error.code, "text": str(error)[:200]}
    except MemoryError:
        return {"end": "broken", "text": "MemoryError"}
    except BaseException:  # noqa: BLE001 - a fault that is not a UserError is what is looked for
        return {"end": "broken", "text": traceback.format_exc()}
    return {"end": "accepted"}


def main(name: str, folder: Path) -> None:
    """Answer cases until stdin ends: four bytes of length, then the case."""
    target = TARGETS[name]
    attempt(target, b"", folder)  # imports what it needs before the limit is set
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = sys.stdout
    sys.stdout = sys.stderr
    while head := sys.stdin.buffer.read(4):
        data = sys.stdin.buffer.read(struct.unpack("<I", head)[0])
        answers.write(json.dumps(attempt(target, data, folder)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
