"""Entities: what the name of a file of a BIDS dataset says of it (subject, session, task, run...), and the sidecars it inherits."""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from gyral.errors import BadDataset

_PAIRED = {
    "subject": "sub",
    "session": "ses",
    "task": "task",
    "acquisition": "acq",
    "direction": "dir",
    "run": "run",
}


def entities_of(path: Path) -> dict[str, str | int]:
    """Entities, suffix and extension by their long names, as pybids reads them; numbers of runs compare as numbers.

    >>> entities_of(Path("sub-01_ses-a_task-faces_run-02_bold.nii.gz"))["run"] == 2
    True
    >>> entities_of(Path("betas.nii.gz")).get("task") is None
    True
    """
    # pybids looks for folders, too, even above the dataset: what the name itself says stands over them.
    return _parsed(f"/{path.as_posix().lstrip('/')}") | _parsed(f"/{path.name}")


@lru_cache(maxsize=1 << 14)  # every sidecar of a folder is asked about every file of it
def _parsed(path: str) -> dict[str, str | int]:
    from bids.layout import parse_file_entities  # a third of a second, and most sources have no such names

    found: dict[str, str | int] = parse_file_entities(path)
    return found


def require_paired(path: Path, other: Path, what: str) -> None:
    """Refuse a file beside another whose name says that it is of another subject, session, task, acquisition, direction or run.

    Parameters
    ----------
    path : Path
        Of the responses.
    other : Path
        What belongs to them.
    what : str
        What that is ("events table"), for the message.

    Raises
    ------
    BadDataset
        ``entities``: both names have an entity, with other values.
    """
    one, two = entities_of(path), entities_of(other)
    for name, short in _PAIRED.items():
        if name in one and name in two and one[name] != two[name]:
            raise BadDataset(
                f"the {what} of {path.name!r} would be {other.name!r}, whose {short} is {two[name]}, not {one[name]}.",
                where=str(other),
                mend="Files are matched in order of their names: see which one is missing, too many, or misnamed.",
                code="entities",
            )


def sidecar_of(path: Path, folder: Path) -> Mapping[str, Any]:
    """What JSON beside a file, and in the folders above it up to ``folder``, says of it; the nearest says it last.

    The inheritance principle of BIDS: a sidecar speaks of every file below it that has its suffix and all of its entities.

    Raises
    ------
    BadDataset
        A sidecar that speaks of the file is no JSON object (``sidecar``).
    """
    found: dict[str, Any] = {}
    for file in sidecars_of(path, folder):
        found |= _read(file)
    return found


def sidecars_of(path: Path, folder: Path) -> list[Path]:
    """JSON files that speak of a file (see `sidecar_of`), the nearest last; none is read."""
    mine = entities_of(path)
    above = [path.parent, *path.parent.parents]
    within = above[: above.index(folder) + 1] if folder in above else above[:1]
    found: list[Path] = []
    for place in reversed(within):
        spoken = [(file, _said_by(file)) for file in sorted(place.glob("*.json")) if not file.name.startswith(".")]
        speaking = [(file, said) for file, said in spoken if said and _speaks(said, mine, file, path)]
        # Of several in one folder the one that names more is the nearer.
        found += [file for file, _ in sorted(speaking, key=lambda one: len(one[1]))]
    return found


_NAMED = frozenset(
    {"subject", "session", "task", "acquisition", "run", "space", "desc", "echo", "direction", "suffix"}
)


def _said_by(file: Path) -> dict[str, str | int]:
    # Of the name alone: a folder says of a sidecar where it lies, not what it speaks of.
    return {k: v for k, v in entities_of(Path(file.name)).items() if k in _NAMED}


def _speaks(said: Mapping[str, str | int], mine: Mapping[str, str | int], file: Path, path: Path) -> bool:
    if file.stem == path.name.split(".")[0]:
        return True
    # A name without a suffix of BIDS (``dataset_description``) speaks of nothing.
    return said.get("suffix") == mine.get("suffix") and all(mine.get(k) == v for k, v in said.items())


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadDataset(f"not a BIDS sidecar: {error}.", where=str(file), code="sidecar") from None
    if not isinstance(found, dict):
        raise BadDataset("not a BIDS sidecar: an object is expected.", where=str(file), code="sidecar")
    return found
