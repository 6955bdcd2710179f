"""p-value: could predictions of the same smoothness, unrelated to the responses, score as well?

Neighbouring samples of a time course resemble each other, and a parametric test of r takes each for a new
one: under AR(1) noise of .8 it calls 21 % of null regions significant at .05, of .95 32 %. Four nulls keep what
makes neighbours alike:

==============  =====================================================================================
``permutation`` order of single samples; right for exchangeable stimuli only
``block``       order of blocks of neighbours inside a run; leaves autocorrelation at the seams out
``shift``       circular shift of the predictions inside each run; keeps all but the seam
``phase``       random phases of their Fourier components inside each run; keeps the spectrum
``group``       order of whole groups inside a run, each stretched over the place of another; exact for equal sizes
==============  =====================================================================================

Their rates of false positives are measured in tests/benchmarks/coverage.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows, Split
from gyral.errors import BadArrays
from gyral.scores.blocks import FLAT_MEASURED, FLAT_PREDICTED
from gyral.scores.resampling import MEMORY, Statistic

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
Null = Literal["permutation", "block", "shift", "phase", "group"]

DRAWS = 1000
# A run needs this many samples to have a spectrum or shifts worth drawing.
SHORTEST_RUN = 32
_LEAST_SHIFT = 0.1  # of the run: smaller shifts leave smooth predictions in place


@dataclass(frozen=True, eq=False)
class Significance:
    """One-sided test that values lie above what unrelated predictions reach.

    Parameters
    ----------
    values : array, parts
        r in each run, mean over runs by their samples, then over units.
    p : array, parts
        ``(1 + number of null draws at least as high) / (1 + draws)``; NaN without a value.
    null : {"permutation", "block", "shift", "phase", "group"}
    draws : int
    """

    values: Floats
    p: Floats
    null: Null
    draws: int


def runs_of(split: Split) -> list[Rows]:
    """Stretches of held-out rows measured one after the other: groups inside folds, or folds."""
    if split.groups is None:
        return [f.test for f in split.folds]
    return [f.test[split.groups[f.test] == g] for f in split.folds for g in np.unique(split.groups[f.test])]


def significance(
    measured: Array,
    predicted: Array,
    runs: Sequence[Rows],
    null: Null,
    *,
    over: Literal["median", "mean"] = "median",
    parts: Sequence[NDArray[np.integer[Any]]] | None = None,
    mean: bool = False,
    block: int = 1,
    groups: NDArray[np.integer[Any]] | None = None,
    stretch: float = 1.0,
    draws: int = DRAWS,
    seed: int = 0,
    memory: int = MEMORY,
) -> Significance:
    """Test of region values against predictions made unrelated, the same way for all units of a draw.

    Parameters
    ----------
    measured, predicted : array, samples x units
    runs : sequence of int array
        Rows of each uninterrupted run, in order (`runs_of`).
    null : {"permutation", "block", "shift", "phase", "group"}
    over : {"median", "mean"}
        How a part's value comes of its units.
    parts : sequence of int array, optional
        Units of each value; default one value of all units.
    mean : bool
        True: the mean over parts that have a value is tested as well, and stands before them.
    block : int
        Samples a block, for ``block``.
    groups : int array, samples, optional
        Group of each sample, for ``group``; those of a run stand together.
    stretch : float
        Factor on null scores about their mean: what a null that holds predictions leaves out (`gyral.scores.chance`).
    draws : int
        At most; a single run has no more shifts than samples.
    seed : int
    memory : int
        Bytes that one chunk of draws may take.

    Raises
    ------
    BadArrays
        Shapes differ, samples are missing, or runs are too short for the null.
    """
    values, chunks = null_values(
        measured,
        predicted,
        runs,
        null,
        over=over,
        parts=parts,
        block=block,
        groups=groups,
        stretch=stretch,
        draws=draws,
        seed=seed,
        memory=memory,
    )
    if mean:
        values, chunks = mean_before(values), map(mean_before, chunks)
    reached, drawn = np.zeros(len(values)), 0
    for scores in chunks:
        reached += (scores >= values - 1e-12).sum(axis=0)
        drawn += len(scores)
    return Significance(values, np.where(np.isfinite(values), (1 + reached) / (1 + drawn), np.nan), null, drawn)


def mean_before(values: Floats) -> Floats:
    """The mean over parts (last axis) that have a value before them."""
    known = np.isfinite(values)
    count = known.sum(axis=-1, keepdims=True)
    total = np.where(known, values, 0.0).sum(axis=-1, keepdims=True)
    return np.concatenate([np.where(count > 0, total / np.maximum(count, 1), np.nan), values], axis=-1)


def null_values(
    measured: Array,
    predicted: Array,
    runs: Sequence[Rows],
    null: Null,
    *,
    over: Literal["median", "mean"] = "median",
    parts: Sequence[NDArray[np.integer[Any]]] | None = None,
    block: int = 1,
    groups: NDArray[np.integer[Any]] | None = None,
    stretch: float = 1.0,
    draws: int = DRAWS,
    seed: int = 0,
    memory: int = MEMORY,
) -> tuple[Floats, Iterator[Floats]]:
    """Values, and what unrelated predictions reach: parts, and chunks of draws x parts.

    Parameters and errors as `significance`; the parts of a draw belong together, so that a maximum over them is one of
    the same null.
    """
    if measured.shape != predicted.shape:
        raise BadArrays(f"predictions are {predicted.shape!r}, responses {measured.shape!r}.", where="predicted")
    for name, array in (("measured", measured), ("predicted", predicted)):
        if not all(np.isfinite(array[run]).all() for run in runs):
            raise BadArrays("missing samples break a run; leave such units out.", where=name)
    shortest = min(len(run) for run in runs)
    if null in ("shift", "phase") and shortest < SHORTEST_RUN:
        raise BadArrays(f"a run of {shortest} samples is too short for {null!r}.", where="runs")
    if null == "block" and shortest < 2 * block:
        raise BadArrays(f"a run of {shortest} samples has no two blocks of {block}.", where="runs")
    if null == "group" and groups is None:
        raise BadArrays("the null 'group' needs the group of each sample.", where="groups")
    units = measured.shape[1]
    members = [np.arange(units)] if parts is None else list(parts)
    pairs = [(_scaled(measured[run], FLAT_MEASURED), _scaled(predicted[run], FLAT_PREDICTED)) for run in runs]
    weight = np.array([len(run) for run in runs]) / sum(len(run) for run in runs)
    r = sum(w * (y * p).sum(axis=0) for w, (y, p) in zip(weight, pairs, strict=True))
    # A unit that is constant in a run has no score.
    r = np.where(np.all([np.any(y != 0, axis=0) for y, _ in pairs], axis=0), r, np.nan)
    statistic = Statistic(over)
    values = np.array([float(statistic.of(r[part])) for part in members])
    rng = np.random.default_rng([seed, 0x9A1E])
    chunk = max(1, memory // (8 * 4 * max(units, max(len(run) for run in runs))))

    codes = None if groups is None or null != "group" else [np.asarray(groups)[run] for run in runs]
    # What responses and predictions share by their places in a group stays where groups change places.
    centre = np.zeros(units)
    if codes is not None:
        centre += sum(
            w * (_at_places(y, c) * p).sum(axis=0) for w, (y, p), c in zip(weight, pairs, codes, strict=True)
        )

    def chunks() -> Iterator[Floats]:
        for scores in _null_scores(pairs, weight, null, block, codes, rng, draws, chunk):
            scores = np.where(np.isfinite(r), centre + stretch * (scores - centre), np.nan)
            yield np.stack([statistic.of(scores[:, part]) for part in members], axis=1)

    return values, chunks()


def false_discovery(p: Array) -> Floats:
    """Benjamini-Hochberg adjusted p over regions; missing ones stay missing and are not counted."""
    from scipy.stats import false_discovery_control  # slow import, and `gyral list` never comes here

    known = np.isfinite(p)
    out = np.full(np.shape(p), np.nan)
    if known.any():
        out[known] = false_discovery_control(np.asarray(p)[known], method="bh")
    return out


def _null_scores(
    pairs: Sequence[tuple[Floats, Floats]],
    weight: Floats,
    null: Null,
    block: int,
    groups: Sequence[NDArray[np.integer[Any]]] | None,
    rng: np.random.Generator,
    draws: int,
    chunk: int,
) -> Iterator[Floats]:
    """Null r of each unit, mean over runs: chunks of draws x units."""
    if null == "phase":
        spectra = [w * _cross_spectrum(y, p) for w, (y, p) in zip(weight, pairs, strict=True)]
    elif null == "shift":
        lagged = [w * _all_lags(y, p) for w, (y, p) in zip(weight, pairs, strict=True)]
        if len(pairs) == 1:
            # Every shift of a single run once: more draws would only repeat them.
            every = rng.permutation(len(lagged[0]))[:draws]
            yield from (lagged[0][every[k : k + chunk]] for k in range(0, len(every), chunk))
            return
    for first in range(0, draws, chunk):
        size = min(chunk, draws - first)
        total = np.zeros((size, pairs[0][0].shape[1]))
        for k, (y, p) in enumerate(pairs):
            if null == "phase":
                turn = np.exp(1j * rng.uniform(0, 2 * np.pi, (size, len(spectra[k]))))
                if len(y) % 2 == 0:
                    turn[:, -1] = rng.choice([-1.0, 1.0], size)  # the Nyquist component is real
                total += turn.real @ spectra[k].real - turn.imag @ spectra[k].imag
            elif null == "shift":
                total += lagged[k][rng.integers(len(lagged[k]), size=size)]
            else:
                for d in range(size):
                    order = _shuffled(len(y), block, rng) if groups is None else regrouped(groups[k], rng)
                    total[d] += weight[k] * (y[order] * p).sum(axis=0)
        yield total


def _scaled(values: Array, least: float) -> Floats:
    """Centred, of unit sum of squares; 0 where constant, by the rule of the score (`gyral.scores.blocks`)."""
    v = np.asarray(values, np.float64)
    mean = v.mean(axis=0)
    v = v - mean
    square = (v * v).sum(axis=0)
    flat = square <= least * len(v) * mean**2
    return np.asarray(np.where(flat, 0.0, v / np.sqrt(np.where(flat | (square == 0), 1.0, square))))


def _cross_spectrum(y: Floats, p: Floats) -> NDArray[np.complex128]:
    """What each frequency above zero adds to r: frequencies x units, turned by the phase that is drawn."""
    count = len(y)
    cross = np.conj(np.fft.rfft(p, axis=0)) * np.fft.rfft(y, axis=0) * (2 / count)
    if count % 2 == 0:
        cross[-1] /= 2
    return np.asarray(cross[1:])


def _all_lags(y: Floats, p: Floats) -> Floats:
    """r after each circular shift of at least a tenth of the run: shifts x units."""
    count = len(y)
    r = np.fft.irfft(np.conj(np.fft.rfft(p, axis=0)) * np.fft.rfft(y, axis=0), count, axis=0)
    least = max(1, int(np.ceil(_LEAST_SHIFT * count)))
    return np.asarray(r[least : count - least + 1])


def _shuffled(count: int, block: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if block == 1:
        return rng.permutation(count)
    # A random start, so that seams fall anywhere.
    rows = np.roll(np.arange(count), -int(rng.integers(count)))
    parts = np.split(rows, np.arange(block, count, block))
    return np.concatenate([parts[k] for k in rng.permutation(len(parts))])


def regrouped(codes: NDArray[np.integer[Any]], rng: np.random.Generator) -> NDArray[np.int64]:
    """For each place the row that another group has there; groups of other sizes are stretched or squeezed."""
    starts, sizes = _extents(codes)
    other = rng.permutation(len(starts))
    return _taken(starts, sizes, starts[other], sizes[other])


def _at_places(values: Floats, codes: NDArray[np.integer[Any]]) -> Floats:
    """Mean over all orders of `regrouped`: at each place the mean over the groups that can stand there."""
    starts, sizes = _extents(codes)
    total = np.zeros_like(values)
    for k in range(len(starts)):
        same = np.full(len(starts), k)
        total += values[_taken(starts, sizes, starts[same], sizes[same])]
    return total / len(starts)


def _extents(codes: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row and size of each group, which stands together."""
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]])).astype(np.int64)
    return starts, np.diff(np.append(starts, len(codes)))


def _taken(
    starts: NDArray[np.int64], sizes: NDArray[np.int64], of: NDArray[np.int64], long: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Rows where groups that begin ``of`` and are ``long`` stand in the places of others."""
    place = np.arange(sizes.sum()) - np.repeat(starts, sizes)
    return np.asarray(np.repeat(of, sizes) + place * np.repeat(long, sizes) // np.repeat(sizes, sizes), np.int64)


def orders_of(groups: NDArray[np.integer[Any]], runs: Sequence[Rows]) -> float:
    """How many orders groups can stand in inside their runs (infinity where too many to write down)."""
    counts = np.array([len(np.unique(groups[run])) for run in runs])
    return float(np.prod([float(factorial(int(count))) if count < 100 else np.inf for count in counts]))
