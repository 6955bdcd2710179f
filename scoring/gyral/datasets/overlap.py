"""Overlap: look for a dataset's stimuli in a folder of training data.

Images and sounds are compared by `gyral.datasets.near`. Texts are looked for as passages: a stimulus is there if `SHARE` of its
runs of `RUN` words (all of its words, where it has fewer) occur in one file, in the normalised form of
`gyral.datasets.near` (runs of 8 words, .7 of them: Chowdhery et al. 2023, PaLM, section 8). Stimuli of fewer than
`FEWEST` words are not looked for: any large text holds them.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gyral.datasets.near import Prints, near_pairs, normalised_text, prints_of
from gyral.datasets.sound import ENDINGS
from gyral.datasets.stimulus import StimulusSet
from gyral.errors import BadDataset
from gyral.progress import Progress, silent

RUN = 8
SHARE = 0.7
FEWEST = 4

_IMAGES = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
_SOUNDS = frozenset(ENDINGS)
_TEXTS = frozenset((".csv", ".jsonl", ".md", ".tsv", ".txt"))
_BATCH = 1024  # images or sounds held at once
_BLOCK = 1 << 20  # characters read at once


@dataclass(frozen=True)
class Hit:
    """A stimulus that was found.

    Parameters
    ----------
    stimulus : str
        Its id.
    file : str
        Where, relative to the folder.
    likeness : float
        1 for the same bytes; correlation of thumbnails (images) or levels (sounds), share of its runs of words (texts).
    exact : bool
        The same bytes (images, sounds), every run of words (texts).
    """

    stimulus: str
    file: str
    likeness: float
    exact: bool


@dataclass(frozen=True)
class Search:
    """What was looked at, and what was found.

    Parameters
    ----------
    stimuli, compared : int
        Stimuli, and those that could be looked for.
    files : int
        Files that were read.
    passed_over : dict of suffix to int
        Files of kinds that are not read, and files that could not be ("unreadable").
    hits : tuple of Hit
        By stimulus, then file.
    """

    stimuli: int
    compared: int
    files: int
    passed_over: dict[str, int]
    hits: tuple[Hit, ...]

    @property
    def found(self) -> int:
        """Stimuli found at least once."""
        return len({hit.stimulus for hit in self.hits})


def search_folder(stimuli: StimulusSet, folder: Path, *, progress: Progress = silent) -> Search:
    """Look for every stimulus in every image (sound, text) below ``folder``.

    Parameters
    ----------
    stimuli : StimulusSet
    folder : Path
        Image files, sounds, or ``.txt``, ``.md``, ``.csv``, ``.tsv`` and ``.jsonl`` (a "text" each line); links to folders are not followed.
    progress : Progress
        Told of files.

    Raises
    ------
    BadDataset
        No such folder, no file in it that can be compared (``overlap-nothing``), or stimuli without content.
    """
    if not folder.is_dir():
        raise BadDataset("there is no such folder.", where=str(folder), code="missing")
    wanted = {"image": _IMAGES, "sound": _SOUNDS}.get(stimuli.modality, _TEXTS)
    every = sorted(p for p in folder.rglob("*") if p.is_file())
    files = [p for p in every if p.suffix.lower() in wanted]
    passed = Counter(p.suffix.lower() or "no suffix" for p in every if p.suffix.lower() not in wanted)
    if not files:
        raise BadDataset(
            f"no file in it can be compared with {stimuli.modality} stimuli.",
            where=str(folder),
            mend=f"Files of these kinds are read: {', '.join(sorted(wanted))}.",
            code="overlap-nothing",
        )
    if stimuli.modality in ("image", "sound"):
        hits, compared = list(_in_files(stimuli, files, folder, passed, progress)), len(stimuli)
    else:
        passages = _passages(prints_of(stimuli))
        hits = list(_in_texts(stimuli.ids, passages, files, folder, passed, progress))
        compared = len(passages)
    order = {name: row for row, name in enumerate(stimuli.ids)}
    hits.sort(key=lambda hit: (order[hit.stimulus], hit.file))
    return Search(len(stimuli), compared, len(files) - passed["unreadable"], dict(+passed), tuple(hits))


def _in_files(
    stimuli: StimulusSet, files: list[Path], folder: Path, passed: Counter[str], progress: Progress
) -> Iterator[Hit]:
    known = prints_of(stimuli)
    modality: Literal["image", "sound"] = "sound" if stimuli.modality == "sound" else "image"
    for start in range(0, len(files), _BATCH):
        progress("look at files", start, len(files))
        names, parts = [], []
        for file in files[start : start + _BATCH]:
            try:
                parts.append(prints_of(StimulusSet.from_files([file], modality=modality)))
            except BadDataset:
                passed["unreadable"] += 1
            else:
                names.append(file.relative_to(folder).as_posix())
        if parts:
            for pair in near_pairs(known, Prints.joined(parts)):
                yield Hit(stimuli.ids[pair.first], names[pair.second], pair.likeness, pair.exact)
    progress("look at files", len(files), len(files))


def _in_texts(
    ids: tuple[str, ...],
    passages: dict[int, set[str]],
    files: list[Path],
    folder: Path,
    passed: Counter[str],
    progress: Progress,
) -> Iterator[Hit]:
    owners: dict[str, list[int]] = {}
    for item, runs in passages.items():
        for run in runs:
            owners.setdefault(run, []).append(item)
    lengths = sorted({run.count(" ") + 1 for run in owners})
    for n, file in enumerate(files):
        progress("look at files", n, len(files))
        seen: dict[int, set[str]] = {}
        try:
            for run in _runs(_words(file), lengths):
                for item in owners.get(run, ()):
                    seen.setdefault(item, set()).add(run)
        except (OSError, ValueError):
            passed["unreadable"] += 1
            continue
        for item, runs in seen.items():
            share = len(runs) / len(passages[item])
            if share >= SHARE:
                yield Hit(ids[item], file.relative_to(folder).as_posix(), share, share == 1)
    progress("look at files", len(files), len(files))


def _passages(prints: Prints) -> dict[int, set[str]]:
    """Runs of words of every stimulus that is long enough."""
    found = {}
    for item, text in enumerate(prints.texts or ()):
        words = text.split()
        if len(words) >= FEWEST:
            length = min(RUN, len(words))
            found[item] = {" ".join(words[i : i + length]) for i in range(len(words) - length + 1)}
    return found


def _runs(words: Iterable[list[str]], lengths: list[int]) -> Iterator[str]:
    """Runs of these lengths in a text that comes in blocks of words, each run once a place."""
    longest = max(lengths, default=1)
    tail: list[str] = []
    for block in words:
        # Of the tail only runs that reach into the block are new.
        joined, old = tail + block, len(tail)
        for length in lengths:
            for start in range(max(0, old - length + 1), len(joined) - length + 1):
                yield " ".join(joined[start : start + length])
        tail = joined[max(0, len(joined) - longest + 1) :]


def _words(file: Path) -> Iterator[list[str]]:
    """Normalised words of a file, block by block; a word is never cut in two."""
    rest = ""
    for text in _texts(file):
        head, space, tail = (rest + text).rpartition(" ") if text[-1:] != " " else (rest + text, "", "")
        if not space and text[-1:] != " ":
            rest += text
            continue
        rest = tail
        yield normalised_text(head).split()
    yield normalised_text(rest).split()


def _texts(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as stream:
        if file.suffix.lower() != ".jsonl":
            while block := stream.read(_BLOCK):
                yield block.replace("\n", " ")
            return
        for line in stream:
            fields = json.loads(line) if line.strip() else ""
            text = fields.get("text", "") if isinstance(fields, dict) else fields
            yield f"{text} "
