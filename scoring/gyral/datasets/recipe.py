"""Recipe: what a bundled dataset is, where it comes from, and what must come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files as resource_files
from pathlib import Path
from typing import TYPE_CHECKING

from gyral.errors import Unavailable

if TYPE_CHECKING:
    from gyral.datasets.dataset import About, Dataset

Reader = Callable[[Mapping[str, Path], Path], "Dataset"]


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Parameters
    ----------
    name : str
        Path below the source's folder; the reader finds the file under it.
    sha256 : str or None
        None only where nobody has seen the file: then the content hash of the pack decides alone.
    url : str or None
        Where to download it; None in a mirror.
    """

    name: str
    sha256: str | None
    url: str | None = None


@dataclass(frozen=True)
class Source:
    """Files and the reader that understands them.

    Parameters
    ----------
    folder : str
        Folder below the mirror, or below the downloads.
    files : tuple of SourceFile
        All files the reader needs.
    reader : str
        ``"module:function"``; called with the files by name and a scratch folder, returns a Dataset.
    verified : bool
        True once somebody has built the pack from it; an unverified source must be asked for.
    """

    folder: str
    files: tuple[SourceFile, ...]
    reader: str
    verified: bool = True

    def read(self, files: Mapping[str, Path], scratch: Path) -> "Dataset":
        """Run the reader."""
        module, _, name = self.reader.partition(":")
        reader: Reader = getattr(import_module(module), name)
        return reader(files, scratch)


@dataclass(frozen=True)
class Recipe:
    """How a dataset is made.

    Parameters
    ----------
    name, title : str
        Identifier and heading.
    content_hash : str
        What every source must build; a pack of another content is refused.
    mirror, public : Source
        The local copies (``GYRAL_MIRROR``) and the public addresses.
    licence : str
        Terms, in a word.
    about : About, optional
        What pages say, as of today: a pack that was built before this was written says it, too. None: what the pack says.
    """

    name: str
    title: str
    content_hash: str
    mirror: Source
    public: Source
    licence: str = ""
    about: "About | None" = None


class SourceMissing(Unavailable):
    """A source cannot be reached; another may do."""

    code = "source-missing"


def listed_hashes(package: str, name: str) -> tuple[SourceFile, ...]:
    """Files named in a ``sha256sum`` list that ships inside ``package``."""
    lines = (resource_files(package) / name).read_text(encoding="utf-8").splitlines()
    return tuple(SourceFile(path, digest) for digest, path in (line.split("  ", 1) for line in lines if line))
