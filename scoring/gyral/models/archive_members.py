"""Members of an archive: which paths are safe, how many there may be, and how much they may unpack to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gyral.errors import BadUpload

_CHUNK = 1 << 20


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may unpack to.

    Parameters
    ----------
    members : int
        Files and folders.
    total : int
        Bytes of all files, counted while they are unpacked (the archive's own claims are not believed).
    ratio : float
        Unpacked over packed bytes of one member, looked at from 1 MiB on.
    depth, length : int
        Folders in a path, and its characters.
    """

    members: int = 512
    total: int = 4 << 30
    ratio: float = 100.0
    depth: int = 4
    length: int = 200


class Unpacking:
    """Where members go, and what has been counted of them so far.

    Parameters
    ----------
    folder : Path
        An empty folder that nobody else writes to.
    limits : ArchiveLimits
    """

    def __init__(self, folder: Path, limits: ArchiveLimits) -> None:
        self.folder, self.limits = folder, limits
        self.left = limits.total
        self._members, self._seen = 0, set[str]()

    def place(self, name: str) -> PurePosixPath | None:
        """The safe relative path of a member; None for macOS's resource forks, which are left out.

        Raises
        ------
        BadUpload
            ``archive-members``, ``archive-path``, ``archive-doubled``.
        """
        self._members += 1
        if self._members > self.limits.members:
            raise too_many(self.limits)
        path = safe_path(name, self.limits)
        if path.parts[0] == "__MACOSX" or path.name == ".DS_Store" or path.name.startswith("._"):
            return None
        if str(path).casefold() in self._seen:
            raise BadUpload("the name stands twice in the archive.", where=shown(name), code="archive-doubled")
        self._seen.add(str(path).casefold())
        return path

    def make_folder(self, path: PurePosixPath) -> None:
        """A folder member."""
        (self.folder / path).mkdir(parents=True, exist_ok=True)

    def write(self, path: PurePosixPath, read: Callable[[int], bytes], packed: int) -> None:
        """Write one file member, counting what truly comes.

        Parameters
        ----------
        read : callable
            Gives at most so many bytes; none at the end.
        packed : int
            Bytes the member takes in the archive, for its ratio.

        Raises
        ------
        BadUpload
            ``archive-size``, ``archive-ratio``.
        """
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        written = 0
        with target.open("xb") as sink:
            while chunk := read(_CHUNK):
                written += len(chunk)
                self.left -= len(chunk)
                if self.left < 0:
                    raise too_large(self.limits)
                if written > _CHUNK and written > self.limits.ratio * max(1, packed):
                    raise too_thin(str(path), self.limits)
                sink.write(chunk)


def safe_path(name: str, limits: ArchiveLimits) -> PurePosixPath:
    """The path a member's name stands for (``archive-path`` where it leads elsewhere or cannot be shown)."""
    path = PurePosixPath(name)
    bad = (
        not path.parts
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or ":" in name
        or not name.isprintable()
        or len(path.parts) > limits.depth
        or len(name) > limits.length
    )
    if bad:
        raise BadUpload(
            f"the path {name[:100]!r} is not allowed.",
            where="archive",
            mend=f"Paths are relative, without '..', at most {limits.depth} deep and {limits.length} characters long.",
            code="archive-path",
        )
    return path


def shown(name: str) -> str:
    """A member's name as it may stand in a message."""
    return "".join(c if c.isprintable() else "?" for c in name)[:100]


def a_link(name: str) -> BadUpload:
    """The refusal of a link, a device or another member that is no plain file."""
    return BadUpload(
        "it is a link or a device.", where=shown(name), mend="Put the file itself in.", code="archive-link"
    )


def too_many(limits: ArchiveLimits) -> BadUpload:
    """The refusal of too many members."""
    return BadUpload(
        f"more than {limits.members} files.",
        where="archive",
        mend="Keep only the model's.",
        code="archive-members",
    )


def too_large(limits: ArchiveLimits) -> BadUpload:
    """The refusal of too many bytes in all."""
    return BadUpload(
        f"it unpacks to more than {limits.total / (1 << 30):.3g} GiB.",
        where="archive",
        mend="Send a smaller model, or float16 weights.",
        code="archive-size",
    )


def too_thin(name: str, limits: ArchiveLimits) -> BadUpload:
    """The refusal of what unpacks to many times its size."""
    return BadUpload(
        f"it unpacks to more than {limits.ratio:g} times its size.",
        where=shown(name),
        mend="Weights hardly compress: pack without padding or zeros.",
        code="archive-ratio",
    )
