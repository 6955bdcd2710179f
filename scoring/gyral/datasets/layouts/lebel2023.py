"""Stories of LeBel et al. (2023): a series of voxels in HDF5 a story and subject, words in TextGrids."""

import re
from pathlib import Path

import numpy as np

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative, spoken
from gyral.datasets.readers.hdf5 import opened, variable
from gyral.datasets.readers.textgrid import read_tier
from gyral.errors import BadDataset

_FILE = re.compile(r"(?:^|/)(UTS\d+)/[^/]+\.hf5$")
# What stands in the word tier and is no word: borders of sentences, breaths, sounds of lips, laughter, noise, silence.
_NO_WORDS = frozenset({"sentence_start", "sentence_end", "br", "lg", "ls", "ns", "sp"})
_TR = 2.0
_FIRST = 10.0  # seconds after the start of the sound that the first sample of a file was taken at
_PUBLISHED = Published(
    name="lebel2023",
    title="Stories heard, LeBel et al. 2023",
    description="People heard stories told on a stage; BOLD of every voxel in their own space, TR 2 s, words with times.",
    citation=(
        "LeBel et al. (2023). A natural language fMRI dataset for voxelwise encoding models. Scientific Data 10. "
        "doi:10.1038/s41597-023-02437-z"
    ),
    url="https://openneuro.org/datasets/ds003020",
)
_NOTES = (
    "LeBel et al. 2023. Files begin 10 s after the sound does and end before it (samples are cut off there), by the authors'",
    "encoding code. Words after the last sample are left out of stimuli.csv.",
    "Stories are those that all subjects heard. `start` is the time of the first sample; the authors place words at the middle of a TR.",
)


def draft(folder: Path) -> Draft:
    """A description of the stories that all subjects found have, with their words.

    Raises
    ------
    BadDataset
        No story is common, a TextGrid is missing or not one, or subjects have other numbers of samples (``layout``).
    """
    homes = sorted({p.parent for p in folder.glob("**/UTS*/*.hf5")})
    grids = {p.stem: p for p in folder.glob("**/*.TextGrid")}
    common = set.intersection(*({p.stem for p in h.glob("*.hf5")} for h in homes))
    if not common:
        raise BadDataset("no story was heard by all subjects.", where=str(folder), code="layout")
    if missing := sorted(common - set(grids)):
        raise BadDataset(
            f"{len(missing)} stories have no TextGrid, {missing[0]!r} first.", where=str(folder), code="layout"
        )
    stories = sorted(common)
    rows, keys = dict[str, int](), set[str]()
    for home in homes:
        for story in stories:
            count, key = _series(home / f"{story}.hf5")
            keys.add(key)
            if rows.setdefault(story, count) != count:
                raise BadDataset(
                    f"{count} samples; {homes[0].name} has {rows[story]} of this story.",
                    where=str(home / f"{story}.hf5"),
                    code="layout",
                )
    if len(keys) > 1:
        raise BadDataset(f"variables are called {sorted(keys)!r} in turn.", where=str(folder), code="layout")
    said = [
        (w, s, a, b)
        for s in stories
        for w, a, b in words(grids[s])
        if a < _FIRST + _TR * rows[s]  # the ends of stories are cut off, too
    ]
    base = relative(folder, homes[0].parent / "{subject}") if homes[0].parent != folder else "{subject}"
    table, stimuli = spoken(said)
    tables = [
        table,
        (
            "responses",
            {
                "reader": "array",
                "kind": "fMRI",
                "unit": "z",
                "subjects": [h.name for h in homes],
                "files": [f"{base}/{s}.hf5" for s in stories],
                "key": keys.pop(),
                "trials": "samples.csv",
                "story": "story",
            },
        ),
        ("regions", [{"name": "all voxels", "all": True}]),
        ("timeline", {"period": _TR, "start": _FIRST}),
    ]
    others = {
        "stimuli.csv": stimuli,
        "samples.csv": csv("story", [(s,) for s in stories for _ in range(rows[s])]),
    }
    return Draft(described(_PUBLISHED, tables, _NOTES, ordered=True), others)


def words(path: Path) -> list[tuple[str, float, float]]:
    """Words of a TextGrid in lower case with start and end in seconds, in order; what is no word is passed over.

    Raises
    ------
    BadDataset, Unavailable
        As `gyral.datasets.readers.textgrid.read_tier`.
    """
    said = [(s, s.label.lower()) for s in read_tier(path)]
    return [(word, s.onset, s.offset) for s, word in said if word.strip("{}").strip() not in _NO_WORDS]


def _series(path: Path) -> tuple[int, str]:
    """Samples of a story, and the name of the one variable in its file."""
    with opened(path) as file:
        held = variable(file, "", path, 2)
        if not np.prod(held.shape):
            raise BadDataset(f"shape {held.shape!r}.", where=str(path), code="layout")
        return int(held.shape[0]), str(held.name).strip("/")


LAYOUT = Layout("LeBel/Huth stories", lambda name: _FILE.search(name) is not None, draft)
