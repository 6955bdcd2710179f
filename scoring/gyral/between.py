"""Between: subjects (or animals) predict each other's units, for ceilings where units are not shared.

``extrapolation``: pools of growing numbers of others predict a subject; the ceiling is what endlessly many would reach.
``consistency``: all others predict a subject, with the noise of their repeats taken out.
Both map by ridge in the split of the dataset, whatever readout a model is scored by. Predictions rest in the cache.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from gyral.datasets.dataset import Dataset
from gyral.datasets.folder import whole_folder
from gyral.datasets.region import Region
from gyral.datasets.responses import filled
from gyral.datasets.split import Rows
from gyral.errors import BadDataset
from gyral.features.features import Features
from gyral.fitting import MEMORY, fit_layers
from gyral.hashing import hash_json
from gyral.places import cache
from gyral.progress import Progress, silent
from gyral.provenance import code_hash
from gyral.readouts.ridge import Ridge
from gyral.room import make_room, touch
from gyral.scores.agreement import Agreement, neighbours
from gyral.scores.asymptote import Curve, extrapolated
from gyral.scores.ceiling import ceiling_from
from gyral.scores.consistency import consistent, noise_corrected
from gyral.scores.halves import half_means
from gyral.scores.problem import BETWEEN, Problem, problem_of

Array = NDArray[np.floating]
Values = Mapping[str, Array]

# Subsets of the others for each size of pool, and draws of random halves.
POOLS, HALVES = 4, 5
_LEAST = {"extrapolation": 4, "consistency": 2}


def posed(
    dataset: Dataset, ceiling: str, *, seed: int = 0, memory: int = MEMORY, progress: Progress = silent
) -> Problem:
    """The encoding problem a dataset poses, with a ceiling of any kind.

    Parameters
    ----------
    dataset : Dataset
        With responses.
    ceiling : str
        One of `gyral.benchmarks.benchmark.CEILINGS`.
    seed : int
        Of random pools and halves.
    memory : int
        Bytes that fitting may take.
    progress : Progress

    Raises
    ------
    BadDataset
        As `gyral.scores.problem.problem_of`; fewer subjects than the ceiling needs (``too-few-subjects``), subjects that do
        not share stimuli (``subjects-differ``), or too few repeats (``no-repeats``).
    """
    if ceiling not in BETWEEN:
        return problem_of(dataset, ceiling)
    problem = problem_of(dataset, "none")
    _require(dataset, ceiling)
    make = extrapolation if ceiling == "extrapolation" else consistency
    evidence = make(dataset, problem, seed=seed, memory=memory, progress=progress)
    return replace(problem, ceiling=ceiling_from(evidence, problem.split))


def extrapolation(
    dataset: Dataset,
    problem: Problem,
    *,
    curve: Curve = "spearman-brown",
    seed: int = 0,
    memory: int = MEMORY,
    progress: Progress = silent,
) -> Agreement:
    """Predictions of each subject from pools of 1, 2 ... others (up to four random pools a size), and their asymptote."""
    values = _values(dataset)
    others = len(values) - 1
    rng = np.random.default_rng([seed, 0x9001])
    pools = [(s, pool) for s in range(1, others + 1) for pool in _pools(others, s, rng)]
    sizes = np.array([s for s, _ in pools])

    def predictions() -> Iterator[tuple[Rows, int, Array]]:
        for t, (columns, subject) in enumerate(_columns(values)):
            rest = [s for s in values if s != subject]
            tables = {
                str(k): np.concatenate([values[rest[i]] for i in pool], 1) for k, (_, pool) in enumerate(pools)
            }
            progress("ceiling", t, len(values))
            for k, found in enumerate(_predict(tables, values[subject], problem, seed, memory)):
                yield columns, k, found
        progress("ceiling", len(values), len(values))

    series = _kept(dataset, problem, ("extrapolation", seed, POOLS), len(pools), predictions)

    return extrapolated(problem.responses, series, sizes, curve=curve)


def consistency(
    dataset: Dataset, problem: Problem, *, seed: int = 0, memory: int = MEMORY, progress: Progress = silent
) -> Agreement:
    """Predictions of each subject from all others, from all repeats and from five random halves of them."""
    responses = dataset.responses
    if responses is None:
        raise BadDataset("there are no responses.", where=f"dataset {dataset.name!r}")
    values, repeats = _values(dataset), responses.repeats
    rng = np.random.default_rng([seed, 0x4A1F])
    halved = [{s: half_means(np.asarray(r), rng) for s, r in repeats.items()} for _ in range(HALVES)]

    def predictions() -> Iterator[tuple[Rows, int, Array]]:
        for t, (columns, subject) in enumerate(_columns(values)):
            rest = [s for s in values if s != subject]
            progress("ceiling", t, len(values))
            sources: list[tuple[int, Values, Array]] = [(0, values, values[subject])]
            for d, draw in enumerate(halved):
                sources += [(1 + 2 * d + h, {s: draw[s][h] for s in rest}, draw[subject][h]) for h in (0, 1)]
            for k, source, target in sources:
                table = {"others": np.concatenate([source[s] for s in rest], axis=1)}
                yield columns, k, _predict(table, target, problem, seed, memory)[0]
        progress("ceiling", len(values), len(values))

    series = _kept(dataset, problem, ("consistency", seed, HALVES), 1 + 2 * HALVES, predictions)

    return consistent(problem.responses, series[0], list(zip(series[1::2], series[2::2], strict=True)))


def corrected_for_both(dataset: Dataset, problem: Problem, *, seed: int = 0) -> Array:
    """Correlation of each unit with what all others predict, with the noise of source and target out: units.

    No ceiling of a model, which is scored against noisy responses, but how alike the brains are (`noise_corrected`). NaN where
    either is too unreliable.

    Parameters
    ----------
    dataset : Dataset
    problem : Problem
        Posed with the ceiling ``consistency``.
    seed : int
        Of the random halves of the target's repeats.
    """
    responses, ceiling = dataset.responses, problem.ceiling
    evidence = None if ceiling is None else ceiling.evidence
    if responses is None or not isinstance(evidence, Agreement):
        raise BadDataset("there is no consistency of responses.", where=f"dataset {dataset.name!r}")
    rng = np.random.default_rng([seed, 0x7A26])
    halves: list[Array] = []
    for _ in range(HALVES):
        draws = [half_means(np.asarray(responses.repeats[s]), rng) for s in responses.values]
        halves += [np.concatenate([draw[h] for draw in draws], axis=1) for h in (0, 1)]
    predicted, first = len(evidence.pairs), len(evidence.series)
    both = replace(
        evidence,
        series=[*evidence.series, *halves],
        pairs=[*evidence.pairs, *((first + 2 * d, first + 2 * d + 1) for d in range(HALVES))],
        combine=lambda r, rows, columns: noise_corrected(
            r[0], r[1:predicted].mean(axis=0), r[predicted:].mean(axis=0)
        ),
    )
    blocks, fold_of = neighbours([fold.test for fold in problem.split.folds])
    found: Array = both.under(blocks, fold_of, np.ones((1, len(blocks))), np.arange(evidence.units))[0]
    return found


def _require(dataset: Dataset, ceiling: str) -> None:
    responses, where = dataset.responses, f"ceiling {ceiling!r} of dataset {dataset.name!r}"
    if responses is None:
        return
    count, least = len(responses.values), _LEAST[ceiling]
    if count < least:
        raise BadDataset(
            f"{count} subject{'s' if count != 1 else ''}; at least {least} are needed.",
            where=where,
            mend="Use a ceiling from repeats, or 'none'.",
            code="too-few-subjects",
        )
    for subject, values in responses.values.items():
        silent_rows = int((~np.isfinite(values)).all(axis=1).sum())
        if silent_rows:
            raise BadDataset(
                f"subject {subject!r} has no response to {silent_rows} of {len(values)} stimuli; predicting "
                "subjects from each other needs the same stimuli in all.",
                where=where,
                mend="Keep the stimuli that all subjects share, or use a ceiling from repeats.",
                code="subjects-differ",
            )
    if ceiling == "consistency":
        for subject in responses.values:
            if subject not in responses.repeats:
                raise BadDataset(f"subject {subject!r} has no repeats.", where=where, code="no-repeats")
            shown = np.isfinite(responses.repeats[subject]).any(axis=2).sum(axis=1)
            if (shown < 2).any():
                raise BadDataset(
                    f"subject {subject!r} has fewer than two repeats of {int((shown < 2).sum())} of {len(shown)} "
                    "stimuli; each is split into halves.",
                    where=where,
                    mend="'ncsnr' takes stimuli with any number of repeats.",
                    code="no-repeats",
                )


def _values(dataset: Dataset) -> dict[str, Array]:
    return {} if dataset.responses is None else {s: np.asarray(v) for s, v in dataset.responses.values.items()}


def _columns(values: Values) -> Iterator[tuple[Rows, str]]:
    start = 0
    for subject, own in values.items():
        yield np.arange(start, start + own.shape[1]), subject
        start += own.shape[1]


def _pools(others: int, size: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Different subsets of the others: all of them, or `POOLS` at random."""
    if comb(others, size) <= POOLS:
        return list(combinations(range(others), size))
    found: dict[tuple[int, ...], None] = {}
    while len(found) < POOLS:
        found[tuple(sorted(rng.permutation(others)[:size].tolist()))] = None
    return list(found)


def _predict(tables: Values, target: Array, problem: Problem, seed: int, memory: int) -> Array:
    """Out-of-fold predictions of a subject's units from each table of other units: tables x samples x units."""
    units = np.arange(target.shape[1])
    own = Problem(
        np.asarray(target, np.float32), problem.split, (Region("all", units),), np.full(len(units), "one"), None
    )
    return fit_layers(
        {name: Features(name, filled(table)) for name, table in tables.items()},
        own,
        Ridge(),
        seed=seed,
        memory=memory,
    ).predictions


def _kept(
    dataset: Dataset,
    problem: Problem,
    what: Sequence[object],
    count: int,
    predictions: Callable[[], Iterator[tuple[Rows, int, Array]]],
) -> list[Array]:
    """Predictions by what they are made of, from the cache or made now: ``count`` arrays, samples x units."""
    key = hash_json([dataset.content_hash, problem.split.content_hash, list(what), code_hash()])[:32]
    folder = cache() / "ceilings" / key
    if not (folder / "predictions.npy").is_file():
        with whole_folder(folder) as scratch:
            shape = (count, *problem.responses.shape)
            out = open_memmap(scratch / "predictions.npy", "w+", np.float32, shape)
            for columns, k, found in predictions():
                out[k][:, columns] = found
            out.flush()
        make_room(keep=folder)
    touch(folder)
    return list(np.load(folder / "predictions.npy", mmap_mode="r"))
