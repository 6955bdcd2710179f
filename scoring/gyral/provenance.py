"""Provenance: which code, libraries and processor made a number."""

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gyral.hashing import hash_file, hash_json

_LIBRARIES = ("numpy", "scipy", "torch", "onnxruntime", "transformers", "tokenizers", "scikit-learn", "pillow")


@cache
def code_hash(part: str = ".") -> str:
    """Hex sha256 over the library's own source files, those of one folder of it, or one file."""
    root = Path(__file__).parent / part
    if root.is_file():
        return hash_file(root)
    return hash_json([[str(p.relative_to(root)), hash_file(p)] for p in sorted(root.rglob("*.py"))])


@cache
def library_versions() -> dict[str, str]:
    """Installed versions of the libraries that numbers depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine(device: str) -> dict[str, str]:
    """What else decides the last bits of a number: processor, the kernels of its linear algebra, threads, GPU.

    Parameters
    ----------
    device : str
        "cpu" or "cuda"; the latter adds the name of the GPU.
    """
    import scipy.linalg  # noqa: F401 - slow; it brings its own linear algebra, which must be seen as well
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    kernels = {
        f"{p['internal_api']} {p['version']} {p['architecture']}"
        for p in threadpool_info()
        if p["user_api"] == "blas"
    }
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {
        "processor": platform.machine(),
        "python": platform.python_version(),
        "kernels": ", ".join(sorted(kernels)),
        "threads": f"{os.environ.get('OMP_NUM_THREADS', 'all')} of {cores} cores",
    }
    if device.startswith("cuda"):
        import torch  # slow

        found["gpu"] = torch.cuda.get_device_name(device)
    return found
