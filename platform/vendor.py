"""Rebuild ``static/vendor`` from npm's lock file: ``python platform/vendor.py``.

``npm ci --ignore-scripts`` installs exactly what ``package-lock.json`` pins (npm checks each package against
its integrity hash), the few files we serve are copied, and ``VENDOR.json`` says for each its licence,
version and sha256. A licence that a package does not carry stands in ``licences/``; those of what a bundle holds
besides are written below its own. ``python platform/vendor.py --lock`` writes the lock file anew after a change of
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
# What we serve: package -> (file inside it, its name here).
SERVED = {"@niivue/niivue": ("dist/index.js", "niivue.js"), "htmx.org": ("dist/htmx.min.js", "htmx.min.js")}
# Packages that a bundle holds.
BUNDLED = {
    "@niivue/niivue": (
        *("@lukeed/uuid", "@ungap/structured-clone", "@zarrita/storage", "array-equal", "fflate", "gl-matrix"),
        *("nifti-reader-js", "numcodecs", "zarrita"),
    )
}
# Names a file that is not served; collecting static files would miss it.
_SOURCE_MAP = b"\n//# sourceMappingURL="


def lock() -> None:
    """Write ``package-lock.json`` for ``package.json``."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(HERE / "package.json", scratch)
        _npm(["install", "--package-lock-only", "--ignore-scripts"], Path(scratch))
        content = json.loads((Path(scratch) / "package-lock.json").read_text("utf-8"))
    for package in content["packages"].values():
        package.pop("resolved", None)  # the registry is a matter of each machine
        package.pop("funding", None)
    (HERE / "package-lock.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")


def build(target: Path = VENDOR) -> list[dict[str, str]]:
    """Install from the lock file, copy what we serve, write ``VENDOR.json``; returns its entries."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, scratch)
        _npm(["ci", "--ignore-scripts"], Path(scratch))
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        modules = Path(scratch) / "node_modules"
        entries = [_copy(modules, package, file, name, target) for package, (file, name) in SERVED.items()]
    (target / "VENDOR.json").write_text(json.dumps(entries, indent=2) + "\n", "utf-8")
    return entries


def _copy(modules: Path, package: str, file: str, name: str, target: Path) -> dict[str, str]:
    about = json.loads((modules / package / "package.json").read_text("utf-8"))
    copied = target / name
    copied.write_bytes((modules / package / file).read_bytes().partition(_SOURCE_MAP)[0])
    licence = f"{package.rpartition('/')[2]}.LICENSE"
    texts = [_licence(modules, package)]
    texts += [f"---- {held}, bundled ----\n\n{_licence(modules, held)}" for held in BUNDLED.get(package, ())]
    (target / licence).write_text("\n".join(texts), "utf-8")
    return {
        "file": copied.name,
        "package": about["name"],
        "version": about["version"],
        "licence": about["license"],
        "licence_file": licence,
        "sha256": hashlib.sha256(copied.read_bytes()).hexdigest(),
    }


def _licence(modules: Path, package: str) -> str:
    """Text of a package's licence, from the package or from ``licences/``."""
    kept = HERE / "licences" / f"{package.replace('/', '-')}.txt"
    found = [p for p in sorted((modules / package).iterdir()) if p.stem.lower() in ("license", "licence")]
    return (found[0] if found else kept).read_text("utf-8")


def _npm(arguments: list[str], folder: Path) -> None:
    subprocess.run(["npm", *arguments, "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)


if __name__ == "__main__":
    if "--lock" in sys.argv[1:]:
        lock()
    for entry in build():
        sys.stdout.write(f"{entry['file']}: {entry['package']} {entry['version']} ({entry['licence']})\n")
