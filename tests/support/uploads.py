"""Good uploads (copies of the fixtures) and hostile ones, made when a test needs them."""

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gyral.datasets.stimulus import StimulusSet

GOOD = Path(__file__).resolve().parents[2] / "fixtures" / "uploads"

SENTENCES = (
    "the old dog slept near the fire",
    "a child found seven smooth stones",
    "rain fell on the empty street",
    "the teacher opened a heavy door",
    "two birds crossed the grey sky",
    "someone sang in the next room",
    "the baker counted his last coins",
    "snow covered the narrow mountain road",
)


def good(name: str, into: Path) -> Path:
    """A copy of a good upload ("conv", "bert", "vit", "features") to spoil."""
    return Path(shutil.copytree(GOOD / name, into / name))


def pictures(folder: Path, count: int = 5) -> StimulusSet:
    """Noise images of two sizes, one of them grey."""
    folder.mkdir(parents=True, exist_ok=True)
    rng, files = np.random.default_rng(3), []
    for index in range(count):
        shape = (40, 50) if index == 1 else (36 + index % 2, 48, 3)
        file = folder / f"picture-{index}.png"
        Image.fromarray(rng.integers(0, 255, shape, dtype=np.uint8)).save(file)
        files.append(file)
    return StimulusSet.from_files(files)


def sentences() -> StimulusSet:
    """The sentences of the features fixture."""
    return StimulusSet.from_texts(SENTENCES)


class Surprise:
    """Unpickling it writes a file: proof that somebody opened a pickle."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.touch, (self.target,)


def write_pickle(path: Path, witness: Path) -> None:
    path.write_bytes(pickle.dumps(Surprise(witness)))


def edit_json(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")


# ONNX -----------------------------------------------------------------------------------------------------------


def edit_onnx(folder: Path, change: Callable[[Any], None]) -> Path:
    """Apply ``change`` to the graph of an upload; returns the folder."""
    import onnx

    file = folder / "model.onnx"
    model = onnx.load_model_from_string(file.read_bytes())
    change(model)
    file.write_bytes(model.SerializeToString())
    return folder


def with_external_data(model: Any) -> None:
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = 1
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"


def with_fixed_batch(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def with_unknown_operator(model: Any) -> None:
    model.graph.node[1].op_type = "Rellu"


def with_nan(model: Any) -> None:
    model.graph.node[1].op_type = "Log"


def with_endless_loop(model: Any) -> None:
    """A loop of 2^62 turns stands before the first convolution."""
    from onnx import TensorProto, helper, numpy_helper

    condition = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Add", ["x_in", "zero"], ["x_out"])],
        "turn",
        [helper.make_tensor_value_info("turn", TensorProto.INT64, []), condition,
         helper.make_tensor_value_info("x_in", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("x_out", TensorProto.FLOAT, None)],
    )  # fmt: skip
    model.graph.initializer.extend(
        [numpy_helper.from_array(np.array(v), n) for n, v in (("turns", 2**62), ("yes", True))]
        + [numpy_helper.from_array(np.float32(0), "zero")]
    )
    model.graph.node.insert(0, helper.make_node("Loop", ["turns", "yes", "pixels"], ["same"], body=body))
    model.graph.node[1].input[0] = "same"


def with_expansion(elements: int) -> Callable[[Any], None]:
    """The logits are tiled to so many float32 elements a row."""

    def change(model: Any) -> None:
        from onnx import helper, numpy_helper

        repeats = numpy_helper.from_array(np.array([1, elements // 10], np.int64), "repeats")
        model.graph.initializer.append(repeats)
        model.graph.node.append(helper.make_node("Tile", ["logits", "repeats"], ["wide"], name="/head/tile/Tile"))
        model.graph.output[0].name = "wide"
        model.graph.output[0].type.tensor_type.shape.dim[1].Clear()

    return change


# Archives -------------------------------------------------------------------------------------------------------


def zip_folder(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder.parent))
    return target


def zip_of(target: Path, members: Sequence[tuple[str | zipfile.ZipInfo, bytes]]) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return target


def link_member(name: str, to: str) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, to.encode()


def npy_bytes(array: Any, *, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()
