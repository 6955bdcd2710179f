"""Draft series: which of a folder's runs belong together (tree, space, task ...), and the one group that is drafted."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gyral.datasets.readers.entities import entities_of

# What is another version of the same run, or another experiment: never side by side under one pattern.
_APART = ("space", "desc", "task", "res", "acquisition", "reconstruction", "echo", "part")
_PAIRED = ("subject", "session", "task", "run")
_ENDINGS = {"epo": "epochs", "epochs": "epochs", "ave": "averages", "evoked": "averages"}
_NOT_VOLUMES = (".gii", ".dtseries.nii")  # other files of the same series: its vertices
_NO_TASK = ("rest", "restingstate")


@dataclass(frozen=True)
class Group:
    """Runs of one kind.

    Parameters
    ----------
    paths : tuple of str
    tree : str
        Folder above those of subjects, "" for the dataset's own.
    told : dict of str to str
        What names of all of them say (``space``, ``task`` ...).
    """

    paths: tuple[str, ...]
    tree: str
    told: dict[str, str]

    @property
    def derived(self) -> bool:
        """True for what a program made of raw series."""
        return "derivatives" in self.tree.split("/") or bool({"space", "desc", "kind"} & set(self.told))

    def says(self) -> str:
        """The group in words: ``derivatives/fmriprep, space-T1w, task-faces, 4 files``."""
        named = [f"{k}-{v}" for k, v in self.told.items()]
        return ", ".join([self.tree or ("derived" if self.derived else "raw"), *named, f"{len(self.paths)} files"])


def groups_of(paths: Sequence[str], events: Sequence[str] = ()) -> list[Group]:
    """Groups of runs, the one to draft first.

    Derivatives stand before raw series, volumes before surfaces, preprocessed before other ones, a task that has events before
    one that has none and before rest, a standard space before a person's own; else the group of most files.
    """
    found: dict[tuple[tuple[str, str], ...], list[str]] = defaultdict(list)
    for path in paths:
        told = entities_of(Path(path))
        key = {"tree": tree_of(path)} | {k: str(told[k]) for k in _APART if k in told}
        if kind := _ENDINGS.get(PurePosixPath(path).name.split(".")[0].rpartition("_")[2].rpartition("-")[2]):
            key["kind"] = kind
        if (ending := str(told.get("extension", ""))).endswith(_NOT_VOLUMES):
            key["extension"] = ending
        found[tuple(key.items())].append(path)
    groups = [Group(tuple(own), dict(key)["tree"], dict(key[1:])) for key, own in found.items()]
    shown = {entities_of(Path(e)).get("task") for e in events}
    return sorted(groups, key=lambda group: _rank(group, shown))


def tree_of(path: str) -> str:
    """The folder above the subject's (``derivatives/fmriprep``); "" where there is none."""
    parts = PurePosixPath(path).parts[:-1]
    return "/".join(parts[: next((i for i, p in enumerate(parts) if p.startswith("sub-")), 0)])


def beside(group: Group, paths: Sequence[str]) -> list[str]:
    """Files about runs of the group (events, confounds), of one tree: its own if any are."""
    fitting = fitting_of(group, paths)
    trees = sorted({tree_of(p) for p in fitting}, key=lambda tree: (tree != group.tree, tree))
    return [p for p in fitting if tree_of(p) == trees[0]]


def fitting_of(group: Group, paths: Sequence[str], same: Sequence[str] = ()) -> list[str]:
    """Files whose subject, session, task and run, as far as they name them, are those of a run of the group.

    Parameters
    ----------
    group : Group
    paths : sequence of str
    same : sequence of str
        Further entities that must agree where a file has them (``space``, ``res`` of masks).
    """
    runs = [entities_of(Path(p)) for p in group.paths]
    known: dict[tuple[str, ...], set[tuple[str | int | None, ...]]] = {}
    fitting = []
    for path in paths:
        told = entities_of(Path(path))
        named = tuple(k for k in (*_PAIRED, *same) if k in told)
        # A file that names no run (a mask, events of the whole task) is about all of them.
        if named not in known:
            known[named] = {tuple(run.get(k) for k in named) for run in runs}
        if tuple(told[k] for k in named) in known[named]:
            fitting.append(path)
    return fitting


def _rank(group: Group, shown: set[str | int | None]) -> tuple[bool | int | str, ...]:
    space, task = group.told.get("space", ""), group.told.get("task")
    standard = 0 if space.startswith("MNI") else 1 if space not in ("", "T1w", "T2w") else 2 if space else 3
    return (
        not group.derived,
        "extension" in group.told,
        group.told.get("desc", "preproc") != "preproc",
        group.told.get("kind") == "averages",
        bool(shown) and task not in shown,
        (task or "").lower() in _NO_TASK,
        standard,
        task or "",
        -len(group.paths),
        str(sorted(group.told.items())),
    )
