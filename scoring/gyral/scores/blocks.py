"""Blocks: sums over blocks of held-out stimuli, from which correlations and their redraws follow.

A block is what may be drawn or deleted as one: a stimulus, a group (story, passage), or a stretch of an ordered
series long enough that stretches hardly know of each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gyral.datasets.split import Rows, Split
from gyral.errors import BadArrays

Array = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

# Order of the third axis of `Blocks.sums`.
SUMS = ("n", "y", "p", "yy", "pp", "yp")

# Enough blocks that percentiles hold, few enough that an ordered series gives long ones.
BLOCKS = 100
ORDERED_BLOCKS = 40
LEAST_BLOCKS = 8
# A block should be this many times as long as its rows stay correlated: the variance is then about a tenth too
# small where predictions are as smooth as can be, and half of that where they are as smooth as responses.
_LENGTHS = 4.0
_UNITS = 512
# Variances below these shares of the squared mean are rounding errors of a constant: measured values are as given
# (float64), predictions are float32.
FLAT_MEASURED = 1e-20
FLAT_PREDICTED = float(4 * np.finfo(np.float32).eps) ** 2


@dataclass(frozen=True, eq=False)
class Blocks:
    """Sums over blocks of held-out rows.

    Parameters
    ----------
    sums : array, model draws x blocks x 6 x units
        Count, y, p, yy, pp, yp (`SUMS`).
    fold_of : int array, blocks
        Outer fold that held the block out, ascending.
    rows : int array, blocks
        Number of rows of the block.
    noise : array, blocks x 4 x units, optional
        Of repeats: squared deviations from each stimulus' mean, repeats to spare (n - 1), 1/n, and the variance by
        which responses of the fold were scaled. With them the noise ceiling (ncsnr) is redrawn together with r.

    Raises
    ------
    BadArrays
        The three do not fit each other.
    """

    sums: Floats
    fold_of: NDArray[np.int64]
    rows: NDArray[np.int64]
    noise: Floats | None = None

    def __post_init__(self) -> None:
        count = len(self.fold_of)
        if self.sums.ndim != 4 or self.sums.shape[1:3] != (count, len(SUMS)) or len(self.rows) != count:
            raise BadArrays(
                f"sums must be draws x {count} blocks x {len(SUMS)} x units, not {self.sums.shape!r}.",
                where="sums",
            )
        if (np.diff(self.fold_of) < 0).any():
            raise BadArrays("blocks must stand fold after fold.", where="fold_of")

    def __len__(self) -> int:
        return len(self.fold_of)

    @property
    def units(self) -> int:
        """Number of units."""
        return int(self.sums.shape[3])

    @property
    def folds(self) -> NDArray[np.int64]:
        """Folds that hold blocks, ascending."""
        return np.unique(self.fold_of)

    def of(self, units: NDArray[np.integer[Any]]) -> "Blocks":
        """The same for some units only."""
        noise = None if self.noise is None else self.noise[:, :, units]
        return replace(self, sums=self.sums[:, :, :, units], noise=noise)

    def merged(self, count: int) -> "Blocks":
        """Neighbours inside folds joined, to ``count`` blocks in all or as near as whole folds allow."""
        folds = self.folds
        per_fold = max(1, round(count / len(folds)))
        starts: list[int] = []
        for fold in folds:
            members = np.flatnonzero(self.fold_of == fold)
            starts += [int(part[0]) for part in np.array_split(members, min(per_fold, len(members)))]
        sums = np.add.reduceat(self.sums, starts, axis=1)
        noise = None if self.noise is None else np.add.reduceat(self.noise, starts, axis=0)
        return Blocks(sums, self.fold_of[starts], np.add.reduceat(self.rows, starts), noise)


def held_out_blocks(split: Split, count: int = BLOCKS) -> tuple[list[Rows], NDArray[np.int64]]:
    """Held-out rows in about ``count`` blocks of neighbours, and the fold of each.

    Groups stay whole, and no block crosses a fold; with fewer groups than asked for there are fewer blocks.
    """
    per_fold = max(1, round(count / len(split.folds)))
    rows: list[Rows] = []
    fold_of: list[int] = []
    for k, fold in enumerate(split.folds):
        if split.groups is None:
            parts = np.array_split(fold.test, min(per_fold, len(fold.test)))
        else:
            codes = split.groups[fold.test]
            _, first = np.unique(codes, return_index=True)
            names = codes[np.sort(first)]
            parts = [fold.test[np.isin(codes, p)] for p in np.array_split(names, min(per_fold, len(names)))]
        rows += parts
        fold_of += [k] * len(parts)
    return rows, np.asarray(fold_of, np.int64)


def block_sums(
    measured: Array,
    predicted: Array,
    blocks: Sequence[Rows],
    fold_of: NDArray[np.int64],
    *,
    repeats: Array | None = None,
    memory: int = 1 << 28,
) -> Blocks:
    """Sums over blocks, of values standardised in their fold (r does not mind, and nothing cancels).

    Parameters
    ----------
    measured : array, samples x units
        NaN masks a sample for that unit.
    predicted : array, samples x units or model draws x samples x units
        Out-of-fold predictions.
    blocks, fold_of
        From `held_out_blocks`.
    repeats : array, samples x repeats x units, optional
        Single presentations behind ``measured``, NaN where missing.
    memory : int
        Bytes that copies may take beside the result; units are streamed within it.

    Raises
    ------
    BadArrays
        Shapes differ, or a prediction is missing where there is a measurement.
    """
    predicted = predicted[None] if predicted.ndim == 2 else predicted
    if predicted.shape[1:] != measured.shape:
        raise BadArrays(
            f"predictions are {predicted.shape[1:]!r} where responses are {measured.shape!r}.", where="predicted"
        )
    units = measured.shape[1]
    out = np.zeros((len(predicted), len(blocks), len(SUMS), units))
    noise = None if repeats is None else np.zeros((len(blocks), 4, units))
    longest = max(
        sum(len(b) for b, f in zip(blocks, fold_of, strict=True) if f == k) for k in set(fold_of.tolist())
    )
    step = max(1, memory // (8 * 8 * longest))
    for members, rows, starts in each_fold(blocks, fold_of):
        for first in range(0, units, step):
            here = slice(first, first + step)
            y = measured[rows, here].astype(np.float64)
            present = np.isfinite(y)
            if repeats is not None and noise is not None:
                terms = _noise_terms(repeats[rows, :, here], y, present)
                noise[members, :, here] = np.add.reduceat(terms, starts, axis=0)
            y = standardised(y, present)
            for d in range(len(predicted)):
                p = predicted[d][rows, here].astype(np.float64)
                if not np.isfinite(p[present]).all():
                    raise BadArrays("a prediction is missing where there is a measurement.", where="predicted")
                p = standardised(p, present, FLAT_PREDICTED)
                terms = np.stack([present.astype(np.float64), y, p, y * y, p * p, y * p], axis=1)
                out[d, members, :, here] = np.add.reduceat(terms, starts, axis=0)
    return Blocks(out, fold_of, np.array([len(b) for b in blocks], np.int64), noise)


def each_fold(
    blocks: Sequence[Rows], fold_of: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], Rows, NDArray[np.int64]]]:
    """Of every fold: its blocks, their rows one block after the other, and where in them each begins."""
    for fold in np.unique(fold_of):
        members = np.flatnonzero(fold_of == fold)
        own = [blocks[b] for b in members.tolist()]
        yield members, np.concatenate(own), np.concatenate([[0], np.cumsum([len(b) for b in own])[:-1]])


def blocks_for(
    measured: Array, split: Split, *, exchangeable: bool = False, count: int | None = None
) -> tuple[list[Rows], NDArray[np.int64]]:
    """Blocks that may be taken for independent: groups, stretches of a series, or bins of stimuli.

    They follow from the responses and the split alone, so that all models of a board share them. Exchangeable stimuli
    and groups come in up to `BLOCKS` blocks. A series comes in at most `ORDERED_BLOCKS`, fewer where its rows stay
    correlated for longer (`correlated_rows`), never fewer than `LEAST_BLOCKS` or one a fold.
    """
    if count is None:
        count = BLOCKS
        if split.groups is None and not exchangeable:
            length = _LENGTHS * correlated_rows(measured, split)
            count = int(np.clip(len(split.held_out) / length, LEAST_BLOCKS, ORDERED_BLOCKS))
    return held_out_blocks(split, count)


def correlated_rows(measured: Array, split: Split) -> float:
    """Integrated autocorrelation time of the responses inside held-out folds, in rows (1: independent).

    ``1 + 2 sum rho_k`` over lags in pairs as long as a pair is positive (Geyer 1992, Statistical Science 7, 473-483).
    What a row adds to r stays correlated for no longer than that, however smooth the predictions.
    """
    return max(1.0, float(2 * pairs_of_lags(autocorrelation(measured, split)).sum() - 1))


def autocorrelation(values: Array, split: Split) -> Floats:
    """Autocorrelation inside held-out folds at lags from 0, autocovariances added over units (at most `_UNITS` of them)
    and folds; all 0 where nothing varies."""
    step = -(-values.shape[1] // _UNITS)
    covariance = np.zeros(max(len(f.test) for f in split.folds))
    for fold in split.folds:
        y = values[fold.test, ::step].astype(np.float64)
        y = standardised(y, np.isfinite(y))
        spectrum = np.fft.rfft(y, 2 * len(y), axis=0)
        covariance[: len(y)] += np.fft.irfft((np.abs(spectrum) ** 2).sum(axis=1), 2 * len(y))[: len(y)]
    return covariance / covariance[0] if covariance[0] > 0 else covariance


def pairs_of_lags(rho: Floats) -> Floats:
    """Sums of ``rho`` over lags (0, 1), (2, 3) ... as long as they are positive, never rising."""
    pairs = rho[: len(rho) // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    return np.minimum.accumulate(pairs[: max(stop, 1)])


def standardised(values: Floats, present: NDArray[np.bool_], least: float = FLAT_MEASURED) -> Floats:
    """Centred and scaled over present rows; 0 where missing or constant."""
    values = np.where(present, values, 0.0)
    count = np.maximum(present.sum(axis=0), 1)
    mean = values.sum(axis=0) / count
    centred = np.where(present, values - mean, 0.0)
    variance = (centred**2).sum(axis=0) / count
    flat = variance <= least * mean**2
    return np.asarray(np.where(flat, 0.0, centred / np.sqrt(np.where(flat | (variance <= 0), 1.0, variance))))


def _noise_terms(repeats: Array, means: Floats, present: NDArray[np.bool_]) -> Floats:
    """rows x 4 x units, in the order of `Blocks.noise`."""
    there = np.isfinite(repeats) & present[:, None]
    count = there.sum(axis=1)
    single = np.where(there, repeats, 0.0)
    own = single.sum(axis=1) / np.maximum(count, 1)
    within = np.where(there, single - own[:, None], 0.0) ** 2
    spread = np.nanvar(np.where(present, means, np.nan), axis=0)
    inverse = np.where(count > 0, 1 / np.maximum(count, 1), 0.0)
    return np.stack([within.sum(axis=1), np.maximum(count - 1, 0), inverse, spread * present], axis=1)
