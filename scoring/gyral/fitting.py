"""Fitting: out-of-fold predictions of every layer, block by block of units, resumed where it was cut off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gyral.datasets.region import Region
from gyral.datasets.split import Fold
from gyral.errors import OutOfResources
from gyral.features.features import Features
from gyral.progress import Progress, silent
from gyral.readouts.readout import Attentive, FittedJoint, FittedReadout, JointReadout, Readout, Weighing
from gyral.scores.problem import Problem
from gyral.threads import few_threads
from gyral.workplace import Piece, Reading, Workplace

Array = NDArray[np.floating[Any]]
Units = NDArray[np.int64]

# Bytes that fitting may take beside features, responses and predictions.
MEMORY = 2 << 30
# Trait of fits that are `gyral.readouts.readout.Weighing`.
NOISE_GAIN = "noise_gain"
# Held-out samples of each fold whose maps are kept.
_EXAMPLES = 2
# Responses in training below which a unit is left out.
_LEAST = 3
_TOO_FEW = f"some units have fewer than {_LEAST} responses in training and are left out"


@dataclass(frozen=True, eq=False)
class LayerFits:
    """Out-of-fold predictions of every layer of one model.

    Parameters
    ----------
    layers : tuple of str
        "all layers" where a family reads them together.
    predictions : array, layers x samples x units
        float32; NaN where a row is never held out, and for units in no region.
    inner_r2 : array, folds x layers x units
        What training rows say of each layer.
    traits : dict of str to array, folds x layers x units
        Figures of the fits (`gyral.readouts.readout.FittedReadout.traits`); NaN where a fit has none.
    explained : dict of str to array, folds x layers x units
        Held-out figures of feature spaces (`gyral.readouts.readout.FittedJoint.explain`).
    grids : tuple of (int, int), one a layer
        Rows and columns of positions.
    readings : dict of (layer, part of `Problem.parts`) to one Reading a fold
        Where a family that can say so reads.
    warnings : tuple of str
    """

    layers: tuple[str, ...]
    predictions: Array
    inner_r2: Array
    traits: dict[str, Array] = field(default_factory=dict)
    explained: dict[str, Array] = field(default_factory=dict)
    grids: tuple[tuple[int, int], ...] = ()
    readings: dict[tuple[int, int], list[Reading]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def chosen_in(self, fold: int, region: Region) -> int:
        """Layer with the best mean inner R2 over the region's units; the first of equals."""
        scores = self.inner_r2[fold][:, region.units]
        known = np.isfinite(scores)
        sums = np.where(known, scores, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return int(np.argmax(np.where(known.any(axis=1), sums, -np.inf)))

    def picks(self, problem: Problem, region: Region) -> list[int]:
        """Layer chosen in each fold."""
        return [self.chosen_in(f, region) for f in range(len(problem.split.folds))]

    def gains(self, region: Region, picks: Sequence[int]) -> Array | None:
        """Noise gain of a region's units with one layer a fold: folds x units; None where the readout does not say."""
        found = self.traits.get(NOISE_GAIN)
        return None if found is None else np.stack([found[f, k, region.units] for f, k in enumerate(picks)])

    def assembled(self, problem: Problem, region: Region, picks: Sequence[int]) -> Array:
        """Predictions of a region with one layer a fold: samples x its units, float32; NaN where never held out."""
        out = np.full((len(problem.responses), len(region)), np.nan, np.float32)
        for fold, k in zip(problem.split.folds, picks, strict=True):
            out[fold.test] = self.predictions[k][np.ix_(fold.test, region.units)]
        return out


def fit_layers(
    features: Mapping[str, Features],
    problem: Problem,
    readout: Readout | JointReadout,
    *,
    beside: Sequence[Features] = (),
    seed: int = 0,
    memory: int = MEMORY,
    workplace: Workplace | None = None,
    progress: Progress = silent,
    step: str = "readout",
) -> LayerFits:
    """Fit the readout on each layer and fold; predictions are for held-out rows only.

    Parameters
    ----------
    features : mapping of layer name to Features
    problem : Problem
    readout : Readout or JointReadout
    beside : sequence of Features
        Further feature spaces of a joint family (nuisances, an assisting model).
    seed : int
    memory : int
        Bytes that fitting may take beside features, responses and predictions; units are cut into blocks
        that keep to it.
    workplace : Workplace, optional
        Where finished blocks rest, so that an interrupted fit goes on after the last of them.
    progress, step

    Raises
    ------
    OutOfResources
        Not even the smallest block fits ``memory`` (``memory-budget``); the message says the least that would.
    """
    place = workplace or Workplace.private()
    jobs = _jobs(features, readout, beside)
    work = [
        (k, f, b, units)
        for k, job in enumerate(jobs)
        for f, fold in enumerate(problem.split.folds)
        for b, units in enumerate(_blocks(readout, job.widest, problem, len(fold.train), memory))
    ]
    gathered = _Gathered(jobs, problem, place)
    for done, (k, f, b, units) in enumerate(work):
        progress(step, done, len(work))
        piece = place.load(k, f, b)
        if piece is None:
            fold = problem.split.folds[f]
            with few_threads(max(len(fold.train), len(units))):
                piece = _fit(jobs[k], readout, problem, fold, units, seed)
            place.save(k, f, b, piece)
        gathered.add(k, f, units, piece)
    progress(step, len(work), len(work))
    return gathered.fits(len(jobs) * len(problem.split.folds))


@dataclass(frozen=True, eq=False)
class _Job:
    """One row of layers x folds: a layer, or all feature spaces a joint family takes."""

    label: str
    spaces: tuple[Features, ...]

    @property
    def widest(self) -> Features:
        return max(self.spaces, key=lambda s: s.width)


def _jobs(
    features: Mapping[str, Features], readout: Readout | JointReadout, beside: Sequence[Features]
) -> list[_Job]:
    if isinstance(readout, JointReadout) and not readout.per_layer:
        return [_Job("all layers", (*features.values(), *beside))]
    return [_Job(name, (layer, *beside)) for name, layer in features.items()]


def _fit(
    job: _Job, readout: Readout | JointReadout, problem: Problem, fold: Fold, block: Units, seed: int
) -> Piece:
    known = np.isfinite(_columns(problem.responses, block)[fold.train]).sum(axis=0) >= _LEAST
    if known.all():
        return _fit_known(job, readout, problem, fold, block, block, seed)
    if not known.any():
        return Piece(_nan(len(fold.test), len(block)), _nan(len(block)), warnings=(_TOO_FEW,))
    # One empty unit must not stop the others.
    piece = _fit_known(job, readout, problem, fold, block[known], block, seed)
    predictions = _nan(len(fold.test), len(block))
    predictions[:, known] = piece.predictions
    return Piece(
        predictions,
        _spread(piece.inner_r2, known),
        {k: _spread(v, known) for k, v in piece.traits.items()},
        {k: _spread(v, known) for k, v in piece.explained.items()},
        (*piece.warnings, _TOO_FEW),
        piece.readings,
    )


def _nan(*shape: int) -> Array:
    return np.full(shape, np.nan, np.float32)


def _spread(values: Array, known: NDArray[np.bool_]) -> Array:
    out = np.full(len(known), np.nan)
    out[known] = values
    return out


def _fit_known(
    job: _Job,
    readout: Readout | JointReadout,
    problem: Problem,
    fold: Fold,
    units: Units,
    block: Units,
    seed: int,
) -> Piece:
    inside = np.full(problem.responses.shape[1], -1)
    inside[units] = np.arange(len(units))
    regions = []
    for n, part in enumerate(problem.parts):
        mine = inside[part.units]
        # A region that is cut by blocks is no whole one; a unit that is left out does not count.
        if np.isin(part.units, block).all() and (mine >= 0).any():
            regions.append(Region(str(n), mine[mine >= 0]))
    responses = _columns(problem.responses, units)
    inner = problem.split.inner(fold)
    spaces = tuple(space.within(fold.train) for space in job.spaces)
    fitted: FittedReadout | FittedJoint
    explained: Mapping[str, Array] = {}
    if isinstance(readout, JointReadout):
        fitted = readout.fit_spaces(spaces, responses, fold.train, inner, regions=regions, seed=seed)
        predictions = fitted.predict(spaces, fold.test)
        explained = fitted.explain(spaces, responses, fold.test)
    else:
        fitted = readout.fit(spaces[0], responses, fold.train, inner, regions=regions, seed=seed)
        predictions = fitted.predict(spaces[0], fold.test)
    readings = _readings(fitted, spaces, fold.test) if isinstance(fitted, Attentive) else {}
    traits = dict(fitted.traits)
    if isinstance(fitted, Weighing):
        traits[NOISE_GAIN] = fitted.noise_gain(spaces[0], fold.test)
    return Piece(predictions, fitted.inner_r2, traits, dict(explained), fitted.warnings, readings)


def _readings(fitted: Attentive, spaces: tuple[Features, ...], test: Units) -> dict[int, Reading]:
    spots = np.unique(np.linspace(0, len(test) - 1, 2 * _EXAMPLES + 1).astype(int)[1::2])
    source: Any = spaces if isinstance(fitted, FittedJoint) else spaces[0]
    found = {}
    for name, weights in fitted.maps(source, test).items():
        # A mask that is the same for every sample has no examples.
        shown = spots if len(weights) > 1 else spots[:0]
        if name.isdigit():  # a family names units of no whole region by itself
            found[int(name)] = Reading(weights.mean(axis=0), test[shown], weights[shown])
    return found


class _Gathered:
    """Puts pieces where they belong."""

    def __init__(self, jobs: Sequence[_Job], problem: Problem, place: Workplace) -> None:
        samples, units = problem.responses.shape
        self._problem, self._jobs = problem, jobs
        self._shape = (len(problem.split.folds), len(jobs), units)
        self._predictions = place.array((len(jobs), samples, units))
        self._inner_r2 = np.full(self._shape, np.nan)
        self._traits: dict[str, Array] = {}
        self._explained: dict[str, Array] = {}
        self._readings: dict[tuple[int, int], list[Reading]] = {}
        self._notes: dict[str, set[tuple[int, int]]] = {}

    def add(self, k: int, f: int, units: Units, piece: Piece) -> None:
        test = self._problem.split.folds[f].test
        self._predictions[k, test[:, None], units] = piece.predictions
        self._inner_r2[f, k, units] = piece.inner_r2
        for into, found in ((self._traits, piece.traits), (self._explained, piece.explained)):
            for name, values in found.items():
                into.setdefault(name, np.full(self._shape, np.nan, np.float32))[f, k, units] = values
        for part, reading in piece.readings.items():
            self._readings.setdefault((k, part), []).append(reading)
        for text in piece.warnings:
            self._notes.setdefault(text, set()).add((k, f))

    def fits(self, count: int) -> LayerFits:
        return LayerFits(
            tuple(job.label for job in self._jobs),
            self._predictions,
            self._inner_r2,
            self._traits,
            self._explained,
            tuple(job.spaces[0].grid for job in self._jobs),
            self._readings,
            tuple(f"{text} (in {len(where)} of {count} fits)" for text, where in sorted(self._notes.items())),
        )


def _columns(responses: Array, units: Units) -> Array:
    # A slice of a memory map is read where it is; a list of columns would be copied.
    if len(units) and units[-1] - units[0] + 1 == len(units):
        return responses[:, units[0] : units[-1] + 1]
    return responses[:, units]


def _size(count: int) -> str:
    """Bytes as people count them; never rounded to nothing."""
    return f"{count / 2**20:,.0f} MiB" if count >= 10 << 20 else f"{count / 2**20:.2g} MiB"


def _blocks(
    readout: Readout | JointReadout, features: Features, problem: Problem, rows: int, memory: int
) -> Iterator[Units]:
    """Units of all regions in blocks whose fits keep to ``memory``; regions stay whole where they must."""
    pieces = _whole(problem) if readout.by_region else [np.array([u]) for u in problem.scored]
    most = _most(readout, features, rows, max(len(problem.scored), 1), memory)
    largest = max(len(p) for p in pieces)
    if largest > most:
        least = readout.working_bytes(features, rows, largest)
        what = f"a region of {largest} units" if readout.by_region else "a single unit"
        raise OutOfResources(
            f"readout {readout.name!r} needs {_size(least)} to fit {what} of this layer; {_size(memory)} are given.",
            where=f"layer {features.layer!r}",
            mend=f"Give more memory, at least {_size(least)}, or read smaller layers.",
            code="memory-budget",
        )
    block: list[Units] = []
    for piece in pieces:
        if sum(map(len, block)) + len(piece) > most:
            yield np.sort(np.concatenate(block))
            block = []
        block.append(piece)
    yield np.sort(np.concatenate(block))


def _most(readout: Readout | JointReadout, features: Features, rows: int, units: int, memory: int) -> int:
    """Most units whose fit keeps to ``memory``; 0 if not even one does."""
    low, high = 0, units
    while low < high:
        middle = (low + high + 1) // 2
        if readout.working_bytes(features, rows, middle) <= memory:
            low = middle
        else:
            high = middle - 1
    return low


def _whole(problem: Problem) -> list[Units]:
    """Units that must be fitted together: regions of a subject, joined where they overlap."""
    parts = problem.parts
    index = np.concatenate([p.units for p in parts])
    owner = np.repeat(np.arange(len(parts)), [len(p) for p in parts])
    links = coo_array(
        (np.ones(len(index)), (owner, index + len(parts))), shape=2 * (len(parts) + problem.responses.shape[1],)
    )
    _, label = connected_components(links.tocsr(), directed=False)
    of_unit = label[len(parts) :][problem.scored]
    return [problem.scored[of_unit == c] for c in dict.fromkeys(of_unit.tolist())]
