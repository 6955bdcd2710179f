"""TextGrid (Praat, forced aligners): words with onset and offset, read by praatio."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from gyral.errors import BadDataset, Unavailable

ENDING = ".textgrid"
# What stands between words: pauses and silence.
SILENCE = frozenset({"", "sp", "sil"})
_TIERS = ("word", "words")
_INTERVALS = "IntervalTier"
_MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff", "utf-8": b"\xef\xbb\xbf"}
# How many intervals or points each tier says that it has, in the long form and in the short one.
_STATED = (
    re.compile(r"^\s*(?:intervals|points) ?: ?size ?= ?(\d+)\s*$", re.MULTILINE),
    re.compile(
        r'^"(?:IntervalTier|TextTier)"\s*\n"(?:[^"]|"")*"\s*\n[^"\n]+\n[^"\n]+\n(\d+)\s*$',
        re.MULTILINE,
    ),
)
_TIER_COUNT = re.compile(r"<exists>\s*(?:size ?= ?)?(\d+)")
_NEGATIVE = re.compile(r"^\s*(?:xmin ?= ?|xmax ?= ?)?-0*\.?0*[1-9]", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """A word (or another label) of a tier; seconds after the start of the file."""

    label: str
    onset: float
    offset: float


def read_tier(path: Path, tier: str | None = None) -> list[Said]:
    """All labels of a tier of intervals that are not empty, in order, stripped of spaces.

    Parameters
    ----------
    path : Path
        Long, short or JSON form; UTF-8 or UTF-16.
    tier : str, optional
        Name of the tier; default: the one called word or words, in capitals or not.

    Raises
    ------
    BadDataset
        Not a TextGrid, cut off, without that tier, or with intervals that overlap, are empty in time or begin before 0
        (``textgrid``).
    Unavailable
        praatio is not installed (``extra-missing``).
    """
    text = _text(path)
    tiers = _parsed(text, path)
    _require_whole(text, tiers, path)
    said = [Said(str(label).strip(), float(a), float(b)) for a, b, label in _chosen(tiers, tier, path)["entries"]]
    _require_in_order(said, path)
    return [s for s in said if s.label]


def read_words(paths: Sequence[Path], tier: str | None = None, silence: Collection[str] = SILENCE) -> pd.DataFrame:
    """A table of words, a file a story: ``id``, ``word``, ``story`` (name of the file), ``onset``, ``offset`` (s).

    Ids are the story and the number of the word in it, from 1: ``pieman-00001``. Labels in ``silence`` are left out,
    whatever their case.

    Raises
    ------
    BadDataset, Unavailable
        As `read_tier`; also where two files are called the same, or one holds no word.
    """
    rows: list[tuple[str, str, str, float, float]] = []
    seen: dict[str, Path] = {}
    for path in paths:
        story = path.stem
        if story in seen:
            raise BadDataset(
                f"{seen[story]} is called the same, and the name of a file is that of its story.",
                where=str(path),
                mend="Give each story a name of its own.",
                code="textgrid",
            )
        seen[story] = path
        words = [s for s in read_tier(path, tier) if s.label.lower() not in silence]
        if not words:
            raise BadDataset("the tier holds no word.", where=str(path), code="textgrid")
        rows += [(f"{story}-{k:05d}", s.label, story, s.onset, s.offset) for k, s in enumerate(words, 1)]
    return pd.DataFrame(rows, columns=["id", "word", "story", "onset", "offset"])


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        coding = next((c for c, mark in _MARKS.items() if data.startswith(mark)), None)
        return (data if coding is None else data[len(_MARKS[coding]) :]).decode(coding or "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataset(
            f"not a TextGrid that can be read: {error}.",
            where=str(path),
            mend="Text files of Praat are read in UTF-8 and UTF-16.",
            code="textgrid",
        ) from None


def _parsed(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        from praatio import textgrid  # an extra: only this format needs it
    except ModuleNotFoundError:
        raise Unavailable(
            "TextGrids need the package 'praatio'.",
            where=str(path),
            mend="pip install 'gyral[textgrid]'",
            code="extra-missing",
        ) from None
    if _NEGATIVE.search(text):  # the package would drop the sign
        raise BadDataset("a time is below 0.", where=str(path), code="textgrid")
    try:
        # without a newline at its end the package passes over the last interval of the short form
        tiers: list[dict[str, Any]] = textgrid.textgrid_io.parseTextgridStr(
            f"{text}\n", includeEmptyIntervals=True
        )["tiers"]
        return [{**tier, "entries": [tuple(entry) for entry in tier["entries"]]} for tier in tiers]
    except Exception as error:  # noqa: BLE001 - the reader of a foreign format raises whatever it likes
        raise BadDataset(
            f"not a TextGrid that can be read: {type(error).__name__}: {error}.", where=str(path), code="textgrid"
        ) from None


def _require_whole(text: str, tiers: Sequence[dict[str, Any]], path: Path) -> None:
    """Refuse a file that ends early: the package reads what is there and says nothing."""
    plain = text.replace("\r\n", "\n")
    stated = next((found for form in _STATED if (found := [int(n) for n in form.findall(plain)])), [])
    told = _TIER_COUNT.search(plain)
    for tier, count in zip(tiers, stated, strict=False):
        if (held := len(tier["entries"])) != count:
            raise BadDataset(
                f"tier {tier['name']!r} has {held} of the {count} intervals that it says: the file seems to be cut off.",
                where=str(path),
                code="textgrid",
            )
    # a file in JSON is whole where it can be parsed, and says no numbers
    whole = min(len(tiers), len(stated))
    if told is not None and whole != int(told[1]):
        raise BadDataset(
            f"{whole} of the {told[1]} tiers that it says: the file seems to be cut off.",
            where=str(path),
            code="textgrid",
        )


def _chosen(tiers: Sequence[dict[str, Any]], name: str | None, path: Path) -> dict[str, Any]:
    names = [str(t["name"]) for t in tiers]
    found = [t for t in tiers if (t["name"].lower() in _TIERS if name is None else t["name"] == name)]
    if len(found) != 1:
        asked = "one called 'word' or 'words'" if name is None else f"one called {name!r}"
        raise BadDataset(
            f"tiers {names!r}; {asked} is expected.",
            where=str(path),
            mend='stimuli.tier names the tier of words: tier = "...".',
            code="textgrid",
        )
    if found[0]["class"] != _INTERVALS:
        raise BadDataset(
            f"tier {found[0]['name']!r} holds points; words have a start and an end, in intervals.",
            where=str(path),
            code="textgrid",
        )
    return found[0]


def _require_in_order(said: Sequence[Said], path: Path) -> None:
    for one in said:
        if not one.onset < one.offset:
            raise BadDataset(
                f"{one.label!r} begins at {one.onset:g} s and ends at {one.offset:g} s.",
                where=str(path),
                code="textgrid",
            )
    for before, after in pairwise(said):
        if after.onset < before.offset:
            raise BadDataset(
                f"{after.label!r} begins at {after.onset:g} s, before {before.label!r} ends at {before.offset:g} s.",
                where=str(path),
                mend="Intervals of a tier follow one another; save the file anew with Praat.",
                code="textgrid",
            )
