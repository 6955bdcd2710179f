"""Layout: how a published dataset lies on the disk, and the description that reads it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from gyral.datasets.source import TODO
from gyral.errors import BadDataset

IMAGES = (".png", ".jpg", ".jpeg")  # how names of stimuli end that are pictures


@dataclass(frozen=True)
class Draft:
    """Text of a ``dataset.toml``, and other files it speaks of that are not there yet, by name."""

    text: str
    others: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """A published dataset.

    Parameters
    ----------
    name : str
        As `gyral data init` says it.
    tell : callable
        ``tell(name)`` is True for files (relative paths) that only this dataset has.
    draft : callable
        ``draft(folder)`` reads headers and tables, and writes the description.
    """

    name: str
    tell: Callable[[str], bool]
    draft: Callable[[Path], Draft]


@dataclass(frozen=True)
class Published:
    """What a page and a citation need, as far as it stands in the sources that the layout was written from."""

    name: str
    title: str
    description: str
    citation: str
    url: str
    licence: str = TODO


def described(
    told: Published, tables: Sequence[tuple[str, object]], notes: Sequence[str], *, ordered: bool = False
) -> str:
    """Text of a ``dataset.toml``: notes as comments, ``[about]``, then the tables.

    Parameters
    ----------
    told : Published
    tables : sequence of (name, fields)
        A dictionary is a table, a list of them an array of tables.
    notes : sequence of str
        One line each.
    ordered : bool
        Whether rows are in the order of measurement (samples in time).
    """
    about = {
        "name": told.name,
        "title": told.title,
        "description": told.description,
        "version": "0",
        "licence": told.licence,
        "citation": told.citation,
        "url": told.url,
        "species": "human",
        "display": "none",
        "ordered": ordered,
    }
    # One document: a short array of tables is written inline, and would otherwise fall into the table before it.
    whole = tomli_w.dumps({"source": 1, "about": about, **dict(tables)})
    return "\n".join([*(f"# {line}" for line in notes), "", whole])


def csv(header: str, rows: Sequence[Sequence[object]]) -> str:
    """A table as text; cells that hold commas or quotes are quoted."""
    lines = [header]
    for row in rows:
        cells = [str(c) for c in row]
        lines.append(",".join('"' + c.replace('"', '""') + '"' if set(c) & set(',"\n') else c for c in cells))
    return "\n".join([*lines, ""])


def spoken(words: Sequence[tuple[str, str, float, float]]) -> tuple[tuple[str, dict[str, str]], str]:
    """Table ``stimuli`` of words in stories, and its file ``stimuli.csv``, from (word, story, onset, offset) in order."""
    count: Counter[str] = Counter()
    rows = []
    for word, story, onset, offset in words:
        count[story] += 1
        rows.append((f"{story}-{count[story]:05d}", word, story, onset, offset))
    columns = {"text": "word", "group": "story", "onset": "onset", "offset": "offset"}
    table = ("stimuli", {"modality": "text", "table": "stimuli.csv", **columns})
    return table, csv("id,word,story,onset,offset", rows)


def relative(folder: Path, path: Path) -> str:
    """Path below the folder, as descriptions write it."""
    return path.relative_to(folder).as_posix()


def the_folder(folder: Path, pattern: str, what: str) -> Path:
    """The one place that matches.

    Raises
    ------
    BadDataset
        None or several do (``layout``).
    """
    found = sorted(p for p in folder.glob(pattern) if not any(s.startswith(".") for s in p.parts))
    if len(found) != 1:
        raise BadDataset(
            f"{len(found) or 'no'} {what} ({pattern}); one is expected.",
            where=str(folder),
            mend="docs/published.md lists the files of each dataset and where they go.",
            code="layout",
        )
    return found[0]
