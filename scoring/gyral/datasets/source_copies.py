"""Copies: files of responses with equal bytes, such as a session that was copied in place of another, or for another person."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

from gyral.datasets.readers.files import find_files
from gyral.datasets.source import ResponsesSource
from gyral.hashing import hash_file

_LOOKED_AT = 1 << 16  # bytes at the start, the middle and the end, before a file of gigabytes is read whole
_NAMED = 3  # groups of which there is a note


def copy_notes(told: ResponsesSource, folder: Path) -> list[str]:
    """A note on each group of equal files, of one person or several: a copy looks like a perfect repeat, or like a twin.

    A file that holds several people is one file, and no copy.
    """
    owners: defaultdict[Path, list[str]] = defaultdict(list)
    for subject in told.subjects:
        for path in dict.fromkeys(find_files(folder, told.files, subject)):
            if path.is_file():
                owners[path].append(subject)
    notes = []
    for group in equal_files(list(owners)):
        people = list(dict.fromkeys(subject for path in group for subject in owners[path]))
        notes.append(
            f"files of {' and '.join(people)} are equal byte for byte: {', '.join(p.name for p in group)}; "
            "was one copied by mistake?"
        )
    more = len(notes) - _NAMED
    return notes if more <= 0 else [*notes[:_NAMED], f"{more} more groups of files are equal byte for byte"]


def equal_files(paths: Sequence[Path]) -> list[list[Path]]:
    """Groups of two or more files with equal bytes; whole files are read only where size and samples agree.

    Parameters
    ----------
    paths : sequence of Path
        Each file once.
    """
    groups = [list(paths)]
    looks: tuple[Callable[[Path], Hashable], ...] = (lambda p: p.stat().st_size, _sample, hash_file)
    for look in looks:
        groups = [alike for group in groups for alike in _alike((look(p), p) for p in group)]
    return groups


def _alike(told: Iterable[tuple[Hashable, Path]]) -> list[list[Path]]:
    found: defaultdict[Hashable, list[Path]] = defaultdict(list)
    for key, path in told:
        found[key].append(path)
    return [group for group in found.values() if len(group) > 1]


def _sample(path: Path) -> bytes:
    size, digest = path.stat().st_size, hashlib.sha256()
    with path.open("rb") as stream:
        for start in (0, size // 2, max(0, size - _LOOKED_AT)):
            stream.seek(start)
            digest.update(stream.read(_LOOKED_AT))
    return digest.digest()
