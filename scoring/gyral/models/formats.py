"""Formats that are not accepted: each by its name, with the reason and the way out."""

import re
from dataclasses import dataclass

from gyral.models.export import way


@dataclass(frozen=True)
class Refused:
    """A kind of file that is never opened.

    Parameters
    ----------
    name : str
        What people call it, with an article.
    why : str
        Why it is refused, to be read after "it is NAME:".
    way : str
        Section of docs/exporting.md that says what to do instead.
    suffixes : tuple of str
        Lower-case ends of file names.
    code : {"pickle", "code", "format-refused"}
        Opening it can run code; it is a program; it is read by nothing here.
    """

    name: str
    why: str
    way: str
    suffixes: tuple[str, ...]
    code: str = "format-refused"

    @property
    def what(self) -> str:
        """The sentence of the refusal."""
        return f"it is {self.name}, which is not accepted: {self.why}."

    @property
    def mend(self) -> str:
        """The way out."""
        return way(self.way)


_RUNS = "opening one can run code"
_OTHER = "it is made for another runtime"

PYTHON = Refused("a program", "none is ever run", "pytorch", (
    ".py", ".pyc", ".pyi", ".ipynb", ".sh", ".bash", ".bat", ".cmd", ".ps1", ".exe", ".dll", ".so", ".dylib", ".js", ".wasm", ".jar",
    ".m", ".r", ".jl",
), "code")  # fmt: skip
TORCH = Refused(
    "a PyTorch pickle", _RUNS, "safetensors", (".pt", ".pth", ".ckpt", ".bin", ".pyt", ".th", ".t7"), "pickle"
)
PICKLE = Refused(
    "a pickle", _RUNS, "scikit-learn", (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle"), "pickle"
)
UNNAMED = Refused("a pickle", _RUNS, "safetensors", (), "pickle")  # most likely of torch.save
ZIP = Refused("a zip", "torch.save and TorchScript write pickles and code into one", "safetensors", (), "pickle")
HDF5 = Refused(
    "an HDF5 or Keras file", "its layers may hold pickled code", "keras", (".h5", ".hdf5", ".keras"), "pickle"
)

REFUSED = (
    PYTHON,
    TORCH,
    PICKLE,
    HDF5,
    Refused("a torch.export archive", "opening one runs code that stands in it", "pytorch", (".pt2",), "pickle"),
    Refused(
        "a TorchScript archive", "what stands in it reads and writes files", "pytorch", (".ts", ".torchscript", ".jit"), "pickle"
    ),
    Refused("an ExecuTorch or mobile program", _OTHER, "pytorch", (".pte", ".ptl")),
    Refused("a TorchServe or MXNet archive", "it holds pickles and code", "pytorch", (".mar", ".params"), "pickle"),
    Refused("an archive of NumPy arrays", "it may hold pickles, and unpacks to any size", "features", (".npz",), "pickle"),
    Refused("a Flax or JAX checkpoint", "it has no graph of the model", "jax-and-flax", (".msgpack", ".orbax", ".ocdbt")),
    Refused("a TensorFlow graph", "it can read and write files when it is run", "tensorflow", (".pb", ".pbtxt", ".index", ".meta")),
    Refused("a TensorFlow Lite model", _OTHER, "tensorflow-lite", (".tflite", ".lite")),
    Refused("a llama.cpp model", "its weights are quantised for another runtime", "transformers", (".gguf", ".ggml", ".ggjt")),
    Refused("a Core ML model", _OTHER, "pytorch", (".mlmodel", ".mlpackage")),
    Refused("a TensorRT engine", "it is machine code for one GPU", "pytorch", (".engine", ".plan", ".trt")),
    Refused("an optimised onnxruntime file", "it is tied to one version; the .onnx it was made from is taken", "pytorch", (".ort",)),
    Refused("the external data of an ONNX file", "a graph is one file here", "one-file", (".onnx_data", ".onnx.data")),
    Refused("a PaddlePaddle model", _OTHER, "paddlepaddle", (".pdmodel", ".pdiparams", ".pdparams")),
    Refused("a MATLAB file", _OTHER, "matlab", (".mat", ".mlx")),
    Refused("an R object", _RUNS, "features", (".rds", ".rda", ".rdata"), "pickle"),
    Refused("a packed archive", "only .zip, .tar and .tar.gz are unpacked", "archives", (
        ".7z", ".rar", ".xz", ".txz", ".bz2", ".tbz2", ".zst", ".lz4", ".cab", ".iso", ".dmg",
    )),
)  # fmt: skip

# First bytes that betray a format whatever the file is called.
_MAGIC = (
    (re.compile(rb"\x80[\x02-\x05][\x00-\xff]"), UNNAMED),
    (re.compile(rb"PK\x03\x04|PK\x05\x06"), ZIP),
    (re.compile(rb"\x7fELF|MZ\x90\x00|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe|#!|\x00asm"), PYTHON),
    (re.compile(rb"\x89HDF\r\n"), HDF5),
    (re.compile(rb"GGUF|ggml|lmgg"), next(r for r in REFUSED if ".gguf" in r.suffixes)),
    (re.compile(rb"[\x00-\xff]{4}(?:TFL3)"), next(r for r in REFUSED if ".tflite" in r.suffixes)),
    (re.compile(rb"MATLAB 5\.0 MAT-file"), next(r for r in REFUSED if ".mat" in r.suffixes)),
    (re.compile(rb"7z\xbc\xaf\x27\x1c|Rar!|\xfd7zXZ\x00|BZh[1-9]1AY|\x28\xb5\x2f\xfd"), next(r for r in REFUSED if ".7z" in r.suffixes)),
)  # fmt: skip


def refused_by_name(name: str) -> Refused | None:
    """The refused format a file name stands for.

    >>> refused_by_name("weights.PT2").name
    'a torch.export archive'
    >>> refused_by_name("model.safetensors") is None
    True
    """
    low = name.lower()
    return next((found for found in REFUSED if low.endswith(found.suffixes)), None)


def refused_by_magic(head: bytes) -> Refused | None:
    """The refused format that the first bytes of a file betray.

    >>> refused_by_magic(b"GGUF\\x03\\x00").name
    'a llama.cpp model'
    """
    return next((found for pattern, found in _MAGIC if pattern.match(head)), None)
