"""Decode: which category was shown, from the responses of a dataset alone; a property of the data, not of a model.

Each run (group) is held out in turn. The report is kept in the cache and shown on the dataset's page.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from gyral import __version__
from gyral.datasets.dataset import Dataset
from gyral.datasets.folder import whole_folder
from gyral.datasets.region import Region
from gyral.decoding._few_units import FewUnits, are_few
from gyral.decoding.accuracy import auc, over_folds
from gyral.decoding.category import PERMUTATIONS, decode, permuted_within
from gyral.decoding.labels import Labels, folds_of
from gyral.decoding.lda import cross_decisions
from gyral.decoding.report import ALL, Curve, Decoding, Number, Result, number_or_none
from gyral.errors import BadDataset, UnknownName, UserError
from gyral.hashing import hash_json
from gyral.places import cache
from gyral.progress import Progress, silent
from gyral.provenance import code_hash
from gyral.room import make_room, touch
from gyral.threads import few_threads

# The first is the one whose pairs are decoded, too.
DEFAULT = ("lda", "svc", "centroid")
LABELS, PEOPLE = "category", "person"
_FILE = "decoding.json"


def can_decode(dataset: Dataset) -> bool:
    """True for responses to labelled stimuli in runs."""
    return (
        dataset.responses is not None and LABELS in dataset.stimuli.columns and dataset.stimuli.groups is not None
    )


def decode_dataset(
    dataset: Dataset,
    *,
    regions: Sequence[str] = (),
    classifiers: Sequence[str] = DEFAULT,
    labels: str = LABELS,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    progress: Progress = silent,
) -> Decoding:
    """Decode the categories of a dataset, its runs held out one at a time; the report is kept in the cache.

    Parameters
    ----------
    dataset : Dataset
        With responses, and a group (run) for each stimulus.
    regions : sequence of str
        Default: all.
    classifiers : sequence of str
        Names of `gyral.decoding.classifiers.CLASSIFIERS`; pairs of classes are decoded by the first.
    labels : str
        Column of the stimuli.
    permutations, seed : int
    progress : Progress

    Raises
    ------
    BadDataset
        No responses, no runs, or no such column (``no-labels``).
    UnknownName
        No such region or classifier.
    BadArrays
        As `gyral.decoding.category.decode`.
    """
    where = f"dataset {dataset.name!r}"
    if dataset.responses is None:
        raise BadDataset(
            "there are no responses to decode, only RDMs or choices.", where=where, code="no-responses"
        )
    if dataset.stimuli.groups is None or dataset.timeline is not None:
        raise BadDataset(
            "decoding holds runs out whole, and this dataset does not say which stimuli belong to one run.",
            where=where,
            mend="Add a group to each stimulus.",
            code="no-groups",
        )
    if labels not in dataset.stimuli.columns:
        raise BadDataset(
            f"the stimuli have no column {labels!r}; they have {sorted(dataset.stimuli.columns)!r}.",
            where=where,
            mend="Name the column of classes with --labels.",
            code="no-labels",
        )
    chosen = [dataset.region(name) for name in regions] or list(dataset.regions)
    by = {"decoding": code_hash("decoding"), "gyral": __version__}
    facts = [dataset.content_hash, [r.name for r in chosen], list(classifiers), labels, permutations, seed]
    folder = cache() / "decodings" / hash_json([by, facts])[:32]
    if dataset.content_hash:
        with suppress(FileNotFoundError, ValidationError):
            report = Decoding.model_validate_json((folder / _FILE).read_text("utf-8"))
            touch(folder)
            return report
    values = dataset.responses.stacked()
    given = dataset.stimuli.columns[labels]
    left_out: list[str] = []
    results: list[Result] = []
    for person, rows in _people(dataset):
        for region in chosen:
            for n, classifier in enumerate(classifiers):
                try:
                    with few_threads(len(rows)):
                        made = _result(
                            dataset, values, given, region, person, rows, classifier,
                            first=n == 0, permutations=permutations, seed=seed, progress=progress,
                        )  # fmt: skip
                    results.append(made)
                except UnknownName:
                    raise
                except UserError as error:
                    if person == ALL:
                        raise
                    left_out.append(f"{person}: {error}")
                    break
            else:
                continue
            break
    report = Decoding(
        dataset=dataset.name,
        title=dataset.about.title,
        content_hash=dataset.content_hash,
        simulated=dataset.about.simulated,
        labels=labels,
        classes=Labels.of(given, where=f"{where}: {labels}").classes,
        permutations=permutations,
        seed=seed,
        results=tuple(results),
        left_out=tuple(left_out),
        made_by=f"gyral {__version__}",
    )
    if dataset.content_hash:
        with whole_folder(folder) as scratch:
            (scratch / _FILE).write_text(report.model_dump_json(indent=1), "utf-8")
        make_room(keep=folder)
    return report


def _people(dataset: Dataset) -> list[tuple[str, NDArray[np.int64]]]:
    """Everybody, then each person where rows are of several."""
    every = np.arange(len(dataset.stimuli))
    people = dataset.stimuli.columns.get(PEOPLE)
    if people is None:
        return [(ALL, every)]
    names = list(dict.fromkeys(str(p) for p in people))
    return [(ALL, every), *((name, np.flatnonzero(np.asarray(people).astype(str) == name)) for name in names)]


def _result(
    dataset: Dataset,
    values: NDArray[np.floating[Any]],
    given: NDArray[Any],
    region: Region,
    person: str,
    rows: NDArray[np.int64],
    classifier: str,
    *,
    first: bool,
    permutations: int,
    seed: int,
    progress: Progress,
) -> Result:
    x, y = values[np.ix_(rows, region.units)], given[rows]
    groups = np.asarray(dataset.stimuli.groups)[rows]
    found = decode(
        x,
        y,
        groups,
        classifier=classifier,
        pairwise=first,
        permutations=permutations,
        seed=seed,
        progress=progress,
    )
    several = first or len(found.labels.classes) == 2
    curve = None
    if first and dataset.time is not None and len(found.labels.classes) == 2:
        curve = _curve(dataset, values[rows], y, groups, region, permutations, seed)
    # In the order of all classes, whichever a person saw first.
    names = Labels.of(given).classes
    order = [found.labels.classes.index(name) for name in names if name in found.labels.classes]
    return Result(
        region=region.name,
        person=person,
        classifier=classifier,
        samples=len(rows),
        runs=len(found.folds),
        units=len(region.units),
        accuracy=Number.of(found.accuracy),
        balanced=Number.of(found.balanced_accuracy),
        pairwise=Number.of(found.pairwise_accuracy) if several else None,
        pairwise_auc=Number.of(found.pairwise_auc) if several else None,
        pairs=_matrix(found.pair_accuracy, order) if first else (),
        pairs_p=_matrix(found.pair_p, order) if first else (),
        curve=curve,
    )


def _curve(
    dataset: Dataset,
    values: NDArray[np.floating[Any]],
    given: NDArray[Any],
    groups: NDArray[Any],
    region: Region,
    permutations: int,
    seed: int,
) -> Curve:
    """All times of the sensors of a region, its window or not."""
    sensors = list(dict.fromkeys(dataset.units["sensor"].to_numpy()[region.units].tolist()))
    table = dataset.units
    columns = [np.flatnonzero((table["sensor"] == s).to_numpy()) for s in sensors]
    x = np.stack([values[:, c] for c in columns], axis=1)  # samples x sensors x times
    times = table["time"].to_numpy()[columns[0]]
    labels, folds = Labels.of(given), folds_of(groups)
    tests = [f.test for f in folds]
    few = FewUnits(x, folds) if are_few(x.shape, folds) else None

    def reached(of: Labels) -> NDArray[np.float64]:
        decisions = cross_decisions(x, of, folds) if few is None else few.decisions(of.codes)
        return over_folds(auc, of.codes, decisions, tests)

    found = reached(labels)
    rng = np.random.default_rng([seed, 0xC0DE])
    highest = []
    for _ in range(permutations):
        drawn = Labels(permuted_within(labels.codes, groups, rng), labels.classes)
        highest.append(float(reached(drawn).max()))
    null = np.array(highest)
    p = [(1 + (null >= a - 1e-12).sum()) / (1 + len(null)) if len(null) else float("nan") for a in found]
    return Curve(times=tuple(times.tolist()), auc=tuple(found.tolist()), p=tuple(float(v) for v in p))


def _matrix(values: NDArray[np.floating[Any]], order: Sequence[int]) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(number_or_none(v) for v in row) for row in values[np.ix_(order, order)].tolist())
