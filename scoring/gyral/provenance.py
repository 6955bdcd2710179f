"""Provenance: which code and libraries made a number."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gyral.hashing import hash_file, hash_json

_LIBRARIES = ("numpy", "scipy", "torch", "onnxruntime", "transformers", "scikit-learn")


@cache
def code_hash(part: str = ".") -> str:
    """Hex sha256 over the library's own source files, or those of one folder of it."""
    root = Path(__file__).parent / part
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
