"""Draft tables: which of a folder's tables hold stimuli, which hold responses, and whose."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gyral.datasets.layouts.layout import IMAGES
from gyral.datasets.manifest import is_safe_name
from gyral.datasets.readers.files import column, read_table, texts
from gyral.datasets.sound import ENDINGS
from gyral.datasets.source_look import Look
from gyral.errors import UserError

TRIALS = ("stimulus", "stimulus_id", "image", "stim_file", "item_id", "id", "trial_type")
_IDS = ("stimulus_id", "id", "item_id", "stimulus", "image_id", "name")
_TEXTS = ("sentence", "text", "caption", "word")
_GROUPS = ("group", "story", "passage", "run", "session", "block")
_PEOPLE = ("subject", "subject_id", "participant", "participant_id", "sub", "person", "animal")
# Numbers that are no responses.
_COUNTS = (
    *_PEOPLE,
    *_GROUPS,
    "trial",
    "trial_id",
    "repeat",
    "repetition",
    "presentation",
    "onset",
    "duration",
    "index",
)
# Confounds as fMRIPrep calls them, and where and how large stimuli were.
_NO_UNIT = re.compile(
    r"(trans|rot)_[xyz].*|framewise_displacement|(std_)?dvars|csf|white_matter|global_signal|"
    r"(x|y|width|height|degrees|size)(_deg|_px)?"
)


@dataclass(frozen=True)
class ResponseTables:
    """Tables with a row a trial and a column a unit.

    Parameters
    ----------
    paths : tuple of str
        One a subject, or one in all.
    stimulus : str
        Column that names the stimulus.
    subjects : tuple of str
        Empty where nothing names them.
    files : str
        Pattern with ``{subject}``, or the one path; empty where ``paths`` follow none.
    units : tuple of str
        Columns to name; empty where all columns of numbers are units.
    renamed : str
        Column of several subjects in one file, which is read once it is called ``subject``; empty where it is.
    """

    paths: tuple[str, ...]
    stimulus: str
    subjects: tuple[str, ...]
    files: str
    units: tuple[str, ...]
    renamed: str = ""


def columns_of(path: Path) -> list[str]:
    """Names of a table's columns; none where it cannot be read: the build says why."""
    try:
        return [str(c) for c in read_table(path)]
    except UserError:
        return []


def stimulus_table(folder: Path, seen: Look) -> tuple[str, str, str, str, str | None] | None:
    """Path, id column, ``file`` or ``text``, its column, and the group column of the likeliest stimulus table."""
    for path in seen.files.get("table", []):
        names = columns_of(folder / path)
        ids = next((c for c in _IDS if c in names), None)
        if ids is None or "trial" in path.lower():
            continue
        table = read_table(folder / path)
        group = next((c for c in _GROUPS if c in names and c != ids), None)
        for name in names:
            named = [v.lower() for v in texts(table, name, path)[:20]]
            if named and (all(v.endswith(IMAGES) for v in named) or all(v.endswith(ENDINGS) for v in named)):
                return path, ids, "file", name, group
        text = next((c for c in _TEXTS if c in names), None)
        if text is not None:
            return path, ids, "text", text, group
    return None


def kind_of_files(folder: Path, path: str, name: str) -> str:
    """``image`` or ``sound``: what the files are that a table's column names."""
    return "sound" if texts(read_table(folder / path), name, path)[0].lower().endswith(ENDINGS) else "image"


def file_folder(folder: Path, seen: Look, path: str, name: str) -> str:
    """The folder that paths of files in a table's column are relative to; "" for the dataset's own, or where none fits."""
    named = texts(read_table(folder / path), name, path)[0]
    if named in (files := [*seen.files.get("image", []), *seen.files.get("sound", [])]):
        return ""
    return next((file.removesuffix(f"/{named}") for file in files if file.endswith(f"/{named}")), "")


def response_tables(folder: Path, seen: Look) -> ResponseTables | None:
    """The tables with most columns of numbers, and all that have the same columns."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for path in seen.files.get("table", []):
        alike.setdefault(tuple(columns_of(folder / path)), []).append(path)
    best: tuple[int, tuple[str, ...], tuple[str, ...]] | None = None
    for names, same in alike.items():
        if not any(c in names for c in TRIALS):
            continue
        table = read_table(folder / same[0])
        numbers = [c for c in names if c not in TRIALS and column(table, c, same[0]).dtype.kind in "fiu"]
        units = tuple(c for c in numbers if c.lower() not in _COUNTS and not _NO_UNIT.fullmatch(c.lower()))
        if units and (best is None or len(units) > best[0]):
            best = (len(units), names, units if len(units) < len(numbers) else ())
    if best is None:
        return None
    _, names, units = best
    stimulus = next(c for c in TRIALS if c in names)
    paths = tuple(alike[names])
    if len(paths) > 1:
        subjects, files = _told_apart(paths, seen.subjects)
        return ResponseTables(paths, stimulus, subjects, files, units)
    own, people = _people(folder / paths[0], names)
    subjects = people or tuple(s for s in seen.subjects if s in paths[0])
    renamed = own if len(people) > 1 and own != "subject" else ""
    return ResponseTables(paths, stimulus, subjects, paths[0], units, renamed)


def _told_apart(paths: Sequence[str], known: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Subjects in the names of several files, and the pattern; nothing where more than one word of the names differs."""
    parted = [re.split(r"([/_.])", path) for path in paths]
    if len({len(words) for words in parted}) != 1:
        return (), ""
    differing = [k for k, at in enumerate(zip(*parted, strict=True)) if len(set(at)) > 1]
    # a subject may stand in the folder's name and in the file's
    named = [tuple(words[k] for k in differing) for words in parted]
    subjects = tuple(own[0] for own in named)
    if any(len(set(own)) > 1 for own in named) or not all(is_safe_name(s) for s in subjects):
        return (), ""
    if known and not set(subjects) <= set(known):
        return (), ""
    return subjects, "".join("{subject}" if k in differing else word for k, word in enumerate(parted[0]))


def _people(path: Path, names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The column that says whose a row is, and who is named in it; empty where there is none."""
    own = next((c for c in names if c.lower() in _PEOPLE), None)
    if own is None:
        return "", ()
    found = tuple(dict.fromkeys(texts(read_table(path), own, path.name)))
    return (own, found) if all(is_safe_name(s) for s in found) else ("", ())
