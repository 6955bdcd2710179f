"""Rebuild ``static/vendor`` from npm's lock file: ``python platform/vendor.py``.

``npm ci --ignore-scripts`` installs exactly what ``package-lock.json`` pins (npm checks each package against
its integrity hash), the few files we serve are copied, and ``VENDOR.json`` says for each its licence,
version and sha256. ``python platform/vendor.py --lock`` writes the lock file anew after a change of
``package.json``, without the address of the registry it was asked from.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = HERE / "gyral_portal" / "static" / "vendor"
# What we serve: package -> files inside it.
SERVED = {"htmx.org": ("dist/htmx.min.js",)}


def lock() -> None:
    """Write ``package-lock.json`` for ``package.json``."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(HERE / "package.json", scratch)
        _npm(["install", "--package-lock-only", "--ignore-scripts"], Path(scratch))
        content = json.loads((Path(scratch) / "package-lock.json").read_text("utf-8"))
    for package in content["packages"].values():
        package.pop("resolved", None)  # the registry is a matter of each machine
    (HERE / "package-lock.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def build(target: Path = VENDOR) -> list[dict[str, str]]:
    """Install from the lock file, copy what we serve, write ``VENDOR.json``; returns its entries."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, scratch)
        _npm(["ci", "--ignore-scripts"], Path(scratch))
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        entries = [
            _copy(Path(scratch) / "node_modules" / package, file, target)
            for package, files in SERVED.items()
            for file in files
        ]
    (target / "VENDOR.json").write_text(json.dumps(entries, indent=2) + "\n", "utf-8")
    return entries


def _copy(package: Path, file: str, target: Path) -> dict[str, str]:
    about = json.loads((package / "package.json").read_text("utf-8"))
    copied = target / Path(file).name
    shutil.copyfile(package / file, copied)
    licence = f"{about['name']}.LICENSE"
    shutil.copyfile(package / "LICENSE", target / licence)
    return {
        "file": copied.name,
        "package": about["name"],
        "version": about["version"],
        "licence": about["license"],
        "licence_file": licence,
        "sha256": hashlib.sha256(copied.read_bytes()).hexdigest(),
    }


def _npm(arguments: list[str], folder: Path) -> None:
    subprocess.run(["npm", *arguments, "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)


if __name__ == "__main__":
    if "--lock" in sys.argv[1:]:
        lock()
    for entry in build():
        sys.stdout.write(f"{entry['file']}: {entry['package']} {entry['version']} ({entry['licence']})\n")
