"""Narratives (Nastase et al. 2021): stories heard, volumes of fMRIPrep or of the authors' clean series, words timed by gentle."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gyral.datasets.layouts.layout import Draft, Layout, Published, csv, described, relative, spoken
from gyral.datasets.readers.files import numbers, read_table, texts
from gyral.datasets.readers.runs import header_tr
from gyral.datasets.readers.volume import volume_of
from gyral.datasets.source import TODO
from gyral.errors import BadDataset

_WORDS = re.compile(r"(?:^|/)stimuli/gentle/[^/]+/align\.(?:json|csv)$")
# Confounds are regressed out in the authors' own series; they come first.
_SERIES = (
    "derivatives/afni-nosmooth/sub-*/func/sub-*_task-*_space-*_desc-clean_bold.nii.gz",
    "derivatives/afni-smooth/sub-*/func/sub-*_task-*_space-*_desc-clean_bold.nii.gz",
    "derivatives/fmriprep/sub-*/func/sub-*_task-*_space-*_desc-preproc_bold.nii.gz",
)
_RUN = re.compile(r"^(sub-[A-Za-z0-9]+)_task-([A-Za-z0-9]+)(?:_run-([0-9]+))?_space-([A-Za-z0-9]+)_")
_AUDIO = "_audio.wav"
_TR = 1.5
_PUBLISHED = Published(
    name="narratives",
    title="Stories heard, Narratives",
    description="People heard spoken stories; BOLD of voxels in a common space, TR 1.5 s, words with times by forced alignment.",
    citation=(
        'Nastase et al. (2021). The "Narratives" fMRI dataset for evaluating models of naturalistic language comprehension. '
        "Scientific Data 8, 250. doi:10.1038/s41597-021-01033-3"
    ),
    url="https://openneuro.org/datasets/ds002345",
)


@dataclass(frozen=True)
class _Heard:
    """A run of one story; what must be equal in all people is all of it but the file."""

    story: str
    onset: float
    volumes: int
    grid: str
    pattern: str


def draft(folder: Path) -> Draft:
    """A description of the stories and people that leave most volumes, on one grid.

    Raises
    ------
    BadDataset
        No series, no events table, no story that people share, or words that cannot be read (``layout``).
    """
    base = _base(folder)
    files, kind = _series(base)
    left, spaces = Counter[str](), set[str]()
    heard: dict[str, dict[str, _Heard]] = {}
    for path in files:
        found = _RUN.match(path.name)
        if found is None:
            continue
        run = _heard(folder, base, path, left)
        if run is not None and run.story not in heard.setdefault(found[1], {}):  # the first hearing counts
            heard[found[1]][run.story] = run
            spaces.add(found[4])
    if len(spaces) > 1:
        raise BadDataset(
            f"series in {len(spaces)} spaces: {sorted(spaces)!r}; a pack is of one.",
            where=str(base),
            code="layout",
        )
    people, runs = _widest(heard)
    if not runs:
        raise BadDataset("no story was heard by anybody.", where=str(base), mend=_why(left), code="layout")
    trs = {
        round(t, 3)
        for s in people
        for r in runs
        for t in [header_tr(folder / r.pattern.replace("{subject}", s))]
        if t
    }
    if len(trs) > 1:
        raise BadDataset(f"TRs of {sorted(trs)!r} s.", where=str(base), code="layout")
    tr = trs.pop() if trs else _TR
    rows, filled = list[tuple[str, str, float, float]](), 0
    for run in runs:
        said, none = words(base / "stimuli" / "gentle" / run.story)
        filled += none
        rows += [
            (word, run.story, round(run.onset + start, 4), round(run.onset + end, 4))
            for word, start, end in said
            if run.onset + start < tr * run.volumes
        ]
    table, stimuli = spoken(rows)
    tables = [
        table,
        (
            "responses",
            {
                "reader": "images",
                "kind": "fMRI",
                "unit": "z",
                "subjects": people,
                "files": [r.pattern for r in runs],
                "trials": "samples.csv",
                "story": "story",
                "zscore": "file",
                "space": spaces.pop(),
                "mask": _mask(folder, base, people, runs[0]),
            },
        ),
        ("regions", [{"name": "all voxels", "all": True}]),
        ("timeline", {"period": tr}),
    ]
    notes = (
        f"Narratives, series of {kind}. Times are seconds after the first volume: the audio's onset in the events table and gentle's time in it.",
        f"{len(people)} people heard all {len(runs)} stories; {len(heard) - len(people)} people did not, or differ in volumes, onset or grid.",
        f"Left out: {_why(left)} {filled} words that gentle did not find stand evenly between their neighbours.",
        "Further regions: an atlas in the same space and on the same grid (`atlas`, `labels`).",
    )
    others = {
        "stimuli.csv": stimuli,
        "samples.csv": csv("story", [(r.story,) for r in runs for _ in range(r.volumes)]),
    }
    return Draft(described(_PUBLISHED, tables, notes, ordered=True), others)


def words(home: Path) -> tuple[list[tuple[str, float, float]], int]:
    """Words of a story with start and end in its audio, seconds; and how many had no time and were placed evenly.

    Raises
    ------
    BadDataset
        ``align.json`` (or ``align.csv``: word, aligned word, onset, offset) is missing, damaged or without times (``layout``).
    """
    path = next((p for p in (home / "align.json", home / "align.csv") if p.is_file()), home / "align.json")
    try:
        if path.suffix == ".json":
            held = json.loads(path.read_text("utf-8"))["words"]
            found = [(str(w["word"]), float(w.get("start", np.nan)), float(w.get("end", np.nan))) for w in held]
        else:
            cells = [line.rsplit(",", 3) for line in path.read_text("utf-8").splitlines() if line.strip()]
            found = [(w.strip('"'), float(a or "nan"), float(b or "nan")) for w, _, a, b in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadDataset(
            f"no alignment by gentle that can be read: {type(error).__name__}: {error}.",
            where=str(path),
            mend="The folder of a story holds align.json, or align.csv with word, aligned word, onset and offset.",
            code="layout",
        ) from None
    start, end = np.array([a for _, a, _ in found]), np.array([b for *_, b in found])
    known = np.flatnonzero(np.isfinite(start) & np.isfinite(end))
    if not len(known):
        raise BadDataset("no word has a time.", where=str(path), code="layout")
    every = np.arange(len(found))
    start, end = np.interp(every, known, start[known]), np.interp(every, known, end[known])
    timed = [(w, float(a), float(b)) for (w, *_), a, b in zip(found, start, end, strict=True)]
    return timed, len(found) - len(known)


def _base(folder: Path) -> Path:
    """The dataset's root: where ``stimuli/gentle`` lies."""
    found = sorted({p.parents[3] for p in folder.glob("**/stimuli/gentle/*/align.*")})
    if len(found) != 1:
        raise BadDataset(
            f"{len(found)} folders hold stimuli/gentle; one is expected.", where=str(folder), code="layout"
        )
    return found[0]


def _series(base: Path) -> tuple[list[Path], str]:
    for pattern in _SERIES:
        if files := sorted(p for p in base.glob(pattern) if p.is_file()):
            return files, pattern.split("/")[1]
    raise BadDataset(
        "no series of volumes.",
        where=str(base / "derivatives"),
        mend=f"Download {_SERIES[0]}, or those of fmriprep.",
        code="layout",
    )


def _heard(folder: Path, base: Path, path: Path, left: Counter[str]) -> _Heard | None:
    """The story of a run; None (and why, counted) of runs that are not used."""
    found = _RUN.match(path.name)
    if found is None:
        return None
    subject, task, number, _ = found.groups()
    run = f"{subject}_task-{task}" + (f"_run-{number}" if number else "")
    if _is_excluded(base, subject, task, run):
        left["excluded by the authors"] += 1
        return None
    events = base / subject / "func" / f"{run}_events.tsv"
    if not events.is_file():
        raise BadDataset(
            f"no events table of {path.name}.",
            where=str(events),
            mend="Download the events tables of the dataset itself, too: they say when the audio began.",
            code="layout",
        )
    table = read_table(events)
    onset, audio = numbers(table, "onset", events), texts(table, "stim_file", events)
    names = set(audio)
    story = audio[0].removesuffix(_AUDIO)
    if len(names) > 1 or not audio[0].endswith(_AUDIO) or not (base / "stimuli" / "gentle" / story).is_dir():
        left["without one audio that has words"] += 1
        return None
    grid, image = volume_of(path)
    volumes = int(image.shape[3]) if image.ndim == 4 else 1
    pattern = relative(folder, path).replace(subject, "{subject}")
    return _Heard(story, float(onset[0]), volumes, f"{grid.shape} {np.round(grid.affine, 3).tolist()}", pattern)


def _is_excluded(base: Path, subject: str, task: str, run: str) -> bool:
    """Whether the authors' list of scans to leave out, where it is here, names a run."""
    path = base / "code" / "scan_exclude.json"
    try:
        named = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        return run in named.get(task, {}).get(subject, ())
    except (ValueError, AttributeError, TypeError) as error:
        raise BadDataset(f"not the authors' list of scans: {error}.", where=str(path), code="layout") from None


def _widest(heard: Mapping[str, Mapping[str, _Heard]]) -> tuple[list[str], list[_Heard]]:
    """People and runs with most volumes in all, where everybody has every run and all stand on one grid."""
    wanted = {story for own in heard.values() for story in own}
    usual = {s: Counter(own[s] for own in heard.values() if s in own).most_common(1)[0][0] for s in wanted}
    alike = {p: {s for s, run in own.items() if run == usual[s]} for p, own in heard.items()}
    best: tuple[int, list[str], list[_Heard]] = (0, [], [])
    for grid in sorted({run.grid for run in usual.values()}):
        sets = {p: frozenset(s for s in own if usual[s].grid == grid) for p, own in alike.items()}
        for stories in sorted(set(sets.values()), key=sorted):
            people = sorted(p for p, own in sets.items() if own >= stories)
            runs = [usual[s] for s in sorted(stories)]
            best = max(best, (len(people) * sum(r.volumes for r in runs), people, runs), key=lambda b: b[0])
    return best[1], best[2]


def _mask(folder: Path, base: Path, people: list[str], run: _Heard) -> str:
    """The authors' mask of the task, which makes units the same in all people; else fMRIPrep's of the first story's run."""
    name = re.sub(r"_desc-[a-z]+_bold\.nii\.gz$", "_desc-brain_mask.nii.gz", Path(run.pattern).name)
    task, space = re.findall(r"_task-([A-Za-z0-9]+)", name)[0], re.findall(r"_space-([A-Za-z0-9]+)", name)[0]
    shared = (
        base / "derivatives" / "afni-nosmooth" / f"tpl-{space}" / f"tpl-{space}_res-{task}_desc-brain_mask.nii.gz"
    )
    if shared.is_file():
        return relative(folder, shared)
    own = relative(folder, base / "derivatives" / "fmriprep" / "{subject}" / "func" / name)
    return own if all((folder / own.replace("{subject}", p)).is_file() for p in people) else TODO


def _why(left: Mapping[str, int]) -> str:
    return ", ".join(f"{n} runs {why}" for why, n in sorted(left.items())) + "." if left else "no run."


LAYOUT = Layout("Narratives", lambda name: _WORDS.search(name) is not None, draft)
